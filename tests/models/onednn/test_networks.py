"""Whole networks on oneDNN beside the same networks on Paddle's kernels."""

import functools

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest

import models
from models.onednn import (
    OneDnnError,
    OneDnnLayers,
    batch_norm,
    convolution,
    load,
    set_threads,
    unavailable_because,
)
from models.onednn.primitives import GEOMETRIES, Primitive
from tests import golden

pytestmark = pytest.mark.skipif(bool(unavailable_because()), reason=str(unavailable_because()))
needs_bf16 = pytest.mark.skipif(
    bool(unavailable_because("bf16")), reason=str(unavailable_because("bf16"))
)
PRECISIONS = ["fp32", pytest.param("bf16", marks=needs_bf16)]
SMALL = {"depth": 10, "widen_factor": 0.25, "n_classes": 5}
FAMILIES = {
    "r3d": SMALL,
    "r2p1d": SMALL,
    "preresnet": SMALL,
    "wideresnet": {"depth": 50, "widen_factor": 0.25, "stem_channels": 16, "n_classes": 5},
    "resnext": {"depth": 50, "cardinality": 8, "stem_channels": 16, "n_classes": 5},
    "densenet": {"depth": 121, "n_classes": 5},
    "torchvision_r3d": {"depth": 18, "n_classes": 5},
    "torchvision_mc3": {"depth": 18, "n_classes": 5},
    "torchvision_r2plus1d": {"depth": 18, "n_classes": 5},
}


def twins(architecture, precision, frozen=False, **options):
    """Two recognisers with the same weights: on Paddle's kernels, and on oneDNN's."""
    paddle.seed(5)
    there = models.build(architecture, **options)
    ours = models.build(architecture, layers=OneDnnLayers(precision, frozen=frozen), **options)
    ours.set_state_dict(there.state_dict())
    return [models.Recogniser(network, models.Normalisation()) for network in (there, ours)]


def clips(n=2, frames=16, size=(48, 48), seed=1):
    values = np.random.default_rng(seed).integers(0, 256, (n, 3, frames, *size), dtype=np.uint8)
    return paddle.to_tensor(values)


def small_clips(architecture):
    """An odd number of clips of odd height, as small as the family takes."""
    frames, height = (16, 35) if architecture == "densenet" else (6, 25)
    return clips(n=3, frames=frames, size=(height, 36))


def gradients(recogniser, batch):
    loss = F.cross_entropy(recogniser(batch), paddle.arange(len(batch)) % 5)
    loss.backward()
    return {
        name: parameter.grad.numpy()
        for name, parameter in recogniser.named_parameters()
        if parameter.grad is not None
    }


def distance(one, other):
    return np.linalg.norm(one - other) / np.linalg.norm(other)


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("name", ["r3d18_K_200ep", "r3d50_K_200ep"])
def test_logits_equal_the_original_networks(name, frozen):
    published = golden.published()[name]
    network = models.build(
        depth=published["depth"],
        n_classes=published["n_classes"],
        layers=OneDnnLayers(frozen=frozen),
    )
    golden.fill(network)
    network.eval()
    with paddle.no_grad():
        logits = network(paddle.to_tensor(golden.waves(7, 2, 3, 16, 112))).numpy()
    assert distance(logits, np.load(golden.DATA / "r3d_logits.npz")[name]) < 1e-5


def test_six_sgd_steps_follow_the_original():
    network = models.build(depth=10, widen_factor=0.25, n_classes=5, layers=OneDnnLayers())
    golden.fill(network)
    optimizer = paddle.optimizer.Momentum(
        3e-4, momentum=0.9, weight_decay=0.5, parameters=network.parameters()
    )
    losses = []
    for step in range(6):
        batch = paddle.to_tensor(golden.waves(100 + step, 8, 3, 16, 64))
        labels = paddle.to_tensor([(step + i) % 5 for i in range(8)])
        loss = F.cross_entropy(network(batch), labels)
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
        losses.append(float(loss))
    expected = np.load(golden.DATA / "sgd_trajectory.npz")["losses"]
    np.testing.assert_allclose(losses, expected, rtol=1e-3)


@pytest.mark.parametrize("architecture", FAMILIES)
def test_every_family_has_the_same_state_dict_logits_and_gradients(architecture):
    there, ours = twins(architecture, "fp32", **FAMILIES[architecture])
    mine, its = ours.state_dict(), there.state_dict()
    assert {k: (v.shape, v.dtype) for k, v in mine.items()} == {
        k: (v.shape, v.dtype) for k, v in its.items()
    }
    there.eval(), ours.eval()
    batch = small_clips(architecture)
    with paddle.no_grad():
        assert distance(ours(batch).numpy(), there(batch).numpy()) < 1e-5
    # Statistics of a batch amplify rounding errors: in evaluation mode the comparison is sharp.
    one, other = gradients(ours, batch), gradients(there, batch)
    assert one.keys() == other.keys()
    for name in one:
        # That the layers are put together rightly; each alone is held to 1e-5 elsewhere, and
        # rounding decides here and there on which side of a ReLU a value is.
        assert distance(one[name], other[name]) < 1e-2, name


@needs_bf16
@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("architecture", FAMILIES)
def test_every_family_in_bfloat16_is_near_float32(architecture, frozen):
    there, ours = twins(architecture, "bf16", frozen, **FAMILIES[architecture])
    there.eval(), ours.eval()
    batch = small_clips(architecture)
    with paddle.no_grad():
        assert distance(ours(batch).numpy(), there(batch).numpy()) < 0.05


@needs_bf16
def test_gradients_in_bfloat16_point_where_those_in_float32_do():
    there, ours = twins("r3d", "bf16", **SMALL)
    there.eval(), ours.eval()
    batch = clips(n=4, size=(64, 64))
    one, other = gradients(ours, batch), gradients(there, batch)
    for name in one:
        a, b = one[name].ravel(), other[name].ravel()
        assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) > 0.95, name


def test_training_moves_the_running_statistics_as_paddle_does():
    there, ours = twins("r3d", "fp32", **SMALL)
    for seed in range(3):
        batch = clips(seed=seed)
        there(batch), ours(batch)
    its = there.state_dict()
    for name, value in ours.state_dict().items():
        if name.endswith(("_mean", "_variance")):
            np.testing.assert_allclose(value.numpy(), its[name].numpy(), rtol=1e-3, atol=1e-5)


def train(precision, steps=3):
    paddle.seed(3)
    network = models.build("r3d", layers=OneDnnLayers(precision), **SMALL)
    recogniser = models.Recogniser(network, models.Normalisation())
    optimizer = paddle.optimizer.Momentum(0.01, parameters=network.parameters())
    for step in range(steps):
        # Batches of other sizes, as at the end of an epoch.
        gradients(recogniser, clips(n=4 - step, seed=step))
        optimizer.step()
        optimizer.clear_grad()
    return {name: value.numpy() for name, value in network.state_dict().items()}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_same_threads_give_the_same_bits(precision, threads):
    before = load().threads
    set_threads(threads)
    try:
        one, other = train(precision), train(precision)
    finally:
        set_threads(before)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_accumulated_gradients_are_summed():
    _, ours = twins("r3d", "fp32", **SMALL)
    ours.eval()
    first = gradients(ours, clips(seed=1))
    both = gradients(ours, clips(seed=2))
    ours.clear_gradients()
    second = gradients(ours, clips(seed=2))
    for name in both:
        np.testing.assert_allclose(both[name], first[name] + second[name], rtol=1e-5, atol=1e-7)


def test_frozen_stages_get_no_gradient_and_the_others_the_same():
    there, ours = twins("r3d", "fp32", **SMALL)
    for recogniser in (there, ours):
        recogniser.eval()
        for name, stage in recogniser.network.stages().items():
            for parameter in stage.parameters():
                parameter.stop_gradient = name not in ("layer4", "fc")
    one, other = gradients(ours, clips()), gradients(there, clips())
    assert one.keys() == other.keys()
    for name in one:
        assert distance(one[name], other[name]) < 1e-5, name


def test_only_a_head_learns_from_features_that_need_no_gradient():
    _, ours = twins("r3d", "fp32", **SMALL)
    for name, stage in ours.network.stages().items():
        for parameter in stage.parameters():
            parameter.stop_gradient = name != "fc"
    assert set(gradients(ours, clips())) == {"network.fc.weight", "network.fc.bias"}


def test_a_clip_that_asks_for_its_gradient_gets_it():
    there, ours = twins("r3d", "fp32", **SMALL)
    values = clips().astype("float32") / 255
    result = []
    for recogniser in (there, ours):
        recogniser.eval()
        clip = values.clone().detach()
        clip.stop_gradient = False
        recogniser.network(clip).sum().backward()
        result.append(clip.grad.numpy())
    assert distance(result[1], result[0]) < 1e-5


def test_a_failing_primitive_hands_over_to_paddle(monkeypatch, capsys):
    there, ours = twins("r3d", "fp32", **SMALL)
    there.eval(), ours.eval()
    monkeypatch.setattr(Primitive, "run", _fail)
    batch = clips()
    one, other = gradients(ours, batch), gradients(there, batch)
    for name in other:
        np.testing.assert_array_equal(one[name], other[name])
    assert capsys.readouterr().err.count("Paddle's kernels go on") == 1
    gradients(ours, batch)
    assert "oneDNN" not in capsys.readouterr().err


def _fail(primitive, *addresses):
    raise OneDnnError("a primitive answered with status 5")


def test_an_export_takes_paddles_kernels(tmp_path):
    there, ours = twins("r3d", "fp32", **SMALL)
    there.eval(), ours.eval()
    spec = paddle.static.InputSpec([None, 3, None, None, None], "uint8", "clips")
    static = paddle.jit.to_static(ours, input_spec=[spec], full_graph=True)
    paddle.jit.save(static, str(tmp_path / "m"))
    loaded = paddle.jit.load(str(tmp_path / "m"))
    assert distance(loaded(clips()).numpy(), there(clips()).numpy()) < 1e-5


@pytest.mark.parametrize("steps", [60, pytest.param(2000, marks=pytest.mark.slow)])
def test_primitives_do_not_pile_up_over_changing_shapes(steps, monkeypatch):
    few = functools.lru_cache(maxsize=16)(convolution.Convolution)
    monkeypatch.setattr(convolution, "convolution", few)
    norms = functools.lru_cache(maxsize=16)(batch_norm.BatchNorm)
    monkeypatch.setattr(batch_norm, "batch_norm", norms)
    network = models.build("r3d", layers=OneDnnLayers(), depth=10, widen_factor=0.05, n_classes=5)
    recogniser = models.Recogniser(network, models.Normalisation())
    start = Primitive.live
    others = 0
    for step in range(steps):
        size = (16 + 2 * (step % 25), 16 + 2 * (step // 25 % 20))
        gradients(recogniser, clips(n=1 + step % 3, frames=2 + step % 5, size=size))
        if step == steps // 2:
            others = Primitive.live
    # 6 primitives of a convolution and 2 of a BatchNorm; the rest is bounded by its own caches:
    # copies, additions, ReLUs, the normalisation of the clips, and 2 primitives of a pooling.
    assert len(few.cache_info()) == 4
    assert few.cache_info().currsize == 16
    assert Primitive.live - start < 16 * 6 + 16 * 2 + 6 * GEOMETRIES
    assert others > 0
