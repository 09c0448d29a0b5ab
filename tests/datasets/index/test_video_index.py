import math
import os
import pickle

import numpy as np
import pytest

from datasets.annotations.errors import AnnotationError
from datasets.decoding.reader import Reader
from datasets.index.splits import Splits
from datasets.index.video_index import Row, VideoIndex

LABELS = ["jump", "sit down", "Fußball"]
ROWS = [
    Row("jump/a.avi", 0),
    Row("/elsewhere/b.mp4", 1, "b", first=3, last=20, frame_count=40, fps=25.0),
    Row("Fußball/\udcff.mkv", 2, "c", first_second=0.5, last_second=1.1),
]


@pytest.fixture
def index():
    return VideoIndex.from_rows(LABELS, ROWS, root="/videos")


def assert_same(index, other):
    assert index.labels == other.labels
    assert [index.path(row) for row in range(len(index))] == [
        other.path(row) for row in range(len(other))
    ]
    assert list(index.video_ids) == list(other.video_ids)
    for name in ("label", "first", "last", "first_second", "last_second", "frame_count", "fps"):
        column, copy = getattr(index, name), getattr(other, name)
        assert column.dtype == copy.dtype, name
        np.testing.assert_array_equal(column, copy, err_msg=name)


def test_rows_come_back_as_they_were_given(index):
    assert len(index) == 3
    assert index.path(0) == "/videos/jump/a.avi"
    assert index.path(1) == "/elsewhere/b.mp4"
    assert [index.video_id(row) for row in range(3)] == ["jump/a.avi", "b", "c"]
    assert index.label.tolist() == [0, 1, 2]
    assert index.label.dtype == np.int32
    assert index.last.tolist() == [-1, 20, -1]
    assert math.isnan(index.fps[0])
    assert index.fps[1] == 25


def test_a_name_that_is_no_utf8_survives(index):
    assert os.fsencode(index.path(2)) == "/videos/Fußball/".encode() + b"\xff.mkv"


def test_a_row_out_of_range_is_an_error(index):
    with pytest.raises(IndexError):
        index.path(3)


def test_select_takes_rows_in_the_order_asked_for(index):
    chosen = index.select([2, 0, 2])
    assert [chosen.video_id(row) for row in range(3)] == ["c", "jump/a.avi", "c"]
    assert chosen.label.tolist() == [2, 0, 2]
    assert chosen.labels == LABELS


def test_select_takes_a_mask(index):
    chosen = index.select(index.label != 1)
    assert chosen.label.tolist() == [0, 2]


def test_select_of_many_rows_crosses_its_blocks(monkeypatch):
    monkeypatch.setattr("datasets.index.text_column.GATHER_ROWS", 7)
    index = VideoIndex.from_rows(["x"], [Row("v" * (i % 5) + str(i), 0) for i in range(50)])
    rows = np.random.default_rng(0).permutation(50)
    assert list(index.select(rows).paths) == [index.path(row) for row in rows]


def test_an_empty_selection_is_an_index_of_no_rows(index):
    assert len(index.select([])) == 0
    assert list(index.select([]).paths) == []


def test_a_saved_index_loads_unchanged(index, tmp_path):
    index.save(tmp_path / "index.npz")
    assert_same(index, VideoIndex.load(tmp_path / "index.npz"))
    assert os.listdir(tmp_path) == ["index.npz"]


def test_saved_splits_load_unchanged_and_in_order(index, tmp_path):
    splits = Splits("lists", {"train": index, "val": index.select([1])}, ["two are missing"])
    splits.save(tmp_path / "index.npz")
    loaded = Splits.load(tmp_path / "index.npz")
    assert list(loaded) == ["train", "val"]
    assert loaded.notes == ["two are missing"]
    assert_same(index, loaded["train"])
    assert_same(index.select([1]), loaded["val"])


def test_a_failed_save_leaves_the_old_file_and_no_other(index, tmp_path, monkeypatch):
    index.save(tmp_path / "index.npz")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        index.select([0]).save(tmp_path / "index.npz")
    assert os.listdir(tmp_path) == ["index.npz"]
    assert len(VideoIndex.load(tmp_path / "index.npz")) == 3


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(AnnotationError, match=r"nowhere\.npz: there is no such"):
        VideoIndex.load(tmp_path / "nowhere.npz")


@pytest.mark.parametrize("keep", [0, 0.01, 0.5, 0.95])
def test_a_truncated_file_is_named(index, tmp_path, keep):
    path = tmp_path / "index.npz"
    index.save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data))])
    with pytest.raises(AnnotationError, match=r"index\.npz: not an index"):
        VideoIndex.load(path)


def test_a_pickle_is_never_executed(tmp_path):
    path = tmp_path / "index.npz"
    path.write_bytes(pickle.dumps({"labels": LABELS}))
    with pytest.raises(AnnotationError, match=r"index\.npz: not an index"):
        VideoIndex.load(path)


def test_a_split_that_does_not_exist_is_named_with_those_that_do(index):
    with pytest.raises(
        AnnotationError, match="ucf: there is no split named 'test'; it has train, val"
    ):
        Splits("ucf", {"train": index, "val": index})["test"]


def test_the_whole_video_is_what_the_video_has(index):
    assert index.frame_range(0, 100) == (0, 100)


def test_a_segment_is_cut_to_what_the_video_has(index):
    assert index.frame_range(1, 100) == (3, 20)
    assert index.frame_range(1, 15) == (3, 15)
    assert index.frame_range(1, 2) == (2, 2)


def test_seconds_become_the_frames_shown_within_them(index):
    # Shown at 0.5, 0.6, ... 1.0; the frame at 1.1 is the first one outside.
    reader = Reader()
    reader.times = np.arange(100) / 10
    assert index.frame_range(2, 100, reader.frame_at) == (5, 11)
    # A slow beginning: five frames a second, and ten from 1 s on.
    reader.times = np.concatenate([np.arange(5) / 5, 1 + np.arange(95) / 10])
    assert index.frame_range(2, 100, reader.frame_at) == (3, 6)
