"""Every layer's result and gradients against Paddle's own kernels in float64."""

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest

from models.onednn import layers, unavailable_because
from models.onednn.activation import Activation
from models.onednn.rearrangement import channels_behind, channels_first
from models.onednn.tape import Tape

pytestmark = pytest.mark.skipif(bool(unavailable_because()), reason=str(unavailable_because()))
needs_bf16 = pytest.mark.skipif(
    bool(unavailable_because("bf16")), reason=str(unavailable_because("bf16"))
)
# Largest error over the largest value. bfloat16 has 8 bits; what is summed is exact in both.
TOLERANCE = {"fp32": 1e-5, "bf16": 2e-2}
PRECISIONS = ["fp32", pytest.param("bf16", marks=needs_bf16)]


def draw(shape, precision, seed=0):
    """Values that both precisions can hold, as a float64 tensor."""
    values = paddle.to_tensor(np.random.default_rng(seed).standard_normal(shape), "float32")
    if precision == "bf16":
        values = values.astype("bfloat16").astype("float32")
    return values.astype("float64")


def run(operation, inputs, gradient, precision):
    """Run an operation on the kernels.

    Args:
        operation: From activations to an activation.
        inputs: float64 tensors `[N, C, D, H, W]`.
        gradient: That of the output, float64.
        precision: `"fp32"` or `"bf16"`.

    Returns:
        The output and the gradients of the inputs, float64 arrays.
    """
    tape = Tape(layers.DTYPES[precision])
    activations = [
        Activation(tape, channels_behind(x.astype("float32"), tape.dtype), True) for x in inputs
    ]
    output = operation(*activations)
    output.receive_gradient(channels_behind(gradient.astype("float32"), tape.dtype))
    tape._backward([])
    gradients = [channels_first(x.take_gradient()).numpy() for x in activations]
    return channels_first(output.data).numpy(), gradients, tape


def expected(operation, inputs, gradient):
    """The same in float64 with Paddle's kernels: the output, and what has a gradient."""
    inputs = [x.clone().detach() for x in inputs]
    for x in inputs:
        x.stop_gradient = False
    output = operation(*inputs)
    output.backward(gradient)
    return output.numpy(), [x.grad.numpy() for x in inputs]


def assert_close(ours, theirs, precision, factor=1):
    error = np.abs(ours - theirs).max() / np.abs(theirs).max()
    assert error < factor * TOLERANCE[precision]


CONVOLUTIONS = [
    # input [N, C, D, H, W], kernel, stride, output channels, groups
    pytest.param((2, 3, 8, 28, 28), (7, 7, 7), (1, 2, 2), 64, 1, id="stem"),
    pytest.param((1, 3, 5, 27, 31), (7, 7, 7), (1, 2, 2), 24, 1, id="stem, odd sizes"),
    pytest.param((2, 3, 4, 20, 20), (1, 7, 7), (1, 2, 2), 45, 1, id="stem of R(2+1)D, in space"),
    pytest.param((2, 45, 5, 9, 9), (3, 1, 1), (1, 1, 1), 64, 1, id="stem of R(2+1)D, in time"),
    pytest.param((2, 110, 8, 6, 6), (7, 1, 1), (2, 1, 1), 64, 1, id="7x1x1, stride in time"),
    pytest.param((3, 64, 8, 9, 9), (3, 3, 3), (1, 1, 1), 64, 1, id="3x3x3"),
    pytest.param((2, 64, 8, 9, 9), (3, 3, 3), (2, 2, 2), 128, 1, id="3x3x3, stride 2"),
    pytest.param((2, 64, 7, 10, 7), (3, 3, 3), (2, 2, 2), 128, 1, id="stride 2, odd sizes"),
    pytest.param((1, 64, 4, 7, 7), (1, 3, 3), (1, 2, 2), 230, 1, id="1x3x3 of R(2+1)D"),
    pytest.param((1, 230, 4, 4, 4), (3, 1, 1), (2, 1, 1), 128, 1, id="3x1x1 of R(2+1)D"),
    pytest.param((2, 64, 4, 7, 7), (1, 1, 1), (1, 1, 1), 256, 1, id="1x1x1"),
    pytest.param((2, 64, 5, 7, 8), (1, 1, 1), (2, 2, 2), 128, 1, id="1x1x1, stride 2"),
    pytest.param((2, 64, 4, 7, 7), (1, 1, 1), (1, 2, 2), 128, 1, id="1x1x1, stride 2 in space"),
    pytest.param((2, 128, 4, 7, 7), (3, 3, 3), (1, 1, 1), 128, 32, id="grouped, 4 channels each"),
    pytest.param((1, 256, 2, 5, 5), (3, 3, 3), (2, 2, 2), 256, 32, id="grouped, stride 2"),
    pytest.param((2, 128, 4, 6, 6), (3, 3, 3), (1, 1, 1), 32, 1, id="dense layer"),
    pytest.param((4, 64, 2, 7, 7), (3, 3, 3), (1, 1, 1), 64, 1, id="two frames"),
    pytest.param((2, 64, 1, 4, 4), (3, 3, 3), (1, 1, 1), 64, 1, id="one frame"),
    pytest.param((2, 64, 2, 7, 7), (3, 3, 3), (2, 2, 2), 64, 1, id="two frames to one"),
    pytest.param((2, 16, 3, 1, 1), (3, 3, 3), (1, 1, 1), 16, 1, id="one pixel"),
    pytest.param((2, 16, 2, 2, 5), (7, 7, 7), (1, 2, 2), 16, 1, id="kernel larger than the clip"),
    pytest.param((2, 32, 4, 5, 5), (7, 3, 3), (1, 1, 1), 32, 1, id="7 taps on 4 frames"),
]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(("shape", "kernel", "stride", "channels", "groups"), CONVOLUTIONS)
def test_a_convolution(shape, kernel, stride, channels, groups, precision):
    padding = tuple(k // 2 for k in kernel)
    layer = layers.Conv3D(
        shape[1], channels, kernel, stride, padding, groups=groups, bias_attr=False
    )
    weight = draw(layer.weight.shape, precision, 1)
    layer.weight.set_value(weight.astype("float32"))
    x = draw(shape, precision)

    def convolve(x, weight):
        return F.conv3d(x, weight, stride=stride, padding=padding, groups=groups)

    gradient = draw(convolve(x, weight).shape, precision, 2)
    output, (to_input, to_weight) = expected(convolve, [x, weight], gradient)
    ours, (ours_to_input,), tape = run(lambda x: x.convolve(layer), [x], gradient, precision)
    assert_close(ours, output, precision)
    assert_close(ours_to_input, to_input, precision)
    # Summed and kept in float32 in both precisions.
    assert_close(tape._gradients[id(layer.weight)].numpy(), to_weight, "fp32")
