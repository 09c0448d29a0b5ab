import pytest

from datasets.annotations.errors import AnnotationError
from datasets.annotations.formats import load_splits
from tests.datasets.annotations.made_files import make_files, paths_of, write_text

HEADER = "label,youtube_id,time_start,time_end,split\n"
TRAIN = HEADER + (
    "testifying,---QUuC4vJs,84,94,train\n"
    '"pushing, pulling",--3ouPhoy2A,20,30,train\n'
    "testifying,-xQ5eZgYvLc,0,10,train\n"
)
VAL = HEADER + "testifying,--07WQ2iBlw,1.0,11.0,validate\n"
TEST = "youtube_id,time_start,time_end,split\nzzzzzzzzzzz,100,110,test\n"
NAMES = ["---QUuC4vJs_000084_000094", "--3ouPhoy2A_000020_000030", "-xQ5eZgYvLc_000000_000010"]


@pytest.fixture
def lists(tmp_path):
    write_text(tmp_path, "lists/train.csv", TRAIN)
    write_text(tmp_path, "lists/validate.csv", VAL)
    write_text(tmp_path, "lists/test.csv", TEST)
    return tmp_path / "lists"


def test_labels_come_in_the_order_of_the_training_file(lists, tmp_path):
    make_files(tmp_path / "videos", f"testifying/{NAMES[0]}.mp4")
    splits = load_splits(tmp_path / "videos", lists)
    assert list(splits) == ["train", "val", "test"]
    assert splits["train"].labels == ["testifying", "pushing, pulling"]
    assert splits["train"].label.tolist() == [0, 1, 0]
    assert list(splits["train"].video_ids) == NAMES
    assert splits["test"].label.tolist() == [-1]
    assert splits["val"].video_id(0) == "--07WQ2iBlw_000001_000011"


@pytest.mark.parametrize(
    "place", ["pushing, pulling/", "pushing,_pulling/", "train/pushing, pulling/", "train/", ""]
)
def test_videos_are_found_wherever_downloaders_put_them(lists, tmp_path, place):
    make_files(tmp_path / "videos", f"{place}{NAMES[1]}.mkv")
    index = load_splits(tmp_path / "videos", lists)["train"]
    assert paths_of(index)[1] == f"{place}{NAMES[1]}.mkv"


def test_missing_videos_stay_and_are_counted(lists, tmp_path):
    make_files(tmp_path / "videos", f"testifying/{NAMES[0]}.mp4")
    splits = load_splits(tmp_path / "videos", lists)
    assert len(splits["train"]) == 3
    assert paths_of(splits["train"])[2] == f"testifying/{NAMES[2]}"
    assert "2 of the 3 videos listed for train are missing" in splits.notes[0]
    assert "1 of the 1 videos listed for val are missing" in splits.notes[1]


def test_the_names_of_the_official_downloads_are_known(lists, tmp_path):
    (lists / "train.csv").rename(lists / "kinetics-400_train.csv")
    (lists / "validate.csv").rename(lists / "kinetics-400_val.csv")
    make_files(tmp_path / "videos", f"{NAMES[0]}.mp4")
    assert len(load_splits(tmp_path / "videos", lists)["val"]) == 1


def test_without_a_training_file_there_is_no_label_order(lists, tmp_path):
    (lists / "train.csv").unlink()
    make_files(tmp_path / "videos", f"{NAMES[0]}.mp4")
    with pytest.raises(AnnotationError, match=r"has no train\.csv"):
        load_splits(tmp_path / "videos", lists)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER + "yodeling,a,1,2,validate\n", "line 2: the label 'yodeling' is not in"),
        (HEADER + "testifying,a,1,two,validate\n", "line 2: expected times in seconds"),
        (HEADER + "testifying,a,1\n", "line 2: has 3 columns, the header has 5"),
        ("label,youtube_id,split\n", "line 1: the column time_start, time_end is missing"),
    ],
)
def test_a_malformed_line_is_named(lists, tmp_path, text, message):
    make_files(tmp_path / "videos", f"{NAMES[0]}.mp4")
    write_text(lists, "validate.csv", text)
    with pytest.raises(AnnotationError) as caught:
        load_splits(tmp_path / "videos", lists)
    assert "validate.csv, " + message in str(caught.value)


@pytest.mark.parametrize("name", ["---QUuC4vJs", "---QUuC4vJs_84_94", NAMES[0]])
def test_videos_named_in_other_ways_are_found(lists, tmp_path, name):
    make_files(tmp_path / "videos", f"testifying/{name}.mp4")
    splits = load_splits(tmp_path / "videos", lists)
    assert paths_of(splits["train"])[0] == f"testifying/{name}.mp4"
    # Results speak of the same video, whatever its file is called.
    assert splits["train"].video_id(0) == NAMES[0]
    by_id = [note for note in splits.notes if "1 video found by id alone" in note]
    assert len(by_id) == (name == "---QUuC4vJs")


def test_one_official_file_alone_is_read_and_drawn_from(lists, tmp_path):
    make_files(tmp_path / "videos", *(f"{name}.mp4" for name in NAMES))
    splits = load_splits(tmp_path / "videos", lists / "train.csv")
    assert list(splits) == ["all"]
    assert splits.labels == ["testifying", "pushing, pulling"]
    assert list(splits["all"].video_ids) == NAMES
    assert len(splits["val"]) == 1


def test_one_file_of_all_splits_gives_them(tmp_path):
    text = TRAIN + VAL.partition("\n")[2] + ",zzzzzzzzzzz,100,110,test\n"
    make_files(tmp_path / "videos", *(f"{name}.mp4" for name in NAMES))
    splits = load_splits(tmp_path / "videos", write_text(tmp_path, "k700_2020.csv", text))
    assert list(splits) == ["train", "val", "test"]
    assert [len(splits[split]) for split in splits] == [3, 1, 1]
