"""The likeliest mistakes in a network, made on purpose: the conversion's proof sees each."""

from dataclasses import replace

import pytest
from paddle import nn

from models.families import r2p1d, resnext, torchvision_mc3, torchvision_r3d
from models.layers import Layers
from models.residual import bottleneck
from tests.weights.test_family_conversion import save
from weights.conversion import convert
from weights.errors import WeightsError


def one_epsilon_for_all(patch):
    honest = Layers.with_epsilon
    patch(Layers, "with_epsilon", lambda self, _: honest(self, 1e-5))


def the_epsilon_of_ig65m_for_all(patch):
    honest = Layers.with_epsilon
    patch(Layers, "with_epsilon", lambda self, _: honest(self, 1e-3))


def a_max_pool_behind_torchvisions_stem(patch):
    honest = torchvision_r3d.stem
    patch(
        torchvision_r3d,
        "stem",
        lambda layers, channels: {**honest(layers, channels), "maxpool": layers.max_pool()},
    )


def an_mc3_that_halves_time(patch):
    patch(
        torchvision_mc3,
        "replace",
        lambda stage, **new: replace(stage, **{**new, "stride": (2, 2, 2)}),
    )


def a_relu_behind_the_last_stage(patch):
    honest = Layers.global_mean
    patch(Layers, "global_mean", lambda self, x: honest(self, nn.functional.relu(x)))


def the_stride_on_the_first_convolution(patch):
    def early(stage, in_channels, stride):
        first, middle, last = bottleneck(stage, in_channels, stride)
        return [replace(first, stride=stride), replace(middle, stride=(1, 1, 1)), last]

    patch(resnext, "bottleneck", early)


def a_maximum_instead_of_the_mean(patch):
    patch(Layers, "average_pool", lambda self: nn.MaxPool3D(2, stride=2))


def the_time_stride_on_the_spatial_half(patch):
    honest = r2p1d._split

    def early(layers, c):
        parts = honest(layers, c)
        spatial, temporal = f"conv{c.number}_s", f"conv{c.number}_t"
        if spatial in parts:
            middle = r2p1d.middle_channels(c.in_channels, c.out_channels)
            parts[spatial] = layers.convolution(c.in_channels, middle, (1, 3, 3), c.stride)
            parts[temporal] = layers.convolution(middle, c.out_channels, (3, 1, 1))
        return parts

    patch(r2p1d, "_split", early)


IG65M = {"middle_channels": "convolution"}


@pytest.mark.parametrize(
    ("architecture", "options", "plant"),
    [
        ("torchvision_r2plus1d", IG65M, one_epsilon_for_all),
        ("torchvision_r2plus1d", {}, the_epsilon_of_ig65m_for_all),
        ("torchvision_r3d", {}, a_max_pool_behind_torchvisions_stem),
        ("torchvision_mc3", {}, an_mc3_that_halves_time),
        ("preresnet", {}, a_relu_behind_the_last_stage),
        ("resnext", {}, the_stride_on_the_first_convolution),
        ("densenet", {}, a_maximum_instead_of_the_mean),
        ("r2p1d", {}, the_time_stride_on_the_spatial_half),
    ],
)
def test_a_planted_mistake_is_refused(architecture, options, plant, tmp_path, monkeypatch):
    source, _ = save(tmp_path, architecture, **options)
    plant(monkeypatch.setattr)
    with pytest.raises(WeightsError, match="refused: the converted network differs from PyTorch"):
        convert(source)
    assert list(tmp_path.iterdir()) == [source]


def test_the_wrong_epsilon_of_the_recognition_is_refused(tmp_path, monkeypatch):
    source, _ = save(tmp_path, "torchvision_r2plus1d", **IG65M)
    monkeypatch.setattr("weights.structure.IG65M_EPSILON", 1e-5)
    with pytest.raises(WeightsError, match="refused: the converted network differs from PyTorch"):
        convert(source)
    # Whoever gives the epsilon gives it to both sides.
    assert convert(source, bn_epsilon=1e-3).error < 1e-5
