from dataclasses import replace

import numpy as np
import paddle
import pytest
from paddle.vision.models import (
    densenet121,
    densenet264,
    resnet18,
    resnet34,
    resnet50,
    resnext50_32x4d,
    wide_resnet50_2,
)

from weights import inflation
from weights.errors import WeightsError
from weights.files import write_pdparams
from weights.inflation import describe_2d, imagenet_file, inflate
from weights.loading import load_pretrained, plan_network
from weights.pretrained import resolve


def random_2d(build):
    """A 2D ResNet with random weights and random BatchNorm statistics."""
    paddle.seed(0)
    network = build(pretrained=False)
    random = np.random.default_rng(0)
    for name, tensor in network.state_dict().items():
        if name.endswith(("_variance", "weight")) and tensor.ndim == 1:
            tensor.set_value(random.uniform(0.5, 1.5, tensor.shape).astype("float32"))
        elif tensor.ndim == 1:
            tensor.set_value(random.normal(0, 0.1, tensor.shape).astype("float32"))
    network.eval()
    return network


def stages(network, x):
    """The features after the stem and after each stage; what both kinds of network have."""
    x = network.maxpool(paddle.nn.functional.relu(network.bn1(network.conv1(x))))
    features = [x]
    for stage in (network.layer1, network.layer2, network.layer3, network.layer4):
        features.append(stage(features[-1]))
    return features


# Enough frames that the middle of the last stage does not see the temporal borders: its
# receptive field in time is 221 frames for depth 18, 453 for depth 34 and 185 for depth 50.
@pytest.mark.parametrize(
    ("build", "depth", "frames"),
    [
        (resnet18, 18, 272),
        (resnet50, 50, 272),
        pytest.param(resnet34, 34, 528, marks=pytest.mark.slow),
    ],
)
def test_a_still_video_is_seen_as_its_frame(build, depth, frames, tmp_path):
    flat = random_2d(build)
    write_pdparams(flat.state_dict(), tmp_path / "flat.pdparams")
    source = resolve(tmp_path / "flat.pdparams")
    description, _ = plan_network(source, labels=("a", "b"))
    assert description.options["depth"] == depth
    network = description.build()
    load_pretrained(network, description, source)
    network.eval()
    frame = paddle.randn([1, 3, 32, 32])
    video = frame.unsqueeze(2).tile([1, 1, frames, 1, 1])
    with paddle.no_grad():
        for seen_2d, seen_3d in zip(stages(flat, frame), stages(network, video), strict=True):
            middle = seen_3d[:, :, seen_3d.shape[2] // 2].numpy()
            expected = seen_2d.numpy()
            error = np.linalg.norm(middle - expected) / np.linalg.norm(expected)
            assert error < 1e-4


def dense_features(network, x, blocks):
    """The features of a 2D or a 3D DenseNet after each block but the last, as far as asked."""
    features = []
    if hasattr(network, "conv1_func"):
        x = network.pool2d_max(network.conv1_func(x))
        for block, transition in zip(
            network.dense_block_func_list, network.transition_func_list, strict=False
        ):
            x = transition(block(x))
            features.append(x)
    else:
        for name, layer in network.trunk().items():
            x = layer(x)
            if name.startswith("transition"):
                features.append(x)
            if len(features) == blocks:
                break
    return features[:blocks]


# The receptive field in time is 135 frames up to the second transition, 527 up to the third.
@pytest.mark.parametrize(
    ("blocks", "frames"), [(2, 144), pytest.param(3, 528, marks=pytest.mark.slow)]
)
def test_a_still_video_is_seen_as_its_frame_by_a_densenet(blocks, frames, tmp_path):
    flat = random_2d(densenet121)
    write_pdparams(flat.state_dict(), tmp_path / "flat.pdparams")
    source = resolve(tmp_path / "flat.pdparams")
    description, _ = plan_network(source, labels=("a", "b"))
    assert description.architecture == "densenet" and description.options["depth"] == 121
    network = description.build()
    report = load_pretrained(network, description, source)
    assert report.left_out.names == ("out.weight", "out.bias")
    assert report.new.names == ("classifier.weight", "classifier.bias")
    network.eval()
    frame = paddle.randn([1, 3, 32, 32])
    video = frame.unsqueeze(2).tile([1, 1, frames, 1, 1])
    with paddle.no_grad():
        seen_2d = dense_features(flat, frame, blocks)
        seen_3d = dense_features(network, video, blocks)
    assert len(seen_2d) == len(seen_3d) == blocks
    for flat_features, features in zip(seen_2d, seen_3d, strict=True):
        middle = features[:, :, features.shape[2] // 2].numpy()
        error = np.linalg.norm(middle - flat_features.numpy()) / np.linalg.norm(middle)
        assert error < 1e-4


@pytest.mark.parametrize(
    ("build", "architecture", "depth"),
    [
        (wide_resnet50_2, "wideresnet", 50),
        (resnext50_32x4d, "resnext", 50),
        (densenet264, "densenet", 264),
    ],
)
def test_the_other_2d_networks_fit_their_families(build, architecture, depth):
    state = {name: t.numpy() for name, t in build(pretrained=False).state_dict().items()}
    description = describe_2d(state, "flat.pdparams")
    assert description.architecture == architecture and description.options["depth"] == depth
    inflated = inflate(state, "flat.pdparams")
    with paddle.LazyGuard():
        network = replace(description, options={**description.options, "n_classes": 0}).build()
    assert {name: list(array.shape) for name, array in inflated.items()} == {
        name: list(tensor.shape) for name, tensor in network.state_dict().items()
    }


def test_the_stem_may_be_of_another_length(tmp_path):
    state = {name: t.numpy() for name, t in random_2d(resnet18).state_dict().items()}
    inflated = inflate(state, "flat.pdparams", conv1_t_size=3)
    assert inflated["conv1.weight"].shape == (64, 3, 3, 7, 7)
    assert inflated["layer1.0.conv1.weight"].shape == (64, 64, 3, 3, 3)
    assert inflated["layer2.0.downsample.0.weight"].shape == (128, 64, 1, 1, 1)
    np.testing.assert_allclose(
        inflated["conv1.weight"].sum(axis=2), state["conv1.weight"], atol=1e-6
    )
    np.testing.assert_array_equal(inflated["bn1._variance"], state["bn1._variance"])
    assert not any(name.startswith("fc.") for name in inflated)
    write_pdparams(state, tmp_path / "flat.pdparams")
    source = resolve(tmp_path / "flat.pdparams")
    description, notes = plan_network(source, ("a", "b"), {"conv1_t_size": 3})
    network = description.build()
    load_pretrained(network, description, source)
    assert network.conv1.weight.shape == [64, 3, 3, 7, 7]
    assert len(notes) == 1


def test_imagenets_input_contract_comes_along():
    state = {name: t.numpy() for name, t in random_2d(resnet18).state_dict().items()}
    description = describe_2d(state, "flat.pdparams")
    assert description.input.mean == (0.485, 0.456, 0.406)
    assert description.input.std == (0.229, 0.224, 0.225)
    assert description.input.value_range == 1
    assert "n_classes" not in description.options


def test_other_2d_networks_are_refused(tmp_path):
    state = {name: t.numpy() for name, t in random_2d(resnet18).state_dict().items()}
    # As in Wide ResNet-50-2.
    state["layer4.0.conv1.weight"] = np.zeros((1024, 256, 3, 3), np.float32)
    write_pdparams(state, tmp_path / "wide.pdparams")
    with pytest.raises(WeightsError, match="wide.pdparams: .*64 channels, while layer4 has 1024"):
        resolve(tmp_path / "wide.pdparams")
    with pytest.raises(WeightsError, match="is not square"):
        inflate({"conv1.weight": np.zeros((4, 3, 7, 5))}, "odd.pdparams")


def test_imagenet_names_the_families_there_are():
    with pytest.raises(WeightsError, match="no 2D network becomes a preresnet; there are: r3d, wi"):
        imagenet_file(architecture="preresnet")
    with pytest.raises(WeightsError, match="no 2D DenseNet of depth 161; there are: 121, 169"):
        imagenet_file(161, "densenet")


def test_imagenet_names_the_depths_there_are():
    with pytest.raises(WeightsError, match="no 2D ResNet of depth 200; there are: 18, 34, 50"):
        imagenet_file(200)


def test_imagenet_is_paddles_own_download(tmp_path, monkeypatch):
    flat = random_2d(resnet18)
    cached = tmp_path / "resnet18.pdparams"
    paddle.save(flat.state_dict(), str(cached))
    monkeypatch.setattr("paddle.utils.download.WEIGHTS_HOME", str(tmp_path))
    monkeypatch.setattr(
        "paddle.utils.download.get_weights_path_from_url", lambda url, md5: str(cached)
    )
    source = resolve("imagenet", depth=18)
    assert source.path == cached and source.inflate
    description, _ = plan_network(source, ("a", "b", "c"))
    report = load_pretrained(description.build(), description, source)
    assert "loaded from imagenet inflated from 2D: 100 tensors" in report.lines()[0]
    assert report.new.names == ("fc.weight", "fc.bias")


def test_an_unreachable_download_says_what_to_do(tmp_path, monkeypatch):
    def unreachable(request, timeout):
        raise TimeoutError("timed out")

    monkeypatch.setattr("paddle.utils.download.WEIGHTS_HOME", str(tmp_path))
    monkeypatch.setattr(inflation.urllib.request, "urlopen", unreachable)
    with pytest.raises(WeightsError, match=r"cannot be downloaded \(timed out\).*name the file"):
        resolve("imagenet", depth=50)
