import json
import math

import pytest

from tests import golden
from weights.published import PUBLISHED, how_to_fetch, status

SHAPES = json.loads((golden.DATA / "r3d_state_dicts.json").read_text())["state_dict_by_depth"]


def test_the_table_is_that_of_the_golden_values():
    table = {
        name: {"depth": entry.depth, "n_classes": entry.n_classes}
        for name, entry in PUBLISHED.items()
    }
    assert table == golden.published()


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_number_of_parameters_is_that_of_the_state_dict(name):
    entry = PUBLISHED[name]
    assert entry.parameters == sum(
        math.prod(entry.n_classes if size == "n_classes" else size for size in shape)
        for tensor, shape in SHAPES[str(entry.depth)].items()
        if tensor.endswith((".weight", ".bias"))
    )


def test_training_data_is_in_words():
    assert PUBLISHED["r3d50_KS_200ep"].training_data == "Kinetics-700 + STAIR-Actions"


def test_status_tells_converted_downloaded_and_absent(tmp_path):
    (tmp_path / "r3d18_K_200ep.pth").touch()
    (tmp_path / "r3d18_K_200ep.pdparams").touch()
    (tmp_path / "r3d18_K_200ep.json").touch()
    (tmp_path / "r3d34_K_200ep.pth").touch()
    # Without its description a converted file is of no use.
    (tmp_path / "r3d50_K_200ep.pdparams").touch()
    found = {entry.published.name: entry for entry in status(tmp_path)}
    assert len(found) == 17
    assert found["r3d18_K_200ep"].state == "converted"
    assert found["r3d34_K_200ep"].state == ".pth"
    assert found["r3d34_K_200ep"].path == tmp_path / "r3d34_K_200ep.pth"
    assert found["r3d50_K_200ep"].state == "absent"
    assert all(entry.state == "absent" for entry in status(tmp_path / "nowhere"))


def test_fetching_is_explained():
    text = how_to_fetch("weights")
    assert "https://drive.google.com/" in text and "weights/" in text and "imagenet" in text
