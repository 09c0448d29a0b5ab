"""Pooling over windows and over everything."""

import paddle

from models.onednn import rearrangement
from models.onednn.primitives import (
    DESTINATION,
    DIFF_DESTINATION,
    DIFF_SOURCE,
    FORWARD_INFERENCE,
    FORWARD_TRAINING,
    SOURCE,
    WORKSPACE,
    Primitive,
    PrimitiveDescriptor,
    dims,
    per_geometry,
)

_ALGORITHMS = {"max": 0x1FF, "average": 0x3FF}


class Pooling:
    """The primitives of one geometry; padding counts neither as a maximum nor in a mean.

    Args:
        kind: `"max"` or `"average"`.
        source: The `Layout` of the input.
        destination: The `Layout` of the output.
        kernel: Three numbers, as `stride` and `padding` (in front).
        recording: Whether there is a backward pass.
    """

    def __init__(self, kind, source, destination, kernel, stride, padding, recording):
        behind = [
            max(0, (size - 1) * s + k - length - p)
            for size, s, k, length, p in zip(
                destination.shape[2:], stride, kernel, source.shape[2:], padding, strict=True
            )
        ]
        windows = [dims(stride), dims(kernel), dims([0, 0, 0]), dims(padding), dims(behind)]
        source, destination = source.describe(), destination.describe()
        forward = PrimitiveDescriptor(
            "pooling_forward",
            FORWARD_TRAINING if recording else FORWARD_INFERENCE,
            _ALGORITHMS[kind],
            source,
            destination,
            *windows,
            None,
        )
        with_workspace = recording and kind == "max"
        workspace = {WORKSPACE: forward.layout(WORKSPACE)} if with_workspace else {}
        self.workspace_size = workspace[WORKSPACE].size if workspace else 0
        self.forward = Primitive(forward, {SOURCE: source, DESTINATION: destination} | workspace)
        if not recording:
            return
        backward = PrimitiveDescriptor(
            "pooling_backward", _ALGORITHMS[kind], source, destination, *windows, forward, None
        )
        self.backward = Primitive(
            backward, {DIFF_DESTINATION: destination, DIFF_SOURCE: source} | workspace
        )


pooling = per_geometry(Pooling)


def pool(x, kind, kernel, stride, padding):
    """Pool over windows, see `Activation.max_pool` and `Activation.average_pool`."""
    tape = x.tape
    sizes = [
        (length + 2 * p - k) // s + 1
        for length, k, s, p in zip(x.shape[2:], kernel, stride, padding, strict=True)
    ]
    if min(sizes) < 1:
        raise ValueError(f"maps of {x.shape[2:]} are smaller than a pooling window of {kernel}")
    output = x.empty(tape, [*x.shape[:2], *sizes], x.needs_gradient)
    kernels = pooling(
        kind,
        x.layout,
        output.layout,
        tuple(kernel),
        tuple(stride),
        tuple(padding),
        x.needs_gradient,
    )
    workspace = paddle.empty([kernels.workspace_size], dtype="uint8")
    hidden = [workspace.data_ptr()] if kernels.workspace_size else []
    kernels.forward.run(x.address, output.address, *hidden)
    if not x.needs_gradient:
        return output
    like = x.data.shape

    def step():
        gradient = output.take_gradient()
        if gradient is None:
            return
        result = paddle.empty(like, dtype=tape.dtype)
        hidden = [workspace.data_ptr()] if kernels.workspace_size else []
        kernels.backward.run(gradient.data_ptr(), result.data_ptr(), *hidden)
        x.receive_gradient(result)

    tape.record(step)
    return output


def global_mean(x):
    """The mean over time, height and width, see `Activation.global_mean`.

    The last maps are small: numpy sums them, in float32 in both precisions.
    """
    tape = x.tape
    shape = x.data.shape
    values = rearrangement.as_float32(x.data)
    n, *sizes, channels = shape
    positions = sizes[0] * sizes[1] * sizes[2]
    mean = values.reshape([n, positions, channels]).mean(axis=1)

    def seed(gradient):
        spread = (gradient / positions).reshape([n, 1, 1, 1, channels]).expand(shape)
        x.receive_gradient(spread.astype(tape.dtype).contiguous())

    return tape.leave(mean, seed)
