import os

import pytest

from datasets.annotations.errors import AnnotationError
from datasets.annotations.formats import load_splits
from tests.datasets.annotations.made_files import make_files, paths_of


def test_labels_are_the_sorted_class_names(tmp_path):
    make_files(tmp_path, "zebra/1.mp4", "zebra/2.mp4", "ant/1.mp4", "ant/2.mp4")
    assert load_splits(tmp_path)["train"].labels == ["ant", "zebra"]


def test_split_folders_give_the_split(tmp_path):
    make_files(tmp_path, "train/b/1.avi", "train/a/2.avi", "val/a/3.avi", "test/b/4.avi")
    splits = load_splits(tmp_path)
    assert list(splits) == ["train", "val", "test"]
    assert paths_of(splits["train"]) == ["train/a/2.avi", "train/b/1.avi"]
    assert splits["train"].label.tolist() == [0, 1]
    assert paths_of(splits["test"]) == ["test/b/4.avi"]
    assert splits["test"].label.tolist() == [1]


def test_classes_of_all_split_folders_share_one_list(tmp_path):
    make_files(tmp_path, "train/b/1.avi", "train/c/1.avi", "validation/a/2.avi")
    splits = load_splits(tmp_path)
    assert splits["train"].labels == splits["val"].labels == ["a", "b", "c"]
    assert "no videos for 1 of 3 classes: a" in splits.notes[0]
    assert "no videos for 2 of 3 classes: b, c" in splits.notes[1]


def test_other_folders_beside_train_and_val_are_no_classes(tmp_path):
    make_files(tmp_path, "train/a/1.avi", "val/a/2.avi", "old/a/3.avi")
    assert paths_of(load_splits(tmp_path)["train"]) == ["train/a/1.avi"]


@pytest.mark.parametrize("folders", [["train"], ["train", "test"], ["val", "test"]])
def test_a_missing_split_folder_is_named(tmp_path, folders):
    make_files(tmp_path, *(f"{folder}/{name}/1.avi" for folder in folders for name in "ab"))
    with pytest.raises(AnnotationError, match="but no (train|val) folder"):
        load_splits(tmp_path)


def test_files_count_as_videos_by_extension_alone(tmp_path):
    make_files(
        tmp_path, "a/text.AVI", "a/x.WebM", "a/notes.txt", "a/.hidden.mp4", "a/x.jpg", "b/1.m"
    )
    make_files(tmp_path, "a/.cache/1.mp4", ".trash/1.mp4")
    splits = load_splits(tmp_path)
    assert sorted(paths_of(splits["train"]) + paths_of(splits["val"])) == ["a/text.AVI", "a/x.WebM"]
    assert splits["train"].labels == ["a"]
    assert splits.notes[0].endswith("1 folder without videos, so no class: b")
    assert "3 files left out" in splits.notes[1]
    assert "(.txt 1, .jpg 1, .m 1; a/notes.txt first)" in splits.notes[1]


def test_folders_within_a_class_are_searched(tmp_path):
    make_files(tmp_path, "a/2020/may/1.mp4", "a/2.mp4")
    splits = load_splits(tmp_path)
    assert sorted(paths_of(splits["train"]) + paths_of(splits["val"])) == [
        "a/2.mp4",
        "a/2020/may/1.mp4",
    ]


def test_links_are_followed_and_circles_end(tmp_path):
    make_files(tmp_path, "disk/1.mp4", "videos/a/2.mp4")
    os.symlink(tmp_path / "disk", tmp_path / "videos/a/linked")
    os.symlink(tmp_path / "videos/a", tmp_path / "disk/back")
    splits = load_splits(tmp_path / "videos")
    assert sorted(paths_of(splits["train"]) + paths_of(splits["val"])) == [
        "a/2.mp4",
        "a/linked/1.mp4",
    ]


def test_a_folder_of_extracted_frames_is_one_video(tmp_path):
    for video in ("x", "y"):
        make_files(tmp_path, *(f"a/{video}/image_{i:05d}.jpg" for i in range(1, 4)))
    splits = load_splits(tmp_path)
    assert sorted(paths_of(splits["train"]) + paths_of(splits["val"])) == ["a/x", "a/y"]


def test_the_folder_that_an_archive_unpacks_to_is_no_class(tmp_path):
    make_files(tmp_path, "UCF-101/b/1.avi", "UCF-101/b/2.avi", "UCF-101/a/1.avi", "UCF-101/a/2.avi")
    splits = load_splits(tmp_path)
    assert splits["train"].labels == ["a", "b"]
    assert splits["train"].root == str(tmp_path / "UCF-101")


def test_videos_beside_the_classes_are_mentioned(tmp_path):
    make_files(tmp_path, "a/1.mp4", "a/2.mp4", "stray.mp4")
    assert "1 video beside the class folders left out" in load_splits(tmp_path).notes[0]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "no videos; one subfolder"),
        (["a/readme.txt"], "no videos in its 1 class folder"),
        (["1.mp4", "2.mp4"], "2 videos, but no class folders"),
        (["train/1.mp4", "val/1.mp4"], "no class folders in train, val"),
    ],
)
def test_a_folder_without_classes_of_videos_is_named(tmp_path, files, message):
    make_files(tmp_path, *files)
    with pytest.raises(AnnotationError) as caught:
        load_splits(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}: {message}")


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(AnnotationError, match="nowhere: no such folder"):
        load_splits(tmp_path / "nowhere")


def test_a_file_given_as_the_folder_is_named(tmp_path):
    make_files(tmp_path, "x.mp4")
    with pytest.raises(AnnotationError, match=r"x\.mp4: is a file"):
        load_splits(tmp_path / "x.mp4")
