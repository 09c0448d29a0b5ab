"""Files of every family, in the form in which they are published, to proven Paddle weights."""

import numpy as np
import paddle
import pytest

from tests import golden
from tests.weights import checkpoints
from weights.conversion import convert
from weights.description import InputContract, NetworkDescription
from weights.errors import WeightsError
from weights.files import load_network
from weights.loading import load_pretrained, plan_network
from weights.pretrained import resolve
from weights.published import find

torch = checkpoints.torch
LOGITS = np.load(golden.DATA / "family_logits.npz")
QUICK = {
    *("r2p1d18_K_200ep", "preresnet-18-A", "resnext-50-B", "densenet-121-kinetics"),
    *("master-densenet-121", "torchvision-r2plus1d_18"),
}
SMALL = {
    "r2p1d": {"depth": 10, "widen_factor": 0.25, "n_classes": 5},
    "preresnet": {"depth": 10, "widen_factor": 0.25, "n_classes": 5},
    "wideresnet": {"depth": 50, "widen_factor": 0.25, "n_classes": 5},
    "resnext": {"depth": 50, "cardinality": 8, "n_classes": 5},
    "densenet": {"depth": 121, "n_classes": 5},
    "torchvision_r3d": {"depth": 18, "n_classes": 5},
    "torchvision_mc3": {"depth": 18, "n_classes": 5},
    "torchvision_r2plus1d": {"depth": 18, "n_classes": 5},
}


def save(folder, architecture, name="some.pth", **options):
    """Write a file of a family, and return its path and its state dict."""
    state = checkpoints.family_state(architecture, **{**SMALL[architecture], **options})
    torch.save(state, folder / name)
    return folder / name, state


def run(network, clips):
    network.eval()
    with paddle.no_grad():
        return network(paddle.to_tensor(clips)).numpy()


@pytest.mark.parametrize(
    "name",
    [
        name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
        for name in golden.variants()
    ],
)
def test_published_files_convert_to_the_golden_logits(name, tmp_path):
    variant = golden.variants()[name]
    source = checkpoints.published_variant(name, tmp_path)
    result = convert(source)
    assert result.error < 1e-5
    assert result.parameters == variant["parameters"]
    # One line for each tensor of the source.
    assert len(result.details) == len(golden.variant_state_dict(name))
    source.unlink()

    network, description = load_network(result.output)
    assert description == result.description
    assert description.architecture == variant["family"]
    for ours, theirs in (
        *(("depth", "depth"), ("n_classes", "n_classes"), ("shortcut", "shortcut")),
        *(("widen_factor", "k"), ("cardinality", "cardinality"), ("stem_channels", "stem")),
        ("bn_epsilon", "bn_epsilon"),
    ):
        if theirs in variant:
            assert description.options[ours] == variant[theirs]
    contract = description.input
    expected = InputContract(**{key: _hashable(value) for key, value in variant["input"].items()})
    assert contract == expected
    entry = find(source)
    assert (entry is not None) == variant["published"]
    if entry is not None and entry.class_names:
        assert len(description.labels) == variant["n_classes"]
    # The second clip would cost as much again and show nothing else.
    logits = run(network, golden.waves(7, 2, 3, 16, 112)[:1])
    expected = LOGITS[name][:1]
    assert np.linalg.norm(logits - expected) / np.linalg.norm(expected) < 1e-5


def _hashable(value):
    return tuple(value) if isinstance(value, list) else value


@pytest.mark.parametrize("architecture", SMALL)
def test_every_family_is_recognised_by_its_tensors_alone(architecture, tmp_path):
    source, _ = save(tmp_path, architecture)
    result = convert(source)
    assert result.error < 1e-5
    description = result.description
    assert description.architecture == architecture
    options = {**SMALL[architecture]}
    assert {name: description.options[name] for name in options} == options
    assert "5 classes without names" in result.summary
    assert "taken from convention: input of " in result.assumptions


def test_the_release_gives_the_input_contract(tmp_path):
    counted, state = save(tmp_path, "preresnet")
    assert convert(counted).description.input == InputContract()
    state = {name: t for name, t in state.items() if not name.endswith("num_batches_tracked")}
    torch.save(state, tmp_path / "old.pth")
    old = convert(tmp_path / "old.pth").description.input
    assert old.value_range == 255 and old.mean == (114.7748, 107.7354, 99.4750)
    assert old.std == (1, 1, 1) and old.resize is None


def test_torchvisions_files_want_their_frames_resized(tmp_path):
    source, _ = save(tmp_path, "torchvision_mc3", n_classes=400)
    result = convert(source, check=False)
    assert result.description.input.resize == (128, 171)
    assert "frames brought to 128x171 before the crop" in result.assumptions
    assert result.description.labels[:2] == ("abseiling", "air drumming")
    assert "as in kinetics400.txt, an assumption" in result.assumptions
    assert load_network(result.output)[1] == result.description


def test_the_name_of_a_published_file_gives_frames_and_classes(tmp_path):
    name = "resnext-101-64f-kinetics-ucf101_split1.pth"
    source, _ = save(tmp_path, "resnext", name, n_classes=101)
    description = convert(source, check=False).description
    assert description.input.frames == 64 and description.input.value_range == 255
    assert description.labels[:2] == ("ApplyEyeMakeup", "ApplyLipstick")
    name = "r2plus1d_34_clip8_ft_kinetics_from_ig65m.pth"
    source, _ = save(
        tmp_path, "torchvision_r2plus1d", name, n_classes=400, middle_channels="convolution"
    )
    result = convert(source, check=False)
    assert result.description.input.frames == 8 and result.description.input.resize is None
    assert result.description.options["bn_epsilon"] == 1e-3
    assert len(result.description.labels) == 400 and "an assumption" in result.assumptions


def test_a_file_of_another_family_under_a_published_name_is_judged_by_its_tensors(tmp_path):
    source, _ = save(tmp_path, "r2p1d", "resnext-101-64f-kinetics.pth")
    assert convert(source).description.input == InputContract()


def test_a_backbone_without_head_converts(tmp_path):
    state = checkpoints.small_state()
    torch.save(state, tmp_path / "whole.pth")
    backbone = {name: t for name, t in state.items() if not name.startswith("fc.")}
    torch.save(backbone, tmp_path / "backbone.pth")
    result = convert(tmp_path / "backbone.pth")
    assert result.error < 1e-5
    assert "no head, the classes come with fine-tuning" in result.summary
    assert result.description.options["n_classes"] == 0 and result.description.labels is None
    network, _ = load_network(result.output)
    whole, _ = load_network(convert(tmp_path / "whole.pth").output)
    clips = paddle.to_tensor(golden.waves(1, 1, 3, 8, 32))
    whole.eval()
    np.testing.assert_array_equal(run(network, clips), whole.embed(clips).numpy())

    pretrained = resolve(tmp_path / "backbone.pth")
    description, _ = plan_network(pretrained, ("walk", "run"))
    network = description.build()
    report = load_pretrained(network, description, pretrained)
    assert report.head == "head: new, the weights have none"
    assert network.fc.weight.shape == [128, 2]


def test_a_damaged_download_is_refused_before_it_is_opened(tmp_path):
    path = tmp_path / "r3d_18-b3b3357e.pth"
    path.write_bytes(b"half of it")
    with pytest.raises(WeightsError, match="SHA-256 begins with .*, and by its name with b3b3357e"):
        convert(path)
    assert list(tmp_path.iterdir()) == [path]


def test_the_family_can_be_insisted_on(tmp_path):
    source, _ = save(tmp_path, "preresnet")
    assert convert(source, architecture="preresnet").error < 1e-5
    with pytest.raises(WeightsError, match="is a preresnet by its tensors, which r3d contradicts"):
        convert(source, architecture="r3d")


def test_the_epsilon_can_be_given_where_it_is_an_option(tmp_path):
    source, _ = save(tmp_path, "torchvision_mc3")
    result = convert(source, bn_epsilon=1e-3)
    assert result.error < 1e-5 and result.description.options["bn_epsilon"] == 1e-3
    assert "epsilon" not in result.assumptions
    assert "BatchNorm epsilon 1e-05" in convert(source, check=False).assumptions
    source, _ = save(tmp_path, "preresnet")
    with pytest.raises(WeightsError, match="preresnet has no option bn_epsilon"):
        convert(source, bn_epsilon=1e-3)


@pytest.mark.parametrize(
    ("tensors", "trouble"),
    [
        ({"features.conv0.weight": (64, 3, 7, 7)}, "a 2D network: features.conv0.weight"),
        ({"stem.0.weight": (64, 3, 7, 7)}, "a 2D network: stem.0.weight"),
        ({"features.conv1.weight": (64, 3, 3, 3, 3)}, "in an odd time, 7, 7"),
        (
            {"features.conv0.weight": (64, 3, 7, 7, 7), "classifier.bias": ()},
            "no DenseNet has 0, 0, 0, 0",
        ),
        (
            {
                "features.conv0.weight": (96, 3, 7, 7, 7),
                "features.denseblock1.denselayer1.norm.1.weight": (96,),
            },
            "no DenseNet has 1, 0, 0, 0 dense layers in its four blocks",
        ),
    ],
)
def test_networks_that_only_look_alike_are_refused(tensors, trouble, tmp_path):
    state = {name: torch.zeros(shape) for name, shape in tensors.items()}
    torch.save(state, tmp_path / "bad.pth")
    with pytest.raises(WeightsError, match=trouble):
        convert(tmp_path / "bad.pth")


def test_kernels_of_no_family_are_refused(tmp_path):
    _, state = save(tmp_path, "torchvision_r3d")
    state["layer4.0.conv1.0.weight"] = torch.zeros(512, 256, 1, 3, 3)
    torch.save(state, tmp_path / "bad.pth")
    with pytest.raises(WeightsError, match="four stages are 3, 3, 3, 1 frames long"):
        convert(tmp_path / "bad.pth")


def test_a_description_from_before_resize_reads_as_before():
    description = NetworkDescription("r3d", {"n_classes": 2}, ("a", "b"), InputContract())
    old = description.to_json().replace(',\n    "resize": null', "")
    assert "resize" not in old
    assert NetworkDescription.from_json(old, "model.json") == description
