import json

import pytest

from weights.errors import WeightsError
from weights.labels import read_labels


@pytest.mark.parametrize(
    "content",
    [
        "walk\nrun a mile\n",
        "\ufeffwalk\r\nrun a mile\r\n\r\n",
        json.dumps(["walk", "run a mile"]),
        json.dumps({"labels": ["walk", "run a mile"], "database": {}}),
    ],
)
def test_every_kind_of_file_is_read(content, tmp_path):
    path = tmp_path / "labels"
    path.write_bytes(content.encode())
    assert read_labels(path) == ("walk", "run a mile")


@pytest.mark.parametrize(
    ("content", "trouble"),
    [
        (b"", "no class names"),
        (b"walk\n\nrun\n", "class 2 has no name"),
        (b"walk\nrun\nwalk\n", "'walk' is class 1 and class 3"),
        (b'{"database": {}}', "no list of class names"),
        (b"[1, 2]", "no list of class names"),
        (b"[1, 2", "not JSON"),
        (b"\xff\xfe\x00", "not a text file"),
    ],
)
def test_what_holds_no_labels_is_named(content, trouble, tmp_path):
    path = tmp_path / "labels"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=f"labels: .*{trouble}"):
        read_labels(path)


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(WeightsError, match="No such file"):
        read_labels(tmp_path / "labels.txt")
