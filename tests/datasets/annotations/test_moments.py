import pytest

from datasets.annotations.errors import AnnotationError
from datasets.annotations.formats import load_splits
from tests.datasets.annotations.made_files import make_files, paths_of, write_text


@pytest.fixture
def lists(tmp_path):
    write_text(tmp_path, "lists/moments_categories.txt", "yawning,1\nadult+female+singing,0\n")
    write_text(
        tmp_path,
        "lists/trainingSet.csv",
        "yawning/a_3.mp4,yawning,4,1\nadult+female+singing/b.mp4,adult+female+singing,3,0\n",
    )
    write_text(tmp_path, "lists/validationSet.csv", "yawning/c.mp4,yawning,4,1\n")
    return tmp_path / "lists"


@pytest.fixture
def videos(tmp_path):
    make_files(tmp_path / "videos", "training/yawning/a_3.mp4", "adult+female+singing/b.mp4")
    make_files(tmp_path / "videos", "validation/c.mp4")
    return tmp_path / "videos"


def test_categories_give_the_label_order(videos, lists):
    splits = load_splits(videos, lists)
    assert splits["train"].labels == ["adult+female+singing", "yawning"]
    assert splits["train"].label.tolist() == [1, 0]
    assert splits["train"].video_id(0) == "a_3"
    assert not splits.notes


def test_videos_are_found_by_split_by_class_and_flat(videos, lists):
    splits = load_splits(videos, lists)
    assert paths_of(splits["train"]) == ["training/yawning/a_3.mp4", "adult+female+singing/b.mp4"]
    assert paths_of(splits["val"]) == ["validation/c.mp4"]


def test_a_list_that_is_missing_is_named(videos, lists):
    (lists / "validationSet.csv").unlink()
    with pytest.raises(AnnotationError, match=r"validationSet\.csv: there is no such file"):
        load_splits(videos, lists)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("trainingSet.csv", "x/a.mp4,x,1,0\n", "line 1: the class 'x' is not in"),
        ("trainingSet.csv", "x/a.mp4\n", "line 1: expected <class>/<video>,<class>"),
        ("moments_categories.txt", "yawning\n", "line 1: expected <class>,<number>"),
        ("moments_categories.txt", "yawning,0\nyawning,1\n", "line 2: 'yawning,1' is there twice"),
        ("moments_categories.txt", f"yawning,{'9' * 5000}\n", "line 1: expected a whole number"),
    ],
)
def test_a_malformed_line_is_named(videos, lists, file, text, message):
    write_text(lists, file, text)
    with pytest.raises(AnnotationError) as caught:
        load_splits(videos, lists)
    assert f"{file}, {message}" in str(caught.value)
