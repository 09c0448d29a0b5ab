import json
import os
import pickle

import numpy as np
import paddle
import pytest

from tests import golden
from tests.weights import checkpoints
from weights.conversion import convert
from weights.description import InputContract
from weights.errors import WeightsError
from weights.files import load_network

torch = checkpoints.torch
LOGITS = np.load(golden.DATA / "r3d_logits.npz")
SHALLOW = [name for name in golden.published() if name.startswith(("r3d18", "r3d34", "r3d50"))]
QUICK = [name for name in SHALLOW if name in LOGITS.files]


def run(network, clips):
    network.eval()
    with paddle.no_grad():
        return network(paddle.to_tensor(clips)).numpy()


def convert_published(name, tmp_path):
    """Convert a published file, load the result, and compare it with what went in."""
    entry = golden.published()[name]
    checkpoints.published(name, tmp_path / f"{name}.pth")
    result = convert(tmp_path / f"{name}.pth")
    assert result.error < 1e-5
    assert result.description.options["depth"] == entry["depth"]
    assert result.description.options["n_classes"] == entry["n_classes"]
    assert result.description.input == InputContract()
    # One line for each tensor of the source.
    assert len(result.details) == len(golden.state_dict(entry["depth"], entry["n_classes"]))
    (tmp_path / f"{name}.pth").unlink()
    network, description = load_network(result.output)
    assert description == result.description
    if name in LOGITS.files:
        # The second clip would cost as much again and show nothing else.
        logits = run(network, golden.waves(7, 2, 3, 16, 112)[:1])
        expected = LOGITS[name][:1]
        assert np.linalg.norm(logits - expected) / np.linalg.norm(expected) < 1e-5


@pytest.mark.parametrize("name", QUICK)
def test_published_files_convert_to_the_golden_logits(name, tmp_path):
    convert_published(name, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in golden.published() if name not in QUICK])
def test_all_other_published_files_convert(name, tmp_path):
    convert_published(name, tmp_path)


def bare(state):
    return state


def with_module_prefix(state):
    return {"state_dict": {f"module.{name}": tensor for name, tensor in state.items()}}


def without_batch_counters(state):
    return {name: t for name, t in state.items() if not name.endswith("num_batches_tracked")}


def in_half_precision(state):
    return {name: t.half() if t.is_floating_point() else t for name, t in state.items()}


VARIANTS = [
    bare,
    with_module_prefix,
    checkpoints.whole_training_checkpoint,
    without_batch_counters,
    in_half_precision,
]


@pytest.mark.parametrize("new_format", [True, False])
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("shortcut", ["A", "B"])
def test_every_form_of_file_converts(shortcut, variant, new_format, tmp_path):
    source = tmp_path / "some.pth"
    state = checkpoints.small_state(shortcut=shortcut)
    torch.save(variant(state), source, _use_new_zipfile_serialization=new_format)
    result = convert(source)
    assert result.output == tmp_path / "some.pdparams"
    assert result.error < 1e-5
    assert result.description.options == {
        "depth": 10,
        "in_channels": 3,
        "shortcut": shortcut,
        "widen_factor": 0.25,
        "conv1_t_size": 3,
        "conv1_t_stride": 1,
        "max_pool": True,
        "n_classes": 5,
    }
    network, _ = load_network(result.output)
    converted = network.state_dict()
    # What the file's own type of numbers loses, and nothing else.
    lost = 2**-11 if variant is in_half_precision else 0
    for ours, theirs in (
        ("fc.weight", state["fc.weight"].T),
        ("layer4.0.bn2._variance", state["layer4.0.bn2.running_var"]),
    ):
        np.testing.assert_allclose(converted[ours].numpy(), theirs, rtol=lost, atol=lost * 1e-2)


def test_bfloat16_is_taken_as_it_is(tmp_path):
    state = checkpoints.small_state()
    state = {name: t.bfloat16() if t.is_floating_point() else t for name, t in state.items()}
    torch.save({"state_dict": state, "meta": {"dtype": "bfloat16"}}, tmp_path / "some.pth")
    result = convert(tmp_path / "some.pth")
    assert result.error < 1e-5
    network, _ = load_network(result.output)
    for name in ("conv1.weight", "layer4.0.bn2.bias"):
        expected = state[name].float().numpy()
        np.testing.assert_array_equal(network.state_dict()[name].numpy(), expected)


def test_the_description_says_where_the_weights_are_from(tmp_path):
    source = tmp_path / "some.pth"
    torch.save(checkpoints.small_state(), source)
    labels = tmp_path / "names.txt"
    labels.write_text("walk\nrun\njump\nsit\nstand\n")
    result = convert(source, tmp_path / "new" / "mine.pdparams", labels)
    description = json.loads((tmp_path / "new" / "mine.json").read_text())
    assert description["labels"] == ["walk", "run", "jump", "sit", "stand"]
    assert description["source"]["file"] == "some.pth"
    assert len(description["source"]["sha256"]) == 64
    assert "R3D-10, 5 classes with names" in result.summary
    assert any("fc.weight [5, 128] -> fc.weight, transposed" in line for line in result.details)


def test_inputs_other_than_rgb_convert(tmp_path):
    torch.save(checkpoints.small_state(in_channels=2), tmp_path / "flow.pth")
    result = convert(tmp_path / "flow.pth")
    assert result.error < 1e-5
    assert len(result.description.input.mean) == 2


def test_the_first_release_wants_values_up_to_255(tmp_path):
    torch.save(checkpoints.small_state(shortcut="A"), tmp_path / "resnet-34-kinetics-cpu.pth")
    result = convert(tmp_path / "resnet-34-kinetics-cpu.pth")
    assert result.description.input.value_range == 255
    assert result.description.input.mean == (114.7748, 107.7354, 99.4750)
    assert "values 0-255, mean [114.7748, 107.7354, 99.475]" in result.assumptions


def test_plain_paddle_loads_the_result(tmp_path):
    torch.save(checkpoints.small_state(), tmp_path / "some.pth")
    result = convert(tmp_path / "some.pth")
    network = result.description.build()
    assert network.set_state_dict(paddle.load(str(result.output))) == ([], [])
    loaded, _ = load_network(result.output)
    clips = golden.waves(1, 1, 3, 8, 32)
    np.testing.assert_array_equal(run(network, clips), run(loaded, clips))


def test_a_conversion_leaves_names_and_random_numbers_alone(tmp_path):
    torch.save(checkpoints.small_state(), tmp_path / "some.pth")
    with paddle.utils.unique_name.guard():
        paddle.seed(3)
        before = paddle.nn.Linear(2, 2), paddle.randn([3])
    with paddle.utils.unique_name.guard():
        paddle.seed(3)
        convert(tmp_path / "some.pth")
        after = paddle.nn.Linear(2, 2), paddle.randn([3])
    assert before[0].weight.name == after[0].weight.name
    np.testing.assert_array_equal(before[1].numpy(), after[1].numpy())


class Shell:
    """Runs a command when it is unpickled by somebody careless."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def truncated(path):
    torch.save(checkpoints.small_state(), path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def truncated_in_the_old_format(path):
    torch.save(checkpoints.small_state(), path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def text(path):
    path.write_text("the weights are in the other folder\n")


def web_page(path):
    path.write_text("<!DOCTYPE html><html>Google Drive - Sign in</html>\n")


def empty(path):
    path.touch()


def folder(path):
    path.mkdir()


def absent(path):
    pass


def another_network(path):
    torch.save({"encoder.0.weight": torch.zeros(64, 3, 3, 7, 7), "fc.bias": torch.zeros(4)}, path)


def a_2d_network(path):
    torch.save({"conv1.weight": torch.zeros(64, 3, 7, 7)}, path)


def a_missing_tensor(path):
    state = checkpoints.small_state()
    del state["layer2.0.bn1.running_mean"]
    torch.save(state, path)


def a_missing_block(path):
    state = checkpoints.small_state()
    torch.save({k: v for k, v in state.items() if not k.startswith("layer3.")}, path)


def half_a_head(path):
    state = checkpoints.small_state()
    torch.save({k: v for k, v in state.items() if k != "fc.bias"}, path)


def an_extra_tensor(path):
    torch.save({**checkpoints.small_state(), "layer2.0.se.weight": torch.zeros(3)}, path)


def a_wrong_shape(path):
    state = checkpoints.small_state()
    state["layer2.0.conv2.weight"] = torch.zeros(32, 4, 3, 3, 3)
    torch.save({"state_dict": state}, path)


def a_transposed_head(path):
    state = checkpoints.small_state()
    state["fc.weight"] = state["fc.weight"].T
    torch.save(state, path)


def whole_numbers(path):
    state = checkpoints.small_state()
    state["bn1.weight"] = state["bn1.weight"].long()
    torch.save(state, path)


def not_finite(path):
    state = checkpoints.small_state()
    state["bn1.weight"][0] = float("nan")
    torch.save(state, path)


def no_state_dict(path):
    torch.save({"epoch": 3, "arch": "resnet-18"}, path)


def only_a_tensor(path):
    torch.save(torch.zeros(3), path)


def nothing_in_it(path):
    torch.save({}, path)


def a_whole_module(path):
    torch.save(torch.nn.Conv3d(3, 64, 7), path)


@pytest.mark.parametrize(
    ("make", "trouble"),
    [
        (truncated, "not a PyTorch checkpoint, or a damaged one"),
        (truncated_in_the_old_format, "not a PyTorch checkpoint, or a damaged one"),
        (text, "not a PyTorch checkpoint, or a damaged one"),
        (web_page, "but a web page"),
        (empty, "it is empty"),
        (folder, "Is a directory"),
        (absent, "No such file"),
        (another_network, "no conv1.weight"),
        (a_2d_network, "a 2D network: conv1.weight has the shape"),
        (a_missing_tensor, "tensor layer2.0.bn1.running_mean is missing"),
        (a_missing_block, "no 3D ResNet has 1, 1, 0, 1 basic blocks"),
        (half_a_head, "tensor fc.bias is missing"),
        (an_extra_tensor, "tensor layer2.0.se.weight is not part"),
        (a_wrong_shape, r"layer2.0.conv2.weight has the shape \[32, 4, 3, 3, 3\]"),
        (a_transposed_head, r"fc.weight has the shape \[128, 5\]"),
        (whole_numbers, "bn1.weight is not made of floating-point numbers"),
        (not_finite, "bn1.weight holds numbers that are not finite"),
        (no_state_dict, "no state dict in it"),
        (only_a_tensor, "no state dict in it"),
        (nothing_in_it, "no state dict in it"),
        (a_whole_module, "refused: it holds a torch.nn.modules.conv.Conv3d"),
    ],
)
def test_an_unsound_file_is_named_with_its_trouble(make, trouble, tmp_path):
    source = tmp_path / "bad.pth"
    make(source)
    with pytest.raises(WeightsError, match=trouble) as caught:
        convert(source)
    assert str(caught.value).startswith(f"{source}: ")
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir() if path != source] == []


def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    from weights import files

    def fill_up(*_, **__):
        raise OSError(28, "No space left on device")

    torch.save(checkpoints.small_state(), tmp_path / "some.pth")
    monkeypatch.setattr(files.pickle, "dump", fill_up)
    with pytest.raises(WeightsError, match="some.pdparams: No space left on device"):
        convert(tmp_path / "some.pth")
    assert [path.name for path in tmp_path.iterdir()] == ["some.pth"]


@pytest.mark.parametrize("form", ["new", "old", "raw"])
def test_a_pickle_that_would_run_code_is_refused_unexecuted(form, tmp_path):
    source, mark = tmp_path / "hostile.pth", tmp_path / "executed"
    content = {"state_dict": checkpoints.small_state(), "epoch": Shell(f"touch {mark}")}
    if form == "raw":
        source.write_bytes(pickle.dumps(content["epoch"], protocol=2))
    else:
        torch.save(content, source, _use_new_zipfile_serialization=form == "new")
    with pytest.raises(WeightsError, match="refused: it holds a .*system") as caught:
        convert(source)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["hostile.pth"]
    # The file is a live one: a careless reader runs the command.
    torch.load(source, weights_only=False) if form != "raw" else pickle.loads(source.read_bytes())
    assert mark.exists()


def test_a_network_that_disagrees_with_pytorch_is_not_written(tmp_path, monkeypatch):
    source = tmp_path / "some.pth"
    torch.save(checkpoints.small_state(), source)
    monkeypatch.setattr(
        "weights.torch_forward.logits", lambda state, clips, _: np.ones((1, 5), np.float32)
    )
    with pytest.raises(WeightsError, match="differs from PyTorch"):
        convert(source)
    assert [path.name for path in tmp_path.iterdir()] == ["some.pth"]
    assert convert(source, check=False).error is None


def test_the_proof_sees_a_single_wrong_weight(tmp_path, monkeypatch):
    from weights import tensor_mapping

    source = tmp_path / "some.pth"
    torch.save(checkpoints.small_state(), source)
    honest = tensor_mapping._as_array

    def careless(name, tensor, path):
        array = honest(name, tensor, path)
        return np.flip(array, 2).copy() if name == "layer1.0.conv2.weight" else array

    monkeypatch.setattr(tensor_mapping, "_as_array", careless)
    with pytest.raises(WeightsError, match="differs from PyTorch"):
        convert(source)


@pytest.mark.parametrize(
    ("content", "trouble"),
    [("a\nb\n", "2 class names for 5 outputs"), ("a\nb\nc\nd\na\n", "'a' is class 1 and class 5")],
)
def test_labels_that_do_not_fit_are_refused(content, trouble, tmp_path):
    torch.save(checkpoints.small_state(), tmp_path / "some.pth")
    labels = tmp_path / "names.txt"
    labels.write_text(content)
    with pytest.raises(WeightsError, match=trouble):
        convert(tmp_path / "some.pth", labels=labels)
    assert not (tmp_path / "some.pdparams").exists()


def test_a_file_in_the_way_is_not_overwritten(tmp_path):
    torch.save(checkpoints.small_state(), tmp_path / "some.pth")
    (tmp_path / "some.json").write_text('["precious"]')
    with pytest.raises(WeightsError, match="in the way"):
        convert(tmp_path / "some.pth")
    assert (tmp_path / "some.json").read_text() == '["precious"]'


def test_the_output_must_have_paddles_suffix(tmp_path):
    torch.save(checkpoints.small_state(), tmp_path / "some.pth")
    with pytest.raises(WeightsError, match="must end in .pdparams"):
        convert(tmp_path / "some.pth", tmp_path / "other.bin")


def test_converting_again_replaces_the_first_result(tmp_path):
    torch.save(checkpoints.small_state(), tmp_path / "some.pth")
    first = convert(tmp_path / "some.pth")
    assert convert(tmp_path / "some.pth").description == first.description
