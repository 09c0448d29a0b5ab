import json
import math

import paddle
import pytest

import models
from tests import golden
from weights.conventions import CLASS_NAMES
from weights.labels import read_labels
from weights.published import PUBLISHED, digits_of_sha256, find, how_to_fetch, status

SHAPES = json.loads((golden.DATA / "r3d_state_dicts.json").read_text())["state_dict_by_depth"]


R3D = list(golden.published())


def test_the_table_begins_with_the_17_of_the_golden_values():
    table = {
        name: {"depth": entry.depth, "n_classes": entry.n_classes}
        for name, entry in list(PUBLISHED.items())[:17]
    }
    assert table == golden.published()
    assert list(table) == R3D
    releases = [entry.release for entry in PUBLISHED.values()]
    assert releases == ["2020"] * 21 + ["2017"] * 17 + ["torchvision"] * 3 + ["ig65m"] * 4


@pytest.mark.parametrize("name", R3D)
def test_the_number_of_parameters_is_that_of_the_state_dict(name):
    entry = PUBLISHED[name]
    assert entry.parameters == sum(
        math.prod(entry.n_classes if size == "n_classes" else size for size in shape)
        for tensor, shape in SHAPES[str(entry.depth)].items()
        if tensor.endswith((".weight", ".bias"))
    )


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_number_of_parameters_is_that_of_the_network(name):
    entry = PUBLISHED[name]
    # Shapes only: nothing is allocated.
    with paddle.LazyGuard():
        network = models.build(entry.architecture, **entry.options)
    assert entry.parameters == sum(
        math.prod(parameter.shape)
        for tensor, parameter in network.named_parameters()
        if not tensor.endswith(("._mean", "._variance"))
    )


@pytest.mark.parametrize("name", golden.variants())
def test_the_golden_variants_agree_with_the_table(name):
    variant, entry = golden.variants()[name], find(name.removeprefix("torchvision-"))
    assert variant["published"] == (entry is not None)
    if entry is not None:
        assert entry.architecture == variant["family"]
        assert (entry.depth, entry.n_classes) == (variant["depth"], variant["n_classes"])
        assert entry.parameters == variant["parameters"]
        assert entry.file == variant.get("file", f"{name}.pth")
        contract = variant["input"]
        assert list(entry.input.mean) == contract["mean"]
        assert list(entry.input.std) == contract["std"]
        assert entry.input.value_range == contract["value_range"]
        resize = entry.input.resize
        assert (list(resize) if resize else None) == contract.get("resize")


@pytest.mark.parametrize("entry", [e for e in PUBLISHED.values() if e.class_names])
def test_there_is_a_name_for_every_known_class(entry):
    assert len(read_labels(CLASS_NAMES / f"{entry.class_names}.txt")) == entry.n_classes


def test_a_file_is_known_by_its_name():
    assert find("some/r3d_18-b3b3357e.pth") is PUBLISHED["r3d_18"]
    assert find("r3d_18-00000000.pth") is PUBLISHED["r3d_18"]
    assert find("resnet-34-kinetics.pth") is PUBLISHED["resnet-34-kinetics"]
    assert find("mine.pth") is None
    assert digits_of_sha256("some/r3d_18-b3b3357e.pth") == "b3b3357e"
    # A date, say, in a name of one's own.
    assert digits_of_sha256("mine-20240101.pth") is None


def test_training_data_is_in_words():
    assert PUBLISHED["r3d50_KS_200ep"].training_data == "Kinetics-700 + STAIR-Actions"


def test_status_tells_converted_downloaded_and_absent(tmp_path):
    (tmp_path / "r3d18_K_200ep.pth").touch()
    (tmp_path / "r3d18_K_200ep.pdparams").touch()
    (tmp_path / "r3d18_K_200ep.json").touch()
    (tmp_path / "r3d34_K_200ep.pth").touch()
    # Without its description a converted file is of no use.
    (tmp_path / "r3d50_K_200ep.pdparams").touch()
    (tmp_path / "mc3_18-a90a0ba3.pth").touch()
    found = {entry.published.name: entry for entry in status(tmp_path)}
    assert len(found) == 45
    assert found["r3d18_K_200ep"].state == "converted"
    assert found["r3d34_K_200ep"].state == ".pth"
    assert found["r3d34_K_200ep"].path == tmp_path / "r3d34_K_200ep.pth"
    assert found["r3d50_K_200ep"].state == "absent"
    assert found["mc3_18"].path == tmp_path / "mc3_18-a90a0ba3.pth"
    assert all(entry.state == "absent" for entry in status(tmp_path / "nowhere"))


def test_one_family_is_looked_for():
    assert [s.published.name for s in status("nowhere", "densenet")] == [
        "densenet-121-kinetics",
        "densenet-201-kinetics",
    ]
    assert "torchvision" not in how_to_fetch("nowhere", "densenet")


def test_fetching_is_explained():
    text = how_to_fetch("weights")
    assert "https://drive.google.com/" in text and "weights/" in text and "imagenet" in text
