import json

import pytest

from datasets.annotations.errors import AnnotationError
from datasets.annotations.formats import load_splits
from tests.datasets.annotations.made_files import make_files, paths_of, write_text

LABELS = {"Putting something on something": "1", "Bending something": "0"}
TRAIN = [
    {"id": "78687", "label": "putting a cup on a book", "placeholders": ["a cup", "a book"]},
    {"id": "42326", "label": "bending a fork", "placeholders": ["a fork"]},
]
TRAIN[0]["template"] = "Putting [something] on [something]"
TRAIN[1]["template"] = "Bending [something]"


def write_lists(folder, prefix, train=TRAIN):
    for name, content in {
        "labels": LABELS,
        "train": train,
        "validation": TRAIN[1:],
        "test": [{"id": "1420"}],
    }.items():
        write_text(folder, f"lists/{prefix}{name}.json", json.dumps(content))
    return folder / "lists"


@pytest.fixture
def videos(tmp_path):
    make_files(tmp_path / "videos", "78687.webm", "42326.webm", "1420.webm")
    return tmp_path / "videos"


@pytest.mark.parametrize("prefix", ["", "something-something-v2-"])
def test_templates_without_brackets_are_the_labels(videos, tmp_path, prefix):
    splits = load_splits(videos, write_lists(tmp_path, prefix))
    assert list(splits) == ["train", "val", "test"]
    assert splits["train"].labels == ["Bending something", "Putting something on something"]
    assert splits["train"].label.tolist() == [1, 0]
    assert splits["val"].label.tolist() == [0]
    assert splits["test"].label.tolist() == [-1]
    assert paths_of(splits["train"]) == ["78687.webm", "42326.webm"]


def test_the_folder_of_the_archive_is_looked_into(tmp_path):
    make_files(tmp_path / "videos", "20bn-something-something-v2/78687.webm")
    index = load_splits(tmp_path / "videos", write_lists(tmp_path, ""))["train"]
    assert paths_of(index)[0] == "20bn-something-something-v2/78687.webm"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"id": "1", "template": "Eating [something]"}, "label 'Eating something' is not in"),
        ({"id": "1"}, 'expected "template"'),
        ({"template": "Bending [something]"}, 'expected an object with "id"'),
        ("1", 'expected an object with "id"'),
    ],
)
def test_a_wrong_entry_is_named(videos, tmp_path, entry, message):
    lists = write_lists(tmp_path, "", train=[*TRAIN, entry])
    with pytest.raises(AnnotationError) as caught:
        load_splits(videos, lists)
    assert "train.json, entry 3: " in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize("labels", [[], {}, {"a": "x"}, {"a": "1", "b": "1"}])
def test_a_wrong_label_file_is_named(videos, tmp_path, labels):
    lists = write_lists(tmp_path, "")
    write_text(lists, "labels.json", json.dumps(labels))
    with pytest.raises(AnnotationError, match=r"labels\.json: expected"):
        load_splits(videos, lists)
