"""Moving data: into channels last and out of it, concatenation, shortcut A."""

import math

import paddle

from models.onednn.primitives import (
    DATA_TYPES,
    FLOAT32,
    channels_last,
    dense,
    per_geometry,
    reorder,
)


@per_geometry
def copy(source, destination):
    """A primitive `(source, destination)` that copies from one `Layout` to another.

    The two have the same shape; strides and data types may differ.
    """
    return reorder(source.describe(), destination.describe())


def as_float32(data):
    """A tensor of activations in float32."""
    return data if data.dtype == paddle.float32 else data.astype("float32")


def channels_first(data):
    """Activations `[N, D, H, W, C]` as a new tensor, float32 `[N, C, D, H, W]`."""
    n, d, h, w, c = data.shape
    result = paddle.empty([n, c, d, h, w], dtype="float32")
    last = channels_last(result.shape, DATA_TYPES[data.dtype])
    copy(last, dense(result.shape, FLOAT32)).run(data.data_ptr(), result.data_ptr())
    return result


def channels_behind(tensor, dtype):
    """A tensor, float32 `[N, C, D, H, W]`, as new activations `[N, D, H, W, C]` of a dtype."""
    tensor = tensor.contiguous()
    n, c, d, h, w = tensor.shape
    result = paddle.empty([n, d, h, w, c], dtype=dtype)
    last = channels_last(tensor.shape, DATA_TYPES[dtype])
    copy(dense(tensor.shape, FLOAT32), last).run(tensor.data_ptr(), result.data_ptr())
    return result


def to_tensor(x):
    """A Paddle tensor on Paddle's autograd, see `Activation.to_tensor`."""

    def seed(gradient):
        x.receive_gradient(channels_behind(gradient, x.tape.dtype))

    return x.tape.leave(channels_first(x.data), seed)


def concatenate(x, y):
    """One after another along the channels, see `Activation.concatenate`."""
    tape = x.tape
    channels = x.shape[1]
    output = x.empty(
        tape,
        [x.shape[0], channels + y.shape[1], *x.shape[2:]],
        x.needs_gradient or y.needs_gradient,
    )
    # Each input with the layout it has inside the output, and where it starts there.
    bytes_each = output.data.element_size()
    parts = [
        (x, x.layout._replace(strides=output.layout.strides), 0),
        (y, y.layout._replace(strides=output.layout.strides), channels * bytes_each),
    ]
    for part, inside, offset in parts:
        copy(part.layout, inside).run(part.address, output.address + offset)
    if not output.needs_gradient:
        return output

    def step():
        gradient = output.take_gradient()
        if gradient is None:
            return
        for part, inside, offset in parts:
            if part.needs_gradient:
                result = paddle.empty_like(part.data)
                copy(inside, part.layout).run(gradient.data_ptr() + offset, result.data_ptr())
                part.receive_gradient(result)

    tape.record(step)
    return output


def subsample(x, stride, channels):
    """Some elements, then zero channels, see `Activation.subsample`."""
    tape = x.tape
    t, h, w = stride
    c = x.shape[1]
    sizes = [math.ceil(length / s) for length, s in zip(x.shape[2:], stride, strict=True)]
    output = x.empty(tape, [x.shape[0], channels, *sizes], x.needs_gradient)
    output.data.zero_()
    output.data[..., :c] = x.data[:, ::t, ::h, ::w]
    if not output.needs_gradient:
        return output

    def step():
        gradient = output.take_gradient()
        if gradient is None:
            return
        result = paddle.zeros_like(x.data)
        result[:, ::t, ::h, ::w] = gradient[..., :c]
        x.receive_gradient(result)

    tape.record(step)
    return output
