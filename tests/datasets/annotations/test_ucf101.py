import zipfile

import pytest

from datasets.annotations.errors import AnnotationError
from datasets.annotations.formats import load_splits
from tests.datasets.annotations.made_files import make_files, paths_of, write_text

CLASSES = "1 Surfing\n2 Archery\n"
TRAIN = "Surfing/v_Surfing_g08_c01.avi 1\nArchery/v_Archery_g08_c01.avi 2\n"
TEST = "Archery/v_Archery_g01_c01.avi\r\nSurfing/v_Surfing_g01_c01.avi\r\n"


@pytest.fixture
def lists(tmp_path):
    write_text(tmp_path, "lists/classInd.txt", CLASSES)
    write_text(tmp_path, "lists/trainlist01.txt", TRAIN)
    write_text(tmp_path, "lists/testlist01.txt", TEST)
    return tmp_path / "lists"


@pytest.fixture
def videos(tmp_path):
    make_files(tmp_path / "videos", *(line.split()[0] for line in (TRAIN + TEST).splitlines()))
    return tmp_path / "videos"


def test_the_official_lists_give_splits_and_label_order(videos, lists):
    splits = load_splits(videos, lists)
    assert list(splits) == ["train", "val"]
    assert splits["train"].labels == ["Surfing", "Archery"]
    assert paths_of(splits["train"]) == [
        "Surfing/v_Surfing_g08_c01.avi",
        "Archery/v_Archery_g08_c01.avi",
    ]
    assert splits["val"].label.tolist() == [1, 0]
    assert splits["val"].video_id(0) == "v_Archery_g01_c01"
    assert not splits.notes


def test_the_downloaded_zip_serves_as_the_lists(videos, lists, tmp_path):
    with zipfile.ZipFile(tmp_path / "splits.zip", "w") as archive:
        for file in lists.iterdir():
            archive.write(file, f"ucfTrainTestlist/{file.name}")
    splits = load_splits(videos, tmp_path / "splits.zip")
    assert splits["train"].labels == ["Surfing", "Archery"]
    assert len(splits["val"]) == 2


def test_lists_are_found_in_the_folder_they_unpack_to(videos, lists, tmp_path):
    assert len(load_splits(videos, tmp_path)["train"]) == 2


def test_two_sets_of_lists_are_not_guessed_between(videos, lists, tmp_path):
    write_text(tmp_path, "older/trainlist01.txt", TRAIN)
    with pytest.raises(AnnotationError, match=r"trainlist01\.txt is there too"):
        load_splits(videos, tmp_path)


def test_videos_are_found_flat_and_as_the_archive_unpacks(videos, lists, tmp_path):
    flat = tmp_path / "flat"
    make_files(flat, *(file.name for file in videos.rglob("*.avi")))
    assert paths_of(load_splits(flat, lists)["train"])[0] == "v_Surfing_g08_c01.avi"
    make_files(tmp_path, "unpacked/x")
    videos.rename(tmp_path / "unpacked/UCF-101")
    assert paths_of(load_splits(tmp_path / "unpacked", lists)["train"])[0] == (
        "UCF-101/Surfing/v_Surfing_g08_c01.avi"
    )


def test_prepared_copies_and_extracted_frames_are_found_too(lists, tmp_path):
    make_files(tmp_path / "new", "Surfing/v_Surfing_g08_c01.mp4")
    make_files(tmp_path / "new", "Archery/v_Archery_g08_c01/image_00001.jpg")
    assert paths_of(load_splits(tmp_path / "new", lists)["train"]) == [
        "Surfing/v_Surfing_g08_c01.mp4",
        "Archery/v_Archery_g08_c01",
    ]


def test_a_listed_video_that_is_missing_stays_and_is_counted(videos, lists):
    (videos / "Archery/v_Archery_g01_c01.avi").unlink()
    splits = load_splits(videos, lists)
    assert paths_of(splits["val"])[0] == "Archery/v_Archery_g01_c01.avi"
    assert "1 of the 2 videos listed for val" in splits.notes[0]


def test_a_folder_with_none_of_the_videos_is_an_error(lists, tmp_path):
    make_files(tmp_path, "empty/x.txt")
    with pytest.raises(AnnotationError, match="empty: holds none of the 4 videos"):
        load_splits(tmp_path / "empty", lists)


def test_a_split_that_is_not_there_names_its_list(videos, lists):
    with pytest.raises(AnnotationError, match=r"trainlist04\.txt.*split is 4"):
        load_splits(videos, lists, official_split=4)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("trainlist01.txt", TRAIN + "\nSailing/v_x.avi 1\n", "line 4: the class 'Sailing' is not"),
        ("trainlist01.txt", "Archery/v_x.avi 1\n", "line 1: 1 is not the number of Archery"),
        ("trainlist01.txt", "Archery/v_x.avi two\n", "line 1: two is not the number"),
        ("trainlist01.txt", "v_x.avi 1\n", "line 1: expected <class>/<video>"),
        ("testlist01.txt", "Archery/a b c\n", "line 1: expected <class>/<video>"),
        ("classInd.txt", "1 Surfing\nArchery\n", "line 2: expected a number and a class"),
        ("classInd.txt", "1 Surfing\n1 Archery\n", "line 2: '1 Archery' is there twice"),
        ("classInd.txt", "\n", "is empty"),
        ("classInd.txt", f"{'9' * 5000} Surfing\n", "line 1: expected a whole number"),
        ("trainlist01.txt", f"Archery/v_x.avi {'9' * 5000}\n", "line 1: expected a whole number"),
    ],
)
def test_a_malformed_line_is_named(videos, lists, file, text, message):
    (lists / file).write_text(text)
    with pytest.raises(AnnotationError) as caught:
        load_splits(videos, lists)
    assert message in str(caught.value)
    assert file in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_are_named(videos, lists):
    (lists / "testlist01.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(AnnotationError, match=r"testlist01\.txt: is no UTF-8 text"):
        load_splits(videos, lists)
