import unicodedata

import pytest

from datasets.annotations.formats import load_splits
from datasets.annotations.video_finder import VideoFinder
from tests.datasets.annotations.made_files import make_files, write_text


def test_a_file_that_is_there_is_found_whatever_its_ending(tmp_path):
    make_files(tmp_path, "a/camera0.dat", "a/v1.5/1.jpg", "a/plain", "a/x.mp4", "a/x.avi")
    finder = VideoFinder(tmp_path)
    for path in ("a/camera0.dat", "a/v1.5", "a/plain", "a/x.mp4", "a/x.avi"):
        assert finder.find_path(path) == path
    assert finder.find_path("a/v1.5/") == "a/v1.5"
    assert not finder.missing


def test_a_copy_with_another_ending_stands_for_the_video(tmp_path):
    make_files(tmp_path, "a/x.mp4", "a/y.dat.mp4")
    finder = VideoFinder(tmp_path)
    assert finder.find("x.avi", "a") == finder.find("x.h264", "a") == "a/x.mp4"
    assert finder.find("y.dat", "a") == "a/y.dat.mp4"
    assert finder.find("z.avi", "a") == "a/z.avi"
    assert finder.missing == {"a/z.avi"}


@pytest.mark.parametrize("folder", ["", "UCF-101/"])
def test_class_folders_and_files_in_other_case_are_found_with_a_note(tmp_path, folder):
    make_files(tmp_path, f"videos/{folder}HandStandPushups/v_HandStandPushups_g01_c01.avi")
    make_files(tmp_path, f"videos/{folder}Archery/v_Archery_g01_c01.avi")
    write_text(tmp_path, "lists/classInd.txt", "1 Archery\n2 HandstandPushups\n")
    lines = "Archery/v_Archery_g01_c01.avi 1\n"
    write_text(tmp_path, "lists/trainlist01.txt", lines)
    lines = "HandstandPushups/v_HandstandPushups_g01_c01.avi\n"
    write_text(tmp_path, "lists/testlist01.txt", lines)
    splits = load_splits(tmp_path / "videos", tmp_path / "lists")
    assert splits["val"].paths[0] == (f"{folder}HandStandPushups/v_HandStandPushups_g01_c01.avi")
    assert "found in other upper and lower case" in splits.notes[0]


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC")])
def test_names_in_both_forms_of_unicode_match(tmp_path, forms):
    listed, on_disk = (unicodedata.normalize(form, "Gewässer/über.mp4") for form in forms)
    make_files(tmp_path, f"videos/{on_disk}", "videos/a/1.mp4")
    path = write_text(tmp_path, "all.csv", f"path,label\n{listed},b\na/1.mp4,a\n")
    splits = load_splits(tmp_path / "videos", path)
    assert splits["all"].paths[0] == on_disk
    assert not splits.notes


def test_the_right_spelling_elsewhere_comes_before_another_one_here(tmp_path):
    make_files(tmp_path, "a/X.mp4", "x.mp4")
    assert VideoFinder(tmp_path).find("x.mp4", "a", "") == "x.mp4"


def test_without_a_folder_nothing_is_looked_for():
    finder = VideoFinder(None)
    assert finder.find("x.mp4", "a", "b") == "a/x.mp4"
    assert finder.locate(["x.mp4"], ["a"]) is None
    assert not finder.missing
