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
    tape.backward([])
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


MAPS = [(2, 64, 4, 7, 7), (1, 24, 3, 5, 6), (3, 230, 1, 4, 4), (1, 16, 1, 1, 1)]


def batch_norm_layer(channels, relu, training):
    layer = layers.BatchNorm3D(channels, relu=relu)
    generator = np.random.default_rng(3)
    layer.weight.set_value(generator.uniform(-1, 1.5, channels).astype("float32"))
    layer.bias.set_value(generator.standard_normal(channels).astype("float32"))
    layer._mean.set_value(generator.standard_normal(channels).astype("float32"))
    layer._variance.set_value(generator.uniform(0.5, 2, channels).astype("float32"))
    if not training:
        layer.eval()
    return layer


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("shape", MAPS[:3])
def test_batch_norm_with_its_relu(shape, relu, training, precision):
    layer = batch_norm_layer(shape[1], relu, training)
    x = draw(shape, precision)
    mean, variance = layer._mean.astype("float64"), layer._variance.astype("float64")

    def normalise(x, weight, bias):
        y = F.batch_norm(x, mean, variance, weight, bias, training=training)
        return F.relu(y) if relu else y

    parameters = [layer.weight.astype("float64"), layer.bias.astype("float64")]
    gradient = draw(shape, precision, 2)
    output, (to_input, to_scale, to_shift) = expected(normalise, [x, *parameters], gradient)
    ours, (ours_to_input,), tape = run(
        lambda x: x.normalise(layer, layer.relu), [x], gradient, precision
    )
    assert_close(ours, output, precision)
    assert_close(ours_to_input, to_input, precision)
    assert_close(tape._gradients[id(layer.weight)].numpy(), to_scale, precision)
    assert_close(tape._gradients[id(layer.bias)].numpy(), to_shift, precision)
    # The running statistics, which the reference has updated too, or left alone.
    assert_close(layer._mean.numpy(), mean.numpy(), "fp32")
    assert_close(layer._variance.numpy(), variance.numpy(), "fp32")


def test_statistics_stay_still_where_they_are_frozen():
    layer = batch_norm_layer(16, relu=True, training=True)
    layer._use_global_stats = True
    before = layer._mean.numpy()
    x = draw((2, 16, 2, 3, 3), "fp32")
    ours, _, _ = run(lambda x: x.normalise(layer, True), [x], x, "fp32")
    np.testing.assert_array_equal(layer._mean.numpy(), before)
    layer.eval()
    there, _, _ = run(lambda x: x.normalise(layer, True), [x], x, "fp32")
    np.testing.assert_array_equal(ours, there)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("shape", [(2, 64, 4, 7, 7), (1, 24, 3, 5, 6), (1, 16, 1, 1, 1)])
@pytest.mark.parametrize("kind", ["max", "average"])
def test_pooling(kind, shape, precision):
    if kind == "average" and min(shape[2:]) < 2:
        pytest.skip("an average pool of 2 needs 2")
    windows = (3, 2, 1) if kind == "max" else (2, 2, 0)
    reference = F.max_pool3d if kind == "max" else F.avg_pool3d
    layer = (layers.MaxPool3D if kind == "max" else layers.AvgPool3D)(*windows)
    x = draw(shape, precision)
    gradient = draw(reference(x, *windows).shape, precision, 2)
    output, (to_input,) = expected(lambda x: reference(x, *windows), [x], gradient)
    ours, (ours_to_input,), _ = run(layer, [x], gradient, precision)
    assert_close(ours, output, precision)
    assert_close(ours_to_input, to_input, precision)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("shape", MAPS)
def test_a_sum(shape, relu, precision):
    inputs = [draw(shape, precision, seed) for seed in (0, 1)]

    def add(x, y):
        return F.relu(x + y) if relu else x + y

    gradient = draw(shape, precision, 2)
    output, gradients = expected(add, inputs, gradient)
    ours, ours_gradients, _ = run(lambda x, y: x.add(y, relu), inputs, gradient, precision)
    assert_close(ours, output, precision)
    for mine, its in zip(ours_gradients, gradients, strict=True):
        assert_close(mine, its, precision)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_an_input_used_three_times_gets_the_sum_of_its_gradients(precision):
    x = draw((2, 16, 2, 3, 3), precision)

    def thrice(add):
        return lambda x: add(add(x, x), x)

    gradient = draw(x.shape, precision, 2)
    _, (to_input,) = expected(thrice(lambda x, y: F.relu(x + y)), [x], gradient)
    _, (ours,), _ = run(thrice(lambda x, y: x.add(y, True)), [x], gradient, precision)
    assert_close(ours, to_input, precision)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_concatenation(precision):
    inputs = [draw((2, channels, 3, 4, 5), precision, channels) for channels in (40, 32)]
    gradient = draw((2, 72, 3, 4, 5), precision, 2)
    output, gradients = expected(lambda x, y: paddle.concat([x, y], 1), inputs, gradient)
    ours, ours_gradients, _ = run(lambda x, y: x.concatenate(y), inputs, gradient, precision)
    np.testing.assert_array_equal(ours, output)
    for mine, its in zip(ours_gradients, gradients, strict=True):
        np.testing.assert_array_equal(mine, its)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("stride", [(2, 2, 2), (1, 2, 2)])
def test_shortcut_a(stride, precision):
    layer = layers.PaddedIdentity(48, stride)
    x = draw((2, 16, 5, 6, 7), precision)
    gradient = draw(layer(x).shape, precision, 2)
    output, (to_input,) = expected(layer, [x], gradient)
    ours, (ours_to_input,), _ = run(layer, [x], gradient, precision)
    np.testing.assert_array_equal(ours, output)
    np.testing.assert_array_equal(ours_to_input, to_input)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_mean_over_time_and_space(precision):
    x = draw((3, 40, 2, 3, 4), precision)
    tape = Tape(layers.DTYPES[precision])
    clip = x.astype("float32")
    clip.stop_gradient = False
    kernels = layers.OneDnnLayers(precision)
    activation = kernels.enter(clip)
    mean = kernels.global_mean(activation)
    gradient = draw(mean.shape, precision, 2).astype("float32")
    mean.backward(gradient)
    assert tape.dtype == activation.data.dtype
    assert_close(mean.numpy(), x.numpy().mean((2, 3, 4)), "fp32")
    spread = np.broadcast_to(gradient.numpy()[:, :, None, None, None] / 24, x.shape)
    assert_close(clip.grad.numpy(), spread, precision)


def test_maps_smaller_than_a_window_are_refused():
    x = draw((1, 16, 1, 4, 4), "fp32")
    with pytest.raises(ValueError, match="smaller than a pooling window"):
        run(layers.AvgPool3D(2, 2), [x], x, "fp32")
    layer = layers.Conv3D(16, 16, 3, bias_attr=False)
    with pytest.raises(ValueError, match="smaller than a kernel"):
        run(layer, [x], x, "fp32")
