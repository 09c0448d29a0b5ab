"""Lists in which a video may have several labels."""

import numpy as np
import pytest

from datasets.annotations.errors import AnnotationError
from datasets.annotations.formats import load_splits
from datasets.index.building import build_index
from datasets.index.splits import Splits
from tests.datasets.annotations.made_files import make_files, write_text
from tests.videos import write_video


@pytest.fixture
def videos(tmp_path):
    make_files(tmp_path / "videos", *(f"{i}.mp4" for i in range(4)), "frames/image_00001.jpg")
    return tmp_path / "videos"


def read(videos, text, name="all.csv", **options):
    """`{path: names of its classes}` of a list."""
    path = write_text(videos.parent, name, text)
    index = load_splits(videos, path, multi_label=True, **options)["all"]
    return {path: index.classes(row) for row, path in enumerate(index.paths)}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("all.csv", "0.mp4,b\n1.mp4,c\n0.mp4,a\n2.mp4,a\n"),
        ("all.csv", 'path,label\n0.mp4,"a,b"\n1.mp4,c\n2.mp4,a\n'),
        ("all.csv", "0.mp4;b, a\n1.mp4;c\n2.mp4;a\n"),
        ("all.tsv", "0.mp4\ta,b\n1.mp4\tc\n2.mp4\ta\n"),
        ("all.txt", "0.mp4 a b\n1.mp4 c\n2.mp4 a\n"),
        ("all.txt", "0.mp4 a,b\n1.mp4 c,c\n2.mp4 a, a\n"),
    ],
    ids=["a row for each", "quoted", "semicolon", "tab", "words", "words with commas"],
)
def test_all_labels_of_a_video_are_found(videos, name, text):
    assert read(videos, text, name) == {"0.mp4": ["a", "b"], "1.mp4": ["c"], "2.mp4": ["a"]}


def test_numbers_are_labels_behind_a_video_and_the_first_counts_frames_behind_a_folder(videos):
    found = read(videos, "0.mp4 10 2 7\nframes 250 2 10\n", "all.txt")
    assert found == {"0.mp4": ["2", "7", "10"], "frames": ["2", "10"]}


def test_segments_of_a_video_have_labels_of_their_own(videos):
    path = write_text(videos.parent, "all.csv", "0.mp4,a,1,2\n0.mp4,b,1,2\n0.mp4,c,2,\n")
    index = load_splits(videos, path, multi_label=True)["all"]
    assert [index.classes(row) for row in range(len(index))] == [["a", "b"], ["c"]]


def test_without_the_option_every_row_is_a_video(videos):
    path = write_text(videos.parent, "all.csv", "0.mp4,b\n0.mp4,a\n")
    index = load_splits(videos, path)["all"]
    assert index.targets is None and index.label.tolist() == [1, 0]


def test_a_line_without_a_label_is_refused(videos):
    with pytest.raises(AnnotationError, match="line 2: expected path,label"):
        read(videos, "0.mp4;a\n1.mp4;,\n")


def test_a_drawn_split_gives_every_class_to_both_sides(videos):
    make_files(videos, *(f"{i}.mp4" for i in range(40)))
    text = "".join(f"{i}.mp4 {i % 3} {3 + i % 4}\n" for i in range(40))
    path = write_text(videos.parent, "all.txt", text)
    splits = load_splits(videos, path, multi_label=True)
    train, val = splits["train"], splits["val"]
    assert len(train) + len(val) == 40 and not set(train.paths) & set(val.paths)
    total = train.videos_of_classes() + val.videos_of_classes()
    np.testing.assert_allclose(val.videos_of_classes() / total, 0.2, atol=0.1)


def test_an_index_keeps_all_labels_and_must_be_used_as_it_was_made(tmp_path):
    (tmp_path / "videos").mkdir()
    for number in range(2):
        write_video(tmp_path / "videos" / f"{number}.mp4", frames=4)
    path = write_text(tmp_path, "all.txt", "0.mp4 a b\n1.mp4 b\n")
    build = load_splits(tmp_path / "videos", path, multi_label=True)
    build_index(build, tmp_path / "index", workers=1, progress=False)
    index = load_splits(None, tmp_path / "index", multi_label=True)["all"]
    assert [index.classes(row) for row in range(2)] == [["a", "b"], ["b"]]
    with pytest.raises(AnnotationError, match="made with multi_label .* used without it"):
        load_splits(None, tmp_path / "index")
    plain = load_splits(tmp_path / "videos", write_text(tmp_path, "one.txt", "0.mp4 a\n1.mp4 b\n"))
    plain.save(tmp_path / "plain.npz")
    with pytest.raises(AnnotationError, match="made without multi_label"):
        load_splits(None, tmp_path / "plain.npz", multi_label=True)


def test_rows_are_chosen_and_joined_with_their_labels(videos, tmp_path):
    lists = {"train": "0.mp4 a b\n1.mp4 c\n", "val": "2.mp4 b c\n0.mp4 a\n"}
    for split, text in lists.items():
        write_text(tmp_path, f"lists/{split}.txt", text)
    splits = load_splits(videos, tmp_path / "lists", multi_label=True)
    splits.save(tmp_path / "kept.npz")
    for found in (splits, Splits.load(tmp_path / "kept.npz")):
        everything = found["all"]
        named = [everything.classes(row) for row in range(len(everything))]
        assert named == [["a", "b"], ["c"], ["b", "c"]]
    np.testing.assert_array_equal(splits["train"].target(0), np.float32([1, 1, 0]))
