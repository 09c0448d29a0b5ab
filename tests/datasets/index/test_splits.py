import numpy as np
import pytest

from datasets.annotations.drawn_split import Draw
from datasets.annotations.errors import AnnotationError
from datasets.index.splits import Splits
from datasets.index.video_index import Row, VideoIndex
from tests.datasets.annotations.made_files import paths_of


def index_of(*paths):
    return VideoIndex.from_rows(["a"], [Row(path, 0) for path in paths])


@pytest.fixture
def undivided():
    return Splits("source", {"all": index_of(*(f"{n}.mp4" for n in "jihgfedcba"))}, draw=Draw())


def test_a_split_is_drawn_only_when_it_is_asked_for():
    def draw(index):
        raise AssertionError

    splits = Splits("source", {"all": index_of("a", "b")}, draw=draw)
    assert list(splits) == ["all"]
    assert "train" not in splits
    assert len(splits["all"]) == 2
    assert splits.labels == ["a"]
    with pytest.raises(AssertionError):
        splits["val"]


def test_drawing_adds_its_notes_and_leaves_the_names(undivided):
    splits = Splits("source", {"all": VideoIndex.joined([undivided["all"], index_of("z.mp4")])})
    assert len(splits["all"]) == 11
    assert len(undivided["train"]) + len(undivided["val"]) == 10
    assert list(undivided) == ["all"]
    assert undivided["train"] is undivided["train"]


def test_all_of_given_splits_is_every_video_once_in_order():
    splits = Splits("s", {"train": index_of("b", "a", "c"), "val": index_of("a", "x", "b")})
    assert paths_of(splits["all"]) == ["b", "a", "c", "x"]


def test_segments_of_a_video_are_rows_of_their_own_among_all():
    one = VideoIndex.from_rows(["a"], [Row("x", 0, last_second=2), Row("x", 0)])
    other = VideoIndex.from_rows(["a"], [Row("x", 0, first=3), Row("x", 0)])
    assert len(Splits("s", {"train": one, "val": other})["all"]) == 3


def test_a_drawn_split_is_kept_as_it_was_drawn_and_all_in_the_order_of_the_source(
    undivided, tmp_path
):
    drawn = {split: paths_of(undivided[split]) for split in ("train", "val")}
    undivided.save(tmp_path / "index.npz")
    loaded = Splits.load(tmp_path / "index.npz", Draw(seed=77))
    assert list(loaded) == ["train", "val"]
    assert {split: paths_of(loaded[split]) for split in loaded} == drawn
    assert paths_of(loaded["all"]) == paths_of(undivided["all"])


def test_what_was_not_drawn_is_drawn_after_loading(undivided, tmp_path):
    undivided.save(tmp_path / "index.npz")
    loaded = Splits.load(tmp_path / "index.npz", Draw())
    assert list(loaded) == ["all"]
    assert paths_of(loaded["val"]) == paths_of(undivided["val"])


def test_a_split_that_is_not_there_is_named(undivided):
    with pytest.raises(AnnotationError, match="no split named 'test'; it has all"):
        undivided["test"]


def test_columns_that_do_not_fit_together_are_a_damaged_file(tmp_path):
    splits = Splits("s", {"all": index_of("a", "b")})
    splits.save(tmp_path / "index.npz")
    with np.load(tmp_path / "index.npz") as archive:
        columns = dict(archive)
    for name, value in (
        ("all/label", np.array([0, 1], np.int32)),
        ("all/label", np.array([0], np.int32)),
        ("all/paths.lengths", np.array([1, 5], np.int32)),
        ("all/paths.lengths", np.array([3, -1], np.int32)),
        ("all/first", np.array(["x", "y"])),
    ):
        np.savez(tmp_path / "bad.npz", **{**columns, name: value})
        with pytest.raises(AnnotationError, match=r"bad\.npz: "):
            Splits.load(tmp_path / "bad.npz")
