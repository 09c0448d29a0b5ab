import pytest

from datasets.annotations.errors import AnnotationError
from datasets.annotations.formats import load_splits
from tests.datasets.annotations.made_files import make_files, paths_of, write_text


@pytest.fixture
def lists(tmp_path):
    write_text(tmp_path, "lists/shoot_ball_test_split1.txt", "s1.avi 1 \ns2.avi 2 \ns3.avi 0 \n")
    write_text(tmp_path, "lists/cartwheel_test_split1.txt", "c 1 (x).avi 2 \nc2.avi 1 \n")
    for name in ("shoot_ball", "cartwheel"):
        write_text(tmp_path, f"lists/{name}_test_split2.txt", f"{name[0]}2.avi 1 \n")
    return tmp_path / "lists"


@pytest.fixture
def videos(tmp_path):
    files = ["shoot_ball/s1.avi", "shoot_ball/s2.avi", "cartwheel/c 1 (x).avi", "cartwheel/c2.avi"]
    make_files(tmp_path / "videos", *files)
    return tmp_path / "videos"


def test_codes_1_2_and_0_are_training_validation_and_unused(videos, lists):
    splits = load_splits(videos, lists)
    assert splits["train"].labels == ["cartwheel", "shoot_ball"]
    assert paths_of(splits["train"]) == ["cartwheel/c2.avi", "shoot_ball/s1.avi"]
    assert paths_of(splits["val"]) == ["cartwheel/c 1 (x).avi", "shoot_ball/s2.avi"]
    assert splits["val"].label.tolist() == [0, 1]
    assert splits["val"].video_id(1) == "s2"


def test_the_split_asked_for_is_read(videos, lists):
    assert paths_of(load_splits(videos, lists, official_split=2)["train"]) == [
        "cartwheel/c2.avi",
        "shoot_ball/s2.avi",
    ]


def test_a_split_that_is_not_there_names_its_list(videos, lists):
    with pytest.raises(AnnotationError, match=r"cartwheel_test_split3\.txt.*split is 3"):
        load_splits(videos, lists, official_split=3)


@pytest.mark.parametrize("line", ["s1.avi 3", "s1.avi", "1"])
def test_a_malformed_line_is_named(videos, lists, line):
    write_text(lists, "shoot_ball_test_split1.txt", f"s1.avi 1\n{line}\n")
    with pytest.raises(AnnotationError, match=r"shoot_ball_test_split1\.txt, line 2: expected"):
        load_splits(videos, lists)
