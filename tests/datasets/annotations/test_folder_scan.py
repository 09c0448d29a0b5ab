import os

import pytest

from datasets.annotations.errors import AnnotationError
from datasets.annotations.folder_scan import FolderScan
from datasets.annotations.formats import load_splits
from tests.datasets.annotations.made_files import make_files, paths_of


def link(folder, name, target):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    os.symlink(target, folder / name)


def classes_of(splits):
    index = splits["all"]
    return {index.paths[row]: index.labels[index.label[row]] for row in range(len(index))}


@pytest.mark.parametrize("target", ["..", "../..", ".", "../../.."])
def test_a_link_to_a_folder_above_gives_no_video_a_second_class(tmp_path, target):
    make_files(tmp_path, "set/a/1.mp4", "set/a/2.mp4", "set/b/1.mp4", "set/stray.mp4", "far/3.mp4")
    link(tmp_path, "set/a/loop", target)
    splits = load_splits(tmp_path / "set")
    assert classes_of(splits) == {"a/1.mp4": "a", "a/2.mp4": "a", "b/1.mp4": "b"}
    assert any("a/loop" in note and "left out" in note for note in splits.notes)


def test_a_link_to_another_class_is_left_out_wherever_it_stands(tmp_path):
    make_files(tmp_path, "b/sub/1.mp4", "b/2.mp4", "c/3.mp4")
    link(tmp_path, "a/first", "../b/sub")
    link(tmp_path, "d", "c")
    splits = load_splits(tmp_path)
    assert classes_of(splits) == {"b/sub/1.mp4": "b", "b/2.mp4": "b", "c/3.mp4": "c"}
    notes = " ".join(splits.notes)
    assert "a/first is the same folder as b/sub" in notes
    assert "d is the same folder as c" in notes


def test_a_link_from_one_split_into_the_other_leaks_nothing(tmp_path):
    make_files(tmp_path, "train/a/1.mp4", "val/a/2.mp4")
    link(tmp_path, "val/a/more", "../../train/a")
    splits = load_splits(tmp_path)
    assert paths_of(splits["val"]) == ["val/a/2.mp4"]


def test_a_folder_elsewhere_is_followed_once(tmp_path):
    make_files(tmp_path, "disk/1.mp4", "disk/deep/2.mp4", "set/a/3.mp4")
    link(tmp_path, "set/a/linked", tmp_path / "disk")
    link(tmp_path, "set/b/again", tmp_path / "disk/deep")
    splits = load_splits(tmp_path / "set")
    assert classes_of(splits) == {
        "a/3.mp4": "a",
        "a/linked/1.mp4": "a",
        "a/linked/deep/2.mp4": "a",
    }


def test_class_folders_may_all_be_links(tmp_path):
    make_files(tmp_path, "disk1/1.mp4", "disk2/2.mp4")
    link(tmp_path, "set/a", tmp_path / "disk1")
    link(tmp_path, "set/b", tmp_path / "disk2")
    assert classes_of(load_splits(tmp_path / "set")) == {"a/1.mp4": "a", "b/2.mp4": "b"}


def test_a_link_to_itself_is_one_bad_entry(tmp_path):
    make_files(tmp_path, "a/1.mp4", "a/2.mp4")
    link(tmp_path, "a/self", "self")
    link(tmp_path, "itself", "itself")
    link(tmp_path, "a/self.mp4", "self.mp4")
    splits = load_splits(tmp_path)
    # As a video it fails by name when it is read.
    assert paths_of(splits["all"]) == ["a/1.mp4", "a/2.mp4", "a/self.mp4"]
    assert "a/self cannot be read; left out" in " ".join(splits.notes)


def test_files_of_other_endings_are_counted_and_one_is_named(tmp_path):
    make_files(tmp_path, *(f"a/{i}.mp4" for i in range(2)), "a/x.dat", "a/sub/y.dat", "a/z")
    notes = load_splits(tmp_path).notes
    assert "3 files left out" in notes[0]
    assert "(.dat 2, none 1; a/x.dat first)" in notes[0]


def test_frames_and_hidden_files_are_not_counted_as_left_out(tmp_path):
    make_files(tmp_path, *(f"a/v{v}/{i:05d}.jpg" for v in range(2) for i in range(3)), "a/.x")
    splits = load_splits(tmp_path)
    assert paths_of(splits["all"]) == ["a/v0", "a/v1"]
    assert not splits.notes


def test_optical_flow_beside_the_frames_is_mentioned(tmp_path):
    for kind in ("img", "flow_x", "flow_y"):
        make_files(tmp_path, *(f"a/v{v}/{kind}_{i:05d}.jpg" for v in range(2) for i in range(3)))
    splits = load_splits(tmp_path)
    assert paths_of(splits["all"]) == ["a/v0", "a/v1"]
    assert "2 folders with optical flow beside the RGB frames" in splits.notes[0]


def test_a_folder_that_vanished_is_named(tmp_path):
    with pytest.raises(AnnotationError, match="gone: cannot be read"):
        FolderScan(tmp_path, ["gone"])


@pytest.mark.parametrize("split", ["", "train/", "val/"])
def test_empty_folders_are_no_classes(tmp_path, split):
    other = {"": ["", ""], "train/": ["train/", "val/"], "val/": ["train/", "val/"]}[split]
    make_files(tmp_path, *(f"{o}{name}/{i}.mp4" for o in other for name in "ab" for i in "12"))
    (tmp_path / f"{split}@eaDir/deeper").mkdir(parents=True)
    make_files(tmp_path, f"{split}__MACOSX/notes.txt")
    splits = load_splits(tmp_path)
    assert splits.labels == ["a", "b"]
    assert "2 folders without videos, so no classes: @eaDir, __MACOSX" in splits.notes[0]


def test_a_class_folder_in_other_case_in_another_split_is_the_same_class(tmp_path):
    make_files(tmp_path, "train/HandStand/1.mp4", "train/b/1.mp4", "val/Handstand/2.mp4")
    splits = load_splits(tmp_path)
    assert splits.labels == ["HandStand", "b"]
    assert splits["val"].label.tolist() == [0]
    assert "val/Handstand is taken for the class HandStand" in " ".join(splits.notes)


def test_two_classes_that_differ_in_case_stay_two_with_a_word(tmp_path):
    make_files(tmp_path, "run/1.mp4", "run/2.mp4", "Run/3.mp4", "Run/4.mp4")
    splits = load_splits(tmp_path)
    assert splits.labels == ["Run", "run"]
    assert "Run and run are two classes" in splits.notes


def test_a_class_is_called_alike_in_both_forms_of_unicode(tmp_path):
    make_files(tmp_path, "train/Gewa\u0308sser/1.mp4", "val/Gew\u00e4sser/2.mp4")
    splits = load_splits(tmp_path)
    assert splits.labels == ["Gew\u00e4sser"]
    assert not splits.notes


def test_a_class_folder_that_is_not_utf8_has_a_name_that_can_be_written(tmp_path):
    folder = os.fsdecode(b"caf\xe9")
    make_files(tmp_path, f"{folder}/1.mp4", f"{folder}/2.mp4", "b/1.mp4")
    splits = load_splits(tmp_path)
    assert splits.labels == ["b", "caf\\xe9"]
    assert os.path.exists(splits["all"].path(1))
