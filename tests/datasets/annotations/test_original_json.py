import json
import os
from pathlib import Path

import pytest

from datasets.annotations.errors import AnnotationError
from datasets.annotations.formats import load_splits
from tests.datasets.annotations.made_files import make_files, paths_of, write_text

REAL = Path(__file__).parents[4] / "shared/ucf101/ucf101_01.json"


def entry(subset="training", label="run", segment=(1, 11), **more):
    return {"subset": subset, "annotations": {"label": label, "segment": list(segment)}, **more}


def content():
    return {
        "labels": ["run", "climb"],
        "database": {
            "a": entry(),
            "b": entry("validation", "climb", (5, 9)),
            "c": entry(segment=(1, 4)),
            "d": entry(video_path="elsewhere/file.mkv"),
            "e": {"subset": "testing", "annotations": {"segment": [1, 3]}},
        },
    }


@pytest.fixture
def videos(tmp_path):
    make_files(tmp_path / "videos", "run/a.mp4", "b.avi", "run/c/image_00001.jpg", "test/e.avi")
    make_files(tmp_path / "videos", "elsewhere/file.mkv", "run/d.mp4")
    return tmp_path / "videos"


def load(videos, what):
    annotation = write_text(videos.parent, "annotation.json", json.dumps(what))
    return load_splits(videos, annotation)


def test_labels_keep_their_order_and_subsets_become_splits(videos):
    splits = load(videos, content())
    assert list(splits) == ["train", "val", "test"]
    assert splits["train"].labels == ["run", "climb"]
    assert splits["val"].label.tolist() == [1]
    assert splits["test"].label.tolist() == [-1]
    assert list(splits["train"].video_ids) == ["a", "c", "d"]
    assert not splits.notes


def test_videos_are_found_by_class_flat_as_frames_and_by_video_path(videos):
    splits = load(videos, content())
    assert paths_of(splits["train"]) == ["run/a.mp4", "run/c", "elsewhere/file.mkv"]
    assert paths_of(splits["val"]) == ["b.avi"]
    assert paths_of(splits["test"]) == ["test/e.avi"]


def test_an_absolute_video_path_stands_for_itself(videos, tmp_path):
    make_files(tmp_path, "far/x.mp4")
    what = content()
    what["database"]["d"]["video_path"] = str(tmp_path / "far/x.mp4")
    assert load(videos, what)["train"].path(2) == str(tmp_path / "far/x.mp4")


def test_segments_are_counted_from_1_in_the_file_and_from_0_here(videos):
    splits = load(videos, content())
    assert (splits["train"].first[0], splits["train"].last[0]) == (0, 10)
    assert (splits["val"].first[0], splits["val"].last[0]) == (4, 8)


def test_without_a_segment_the_whole_video_counts(videos):
    what = content()
    del what["database"]["a"]["annotations"]["segment"]
    assert load(videos, what)["train"].frame_range(0, 77) == (0, 77)


def test_a_missing_video_stays_and_is_counted(videos):
    (videos / "b.avi").unlink()
    splits = load(videos, content())
    assert paths_of(splits["val"]) == ["climb/b"]
    assert "1 of the 1 videos listed for val" in splits.notes[0]


def test_each_folder_is_read_once(videos, monkeypatch):
    read = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: read.append(path) or scandir(path))
    what = content()
    what["database"] |= {f"n{i}": entry() for i in range(100)}
    load(videos, what)
    assert len(read) < 10


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": "swim"}, "video 'a': the label 'swim' is not among"),
        ({"label": ["run"]}, "video 'a': the label ['run'] is not among"),
        ({"segment": [0, 5]}, "video 'a': the segment is [0, 5]"),
        ({"segment": [7, 7]}, "video 'a': the segment is [7, 7]"),
        ({"segment": [1, 2, 3]}, "video 'a': the segment is"),
        ({"segment": ["1", 2]}, "video 'a': the segment is"),
        ({"segment": [1, 2**63]}, "video 'a': the segment is [1, 9223372036854775808]"),
        ({"segment": [1, 10**400]}, "video 'a': the segment is [1, 1000"),
    ],
)
def test_a_wrong_entry_is_named(videos, change, message):
    what = content()
    what["database"]["a"]["annotations"] |= change
    with pytest.raises(AnnotationError) as caught:
        load(videos, what)
    assert message in str(caught.value)
    assert "annotation.json" in str(caught.value)


@pytest.mark.parametrize("subset", ["train", None, ["training"]])
def test_an_unknown_subset_is_named(videos, subset):
    what = content()
    what["database"]["a"]["subset"] = subset
    with pytest.raises(AnnotationError, match="video 'a': the subset is"):
        load(videos, what)


@pytest.mark.parametrize(
    "what", [[], {"labels": []}, {"database": {}}, {"labels": ["a", "a"], "database": {}}]
)
def test_another_json_is_no_annotation(videos, what):
    with pytest.raises(AnnotationError, match=r"annotation\.json: "):
        load(videos, what)


def test_a_text_that_is_no_json_is_named(videos):
    with pytest.raises(AnnotationError, match=r"x\.json: is no JSON"):
        load_splits(videos, write_text(videos.parent, "x.json", "{"))


@pytest.mark.skipif(not REAL.exists(), reason="the real UCF-101 annotation is not here")
def test_the_real_annotation_loads(tmp_path):
    database = json.loads(REAL.read_text())["database"]
    make_files(
        tmp_path, *(f"{e['annotations']['label']}/{name}.avi" for name, e in database.items())
    )
    splits = load_splits(tmp_path, REAL)
    assert (len(splits["train"]), len(splits["val"])) == (9537, 3783)
    assert len(splits["train"].labels) == 101
    assert not splits.notes
