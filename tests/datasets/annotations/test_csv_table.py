import math

import pytest

from datasets.annotations.errors import AnnotationError
from datasets.annotations.formats import load_splits
from tests.datasets.annotations.made_files import make_files, paths_of, write_text


@pytest.fixture
def videos(tmp_path):
    make_files(tmp_path / "videos", *(f"{name}/{i}.mp4" for name in "ab" for i in range(5)))
    return tmp_path / "videos"


def rows_of(splits):
    return sorted(path for index in splits.values() for path in paths_of(index))


@pytest.mark.parametrize("header", ["", "path,label\n", "Path,Label,start,end\n"])
def test_one_file_is_split_by_drawing(videos, header):
    lines = "".join(f"{name}/{i}.mp4,class {name}\n" for name in "ba" for i in range(5))
    splits = load_splits(videos, write_text(videos.parent, "all.csv", header + lines))
    assert list(splits) == ["all"]
    assert splits["train"].labels == ["class a", "class b"]
    assert len(splits["val"]) == 2
    drawn = paths_of(splits["train"]) + paths_of(splits["val"])
    assert sorted(drawn) == rows_of(splits) == [f"{n}/{i}.mp4" for n in "ab" for i in range(5)]


def test_segments_are_in_seconds_and_stay_together(videos):
    lines = "a/0.mp4,x,1.5,4\na/0.mp4,x,7.25\na/1.mp4,x,,3\na/2.mp4,x\n"
    splits = load_splits(videos, write_text(videos.parent, "all.csv", lines))
    rows = {}
    for index in splits.values():
        for row in range(len(index)):
            segment = index.first_second[row], index.last_second[row]
            rows[index.video_id(row)] = index.paths[row], *segment
    assert rows["a/0.mp4[1.5,4]"] == ("a/0.mp4", 1.5, 4.0)
    assert rows["a/0.mp4[7.25,]"][1] == 7.25
    assert math.isnan(rows["a/0.mp4[7.25,]"][2])
    assert rows["a/1.mp4[0,3]"] == ("a/1.mp4", 0.0, 3.0)
    assert "a/2.mp4" in rows
    assert sum("a/0.mp4" in paths_of(splits[split]) for split in ("train", "val")) == 1


def test_two_files_give_the_split(videos):
    write_text(videos.parent, "lists/train.csv", "b/1.mp4,b\na/1.mp4,a\n")
    write_text(videos.parent, "lists/val.csv", "c/1.mp4,c\n")
    splits = load_splits(videos, videos.parent / "lists")
    assert splits["train"].labels == splits["val"].labels == ["a", "b", "c"]
    assert splits["train"].label.tolist() == [1, 0]
    assert "1 of the 1 videos listed for val are missing" in splits.notes[0]


def test_an_absolute_path_stands_for_itself(videos, tmp_path):
    make_files(tmp_path, "far/1.mp4", "far/2.mp4")
    lines = f"{tmp_path}/far/1.mp4,x\n{tmp_path}/far/2.mp4,x\n"
    splits = load_splits(videos, write_text(tmp_path, "all.csv", lines))
    assert not splits.notes
    assert splits["val"].path(0).startswith(f"{tmp_path}/far/")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a/1.mp4", "expected path,label[,start,end]"),
        ("a/1.mp4,", "expected path,label[,start,end]"),
        (",a", "expected path,label[,start,end]"),
        ("a/1.mp4,a,1,2,3", "expected path,label[,start,end]"),
        ("a/1.mp4,a,soon", "expected a time in seconds, found 'soon'"),
        ("a/1.mp4,a,-1", "expected a time in seconds, found '-1'"),
        ("a/1.mp4,a,5,5", "the segment ends at 5 and begins at 5"),
        ("a/1.mp4,a,nan,5", "expected a time in seconds"),
    ],
)
def test_a_malformed_line_is_named(videos, line, message):
    path = write_text(videos.parent, "all.csv", f"a/0.mp4,a\n\n{line}\n")
    with pytest.raises(AnnotationError) as caught:
        load_splits(videos, path)
    assert str(caught.value).startswith(f"{path}, line 3: {message}")


def test_an_empty_file_is_named(videos):
    with pytest.raises(AnnotationError, match=r"all\.csv: lists no videos"):
        load_splits(videos, write_text(videos.parent, "all.csv", "path,label\n"))
