"""BatchNorm with its ReLU in the same pass."""

import ctypes

import numpy as np
import paddle

from models.onednn.primitives import (
    BACKWARD,
    DESTINATION,
    DIFF_DESTINATION,
    DIFF_SCALE,
    DIFF_SHIFT,
    DIFF_SOURCE,
    FLOAT32,
    FORWARD_INFERENCE,
    FORWARD_TRAINING,
    MEAN,
    SCALE,
    SHIFT,
    SOURCE,
    VARIANCE,
    WORKSPACE,
    Primitive,
    PrimitiveDescriptor,
    dense,
    per_geometry,
)

_GLOBAL_STATISTICS, _SCALE, _SHIFT, _RELU = 1, 2, 4, 8


class BatchNorm:
    """The primitives of one geometry.

    Args:
        layout: The `Layout` of input and output.
        epsilon: What is added to the variance.
        relu: Whether a ReLU follows.
        global_statistics: Whether mean and variance are given instead of the batch's own.
        recording: Whether there is a backward pass.
    """

    def __init__(self, layout, epsilon, relu, global_statistics, recording):
        flags = _SCALE | _SHIFT | (_RELU if relu else 0)
        if global_statistics:
            flags |= _GLOBAL_STATISTICS
        memory = layout.describe()
        channels = dense([layout.shape[1]], FLOAT32).describe()
        kind = FORWARD_TRAINING if recording or not global_statistics else FORWARD_INFERENCE
        forward = PrimitiveDescriptor(
            "batch_normalization_forward", kind, memory, memory, epsilon, flags, None
        )
        with_workspace = relu and kind == FORWARD_TRAINING
        workspace = {WORKSPACE: forward.layout(WORKSPACE)} if with_workspace else {}
        statistics = {MEAN: channels, VARIANCE: channels}
        self.forward = Primitive(
            forward,
            {SOURCE: memory, DESTINATION: memory, SCALE: channels, SHIFT: channels}
            | statistics
            | workspace,
        )
        self.workspace_size = workspace[WORKSPACE].size if workspace else 0
        if not recording:
            return
        backward = PrimitiveDescriptor(
            "batch_normalization_backward",
            BACKWARD,
            memory,
            memory,
            memory,
            epsilon,
            flags,
            forward,
            None,
        )
        self.backward = Primitive(
            backward,
            {SOURCE: memory, DIFF_DESTINATION: memory, DIFF_SOURCE: memory, SCALE: channels}
            | {DIFF_SCALE: channels, DIFF_SHIFT: channels}
            | statistics
            | workspace,
        )


batch_norm = per_geometry(BatchNorm)


def view(tensor):
    """A float32 tensor's memory as a flat numpy array."""
    pointer = ctypes.cast(tensor.data_ptr(), ctypes.POINTER(ctypes.c_float))
    return np.ctypeslib.as_array(pointer, (tensor.size,))


def uses_given_statistics(layer):
    """Whether a `paddle.nn.BatchNorm3D` uses its running statistics, not the batch's own."""
    return not layer.training if layer._use_global_stats is None else layer._use_global_stats


def normalise(x, layer, relu):
    """Apply a `paddle.nn.BatchNorm3D`, see `Activation.normalise`.

    In training the running statistics are updated as Paddle does it: with the batch's biased
    variance, and the layer's momentum on the old value.
    """
    tape = x.tape
    given = uses_given_statistics(layer)
    learns_scale = tape.learns(layer.weight)
    learns_shift = tape.learns(layer.bias)
    output = x.empty(tape, x.shape, x.needs_gradient or learns_scale or learns_shift)
    recording = output.needs_gradient
    kernel = batch_norm(x.layout, layer._epsilon, relu, given, recording)
    workspace = paddle.empty([kernel.workspace_size], dtype="uint8")
    hidden = [workspace.data_ptr()] if kernel.workspace_size else []
    if given:
        mean, variance = layer._mean, layer._variance
    else:
        mean, variance = paddle.empty_like(layer._mean), paddle.empty_like(layer._variance)
    statistics = [mean.data_ptr(), variance.data_ptr()]
    scale, shift = layer.weight.data_ptr(), layer.bias.data_ptr()
    kernel.forward.run(x.address, output.address, scale, shift, *statistics, *hidden)
    if not given:
        for running, batch in ((layer._mean, mean), (layer._variance, variance)):
            values = view(running)
            values *= layer._momentum
            values += (1 - layer._momentum) * view(batch)
    if not recording:
        return output

    def step():
        # `mean`, `variance` and `workspace` are held here until they have been used.
        gradient = output.take_gradient(to_write=True)
        if gradient is None:
            return
        diff_scale = paddle.empty_like(layer.weight)
        diff_shift = paddle.empty_like(layer.bias)
        kernel.backward.run(
            x.address,
            gradient.data_ptr(),
            gradient.data_ptr(),
            layer.weight.data_ptr(),
            diff_scale.data_ptr(),
            diff_shift.data_ptr(),
            mean.data_ptr(),
            variance.data_ptr(),
            *([workspace.data_ptr()] if relu else []),
        )
        if learns_scale:
            tape.set_gradient(layer.weight, diff_scale)
        if learns_shift:
            tape.set_gradient(layer.bias, diff_shift)
        if x.needs_gradient:
            x.receive_gradient(gradient)

    tape.record(step)
    return output
