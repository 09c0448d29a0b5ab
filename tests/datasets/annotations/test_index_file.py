import numpy as np
import pytest

from datasets.annotations.errors import AnnotationError
from datasets.annotations.formats import load_splits
from datasets.index.splits import Splits
from datasets.index.video_index import Row, VideoIndex
from tests.datasets.annotations.made_files import make_files, paths_of, write_text


@pytest.fixture
def index_folder(tmp_path):
    make_files(tmp_path / "videos", "a/1.avi", "a/2.avi")
    rows = [Row("a/1.avi", 0, frame_count=7, fps=25), Row("a/2.avi", 0, first=2, last=5)]
    index = VideoIndex.from_rows(["a"], rows, root=tmp_path / "videos")
    (tmp_path / "index").mkdir()
    Splits("lists", {"train": index, "val": index}, ["a note"]).save(tmp_path / "index/index.npz")
    return tmp_path / "index"


@pytest.mark.parametrize("name", ["", "index.npz"])
@pytest.mark.parametrize("with_videos", [True, False])
def test_an_index_stands_for_its_source(index_folder, tmp_path, name, with_videos):
    videos = tmp_path / "videos" if with_videos else None
    splits = load_splits(videos, index_folder / name)
    assert list(splits) == ["train", "val"]
    assert splits["train"].frame_count.tolist() == [7, -1]
    assert splits["train"].path(0) == str(tmp_path / "videos/a/1.avi")
    assert splits.notes == ["a note"]


def test_prepared_copies_are_found_in_another_folder(index_folder, tmp_path):
    make_files(tmp_path / "prepared", "a/1.mp4")
    splits = load_splits(tmp_path / "prepared", index_folder)
    assert splits["train"].path(0) == str(tmp_path / "prepared/a/1.mp4")
    assert paths_of(splits["train"])[1] == "a/2.avi"
    assert splits["train"].last.tolist() == [-1, 5]
    assert splits["train"].frame_count.tolist() == [-1, -1]
    assert np.isnan(splits["train"].fps).all()
    assert "2 of the 4 videos" in splits.notes[1]


def test_a_folder_with_none_of_the_videos_is_named(index_folder, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(AnnotationError, match="empty: holds none of the 4 videos"):
        load_splits(tmp_path / "empty", index_folder)
    with pytest.raises(AnnotationError, match="nowhere: there is no such folder"):
        load_splits(tmp_path / "nowhere", index_folder)


def test_an_annotation_of_no_known_kind_is_named(tmp_path):
    make_files(tmp_path, "videos/a/1.mp4", "lists/readme.md")
    for annotation in (tmp_path / "lists", write_text(tmp_path, "labels.yaml", "")):
        with pytest.raises(AnnotationError, match=f"{annotation}: .*no known"):
            load_splits(tmp_path / "videos", annotation)
    with pytest.raises(AnnotationError, match="nowhere: no such file"):
        load_splits(tmp_path / "videos", tmp_path / "nowhere")


def test_videos_are_needed_without_an_index(tmp_path):
    with pytest.raises(AnnotationError, match="videos: "):
        load_splits(None)
    with pytest.raises(AnnotationError, match="videos: "):
        load_splits(None, write_text(tmp_path, "all.csv", ""))
