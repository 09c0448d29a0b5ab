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


def load(videos, text, name="all.csv"):
    return load_splits(videos, write_text(videos.parent, name, text))


def classes_of(splits):
    """`{path: class name}` of all rows."""
    index = splits["all"]
    return {index.paths[row]: index.labels[index.label[row]] for row in range(len(index))}


LINES = [(f"{name}/{i}.mp4", name) for name in "ab" for i in range(5)]
EXPECTED = dict(LINES)


@pytest.mark.parametrize(
    "header",
    [
        "video_path,label",
        "Filename,Class",
        "CLIP_PATH,action",
        "file,Class Name",
        "path,y",
        "id,tag",
    ],
)
def test_a_header_in_other_words_is_a_header(videos, header):
    lines = "".join(f"{path},{name}\n" for path, name in LINES)
    assert classes_of(load(videos, f"{header}\n{lines}")) == EXPECTED


@pytest.mark.parametrize("header", ["label,path", "class,video_path", "Klasse,Video"])
def test_the_columns_of_a_header_come_in_any_order(videos, header):
    lines = "".join(f"{name},{path}\n" for path, name in LINES)
    assert classes_of(load(videos, f"{header}\n{lines}")) == EXPECTED


@pytest.mark.parametrize("header", ["路径,标签", "Datei,Klasse", "x0,x1"])
def test_a_header_of_unknown_words_is_told_by_naming_no_video(videos, header):
    lines = "".join(f"{path},{name}\n" for path, name in LINES)
    splits = load(videos, f"{header}\n{lines}")
    assert classes_of(splits) == EXPECTED
    assert "is taken for a header" in splits.notes[0]


def test_a_first_video_that_is_missing_is_no_header(videos):
    for first in ("a/9.mp4,a", "gone,a"):
        splits = load(videos, f"{first}\na/1.mp4,a\nb/1.mp4,b\n")
        assert len(splits["all"]) == 3
        assert "1 of the 3 videos listed are missing" in splits.notes[0]


def test_a_class_called_like_a_column_is_no_header(videos):
    splits = load(videos, "a/0.mp4,action\na/1.mp4,action\nb/1.mp4,label\n")
    assert splits.labels == ["action", "label"]
    assert len(splits["all"]) == 3


def test_further_columns_are_left_out_with_a_word(videos):
    lines = "".join(f"{n},{path},x,{name},25\n" for n, (path, name) in enumerate(LINES))
    splits = load(videos, f",path,who,label,fps\n{lines}")
    assert classes_of(splits) == EXPECTED
    assert splits.notes[0].endswith("columns not used: who, fps")


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("path,label,start_frame,end_frame", "the column 'start_frame' is not understood"),
        ("path,label,t,timestamp", "the column 'timestamp' is not understood"),
        ("path,label,start,duration", "the column 'duration' is not understood"),
        ("path,label,offset,total_frames", "the column 'offset' is not understood"),
        ("path,x,z", "a header without a column for the label"),
        ("what,ever,else", "names no video, the lines below do"),
    ],
)
def test_a_header_that_is_not_understood_is_refused(videos, header, message):
    cells = ",".join("1" for _ in header.split(",")[2:])
    lines = "".join(f"{path},{name},{cells}\n" for path, name in LINES)
    with pytest.raises(AnnotationError) as caught:
        load(videos, f"{header}\n{lines}")
    assert f"all.csv, line 1: {message}" in str(caught.value) or message in str(caught.value)


def test_segments_may_come_in_columns_of_any_order(videos):
    splits = load(videos, "End,Start,Class,Video\n4,1.5,x,a/0.mp4\n,7,y,a/0.mp4\n")
    index = splits["all"]
    assert index.first_second.tolist() == [1.5, 7]
    assert index.last_second[0] == 4
    assert math.isnan(index.last_second[1])


def test_a_column_may_give_the_split(videos):
    lines = "".join(f"{p},{n},{'Train' if '0' in p else 'validation'}\n" for p, n in LINES)
    splits = load(videos, f"path,label,subset\n{lines}")
    assert list(splits) == ["train", "val"]
    assert paths_of(splits["train"]) == ["a/0.mp4", "b/0.mp4"]
    assert len(splits["all"]) == 10
    with pytest.raises(AnnotationError, match="line 2: the split is 'dev'; known are"):
        load(videos, "path,label,split\na/0.mp4,a,dev\n")
    with pytest.raises(AnnotationError, match="1 line without a split"):
        load(videos, "path,label,split\na/0.mp4,a,train\na/1.mp4,a,\n")


@pytest.mark.parametrize("separator", [" ", "\t", "  ", ";", ", "])
@pytest.mark.parametrize("ending", ["csv", "txt", "list", "tsv"])
def test_lists_of_path_and_label_are_read_whatever_separates_them(videos, separator, ending):
    text = "".join(f"{path}{separator}{name}\n" for path, name in LINES)
    assert classes_of(load(videos, text, f"all.{ending}")) == EXPECTED


def test_labels_that_are_numbers_keep_their_order(videos):
    lines = "".join(f"a/{i}.mp4 {label}\n" for i, label in enumerate((10, 9, 0, 2, 10)))
    splits = load(videos, lines, "train.list")
    assert splits.labels == ["0", "2", "9", "10"]


def test_paths_and_classes_may_have_spaces(videos):
    make_files(videos, "a/my video.mp4", "a/frames of one/img_1.jpg")
    text = "a/my video.mp4 3\na/0.mp4 Apply Eye Makeup\na/frames of one 25 9\n"
    splits = load(videos, text, "all.txt")
    assert classes_of(splits) == {
        "a/my video.mp4": "3",
        "a/0.mp4": "Apply Eye Makeup",
        "a/frames of one": "9",
    }
    assert splits["all"].last.tolist() == [-1, -1, 25]


@pytest.mark.parametrize("separator", [" ", "\t", ","])
def test_lists_of_frame_folders_tell_their_number_of_frames(videos, separator):
    for name in ("v1", "v2"):
        make_files(videos, *(f"frames/{name}/img_{i:05d}.jpg" for i in range(1, 5)))
    rows = [("frames/v1", "4", "7"), ("frames/v2", "3", "12"), ("frames/gone", "30", "7")]
    splits = load(videos, "".join(separator.join(row) + "\n" for row in rows), "all.txt")
    assert classes_of(splits) == {path: label for path, _, label in rows}
    assert splits["all"].last.tolist() == [4, 3, 30]
    assert splits["all"].frame_range(1, 4) == (0, 3)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a/1.mp4 1 2 5", "expected a path and one label"),
        ("a/1.mp4 30 5", "expected a path and one label"),
        ("a/1.mp4", "expected path,label"),
        ("frames/x 0 5", "a video of 0 frames"),
        ("frames/x 99999999999 5", "expected a whole number"),
    ],
)
def test_a_line_of_words_that_is_not_understood_is_named(videos, line, message):
    make_files(videos, "frames/x/1.jpg")
    with pytest.raises(AnnotationError) as caught:
        load(videos, f"a/0.mp4 0\n{line}\n", "all.txt")
    assert f"all.txt, line 2: {message}" in str(caught.value)


@pytest.mark.parametrize(
    ("train", "val"),
    [
        ("train.list", "val.list"),
        ("kinetics400_train_list_videos.txt", "kinetics400_val_list_videos.txt"),
        ("train_list.txt", "validation_list.txt"),
        ("trainlist.txt", "vallist.txt"),
        ("train.csv", "val.csv"),
    ],
)
def test_a_folder_of_lists_gives_the_split(videos, train, val):
    write_text(videos.parent, f"lists/{train}", "a/0.mp4 0\nb/0.mp4 1\n")
    write_text(videos.parent, f"lists/{val}", "a/1.mp4 0\n")
    splits = load_splits(videos, videos.parent / "lists")
    assert paths_of(splits["train"]) == ["a/0.mp4", "b/0.mp4"]
    assert paths_of(splits["val"]) == ["a/1.mp4"]


def test_numbered_lists_are_chosen_by_the_official_split(videos):
    for number in (1, 2):
        for split in ("train", "val"):
            name = f"lists/ucf101_{split}_split_{number}_videos.txt"
            write_text(videos.parent, name, f"a/{number}.mp4 0\n")
    splits = load_splits(videos, videos.parent / "lists", official_split=2)
    assert paths_of(splits["train"]) == ["a/2.mp4"]
    with pytest.raises(AnnotationError, match="no lists for split 3"):
        load_splits(videos, videos.parent / "lists", official_split=3)
    write_text(videos.parent, "lists/ucf101_train_split_2_rawframes.txt", "a 5 0\n")
    with pytest.raises(AnnotationError, match="are both lists for train"):
        load_splits(videos, videos.parent / "lists", official_split=2)


def test_videos_of_both_splits_are_mentioned_and_counted_once_among_all(videos):
    write_text(videos.parent, "lists/train.csv", "a/0.mp4,a\nb/0.mp4,b\n")
    write_text(videos.parent, "lists/val.csv", "b/0.mp4,b\na/1.mp4,a\n")
    splits = load_splits(videos, videos.parent / "lists")
    assert "1 video listed for train and for val, b/0.mp4 first" in splits.notes[0]
    assert paths_of(splits["all"]) == ["a/0.mp4", "b/0.mp4", "a/1.mp4"]


def test_backslashes_get_a_hint(videos):
    with pytest.raises(AnnotationError, match="backslashes; here / stands between folders"):
        load(videos, "a\\0.mp4,a\nb\\0.mp4,b\n")
    assert "backslashes" in load(videos, "a\\0.mp4,a\nb/0.mp4,b\n").notes[0]


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(videos):
    path = videos.parent / "all.csv"
    lines = "".join(f"{path},{name}\r\n" for path, name in LINES)
    path.write_bytes(b"\xef\xbb\xbf" + f"path,label\r\n{lines}".encode())
    assert classes_of(load_splits(videos, path)) == EXPECTED


def test_half_a_character_is_refused(videos, tmp_path):
    path = tmp_path / "all.json"
    path.write_text(
        '{"labels": ["a"], "database": {"x": {"subset": "training", "annotations": '
        '{"label": "a"}, "video_path": "a/0.mp4"}, "\\ud800": {"subset": "validation", '
        '"annotations": {"label": "a"}, "video_path": "a/1.mp4"}}}'
    )
    with pytest.raises(AnnotationError, match="half of a character"):
        load_splits(videos, path)


def test_names_alone_need_no_videos(tmp_path):
    path = write_text(tmp_path, "all.csv", "Datei,Klasse\na/0.mp4,a\nb/0.mp4,b\n")
    splits = load_splits(None, path, names_only=True)
    assert classes_of(splits) == {"a/0.mp4": "a", "b/0.mp4": "b"}
    assert len(splits.notes) == 1


def test_folders_called_like_columns_and_classes_are_no_videos(videos):
    make_files(videos, "video/1.mp4", "label/2.mp4")
    splits = load(videos, "video,label\nvideo/1.mp4,video\nlabel/2.mp4,label\n")
    assert classes_of(splits) == {"video/1.mp4": "video", "label/2.mp4": "label"}


def test_of_a_missing_folder_of_frames_a_list_of_words_tells_the_label(videos):
    lines = "a/0.mp4 0\nmy gone folder 30 7\nother folder 5\n"
    assert classes_of(load(videos, lines, "all.txt")) == {
        "a/0.mp4": "0",
        "my gone folder": "7",
        "other folder": "5",
    }


def test_a_csv_of_names_without_endings_and_numbers_for_classes_has_seconds(videos):
    index = load(videos, "a/0,3,10\na/1,4,2.5\n")["all"]
    assert index.labels == ["3", "4"]
    assert index.first_second.tolist() == [10, 2.5]


@pytest.mark.parametrize("header", ["path label", "video_path  class_name", "label path", ""])
def test_a_list_of_words_may_have_a_header(videos, header):
    path_first = "path" in header and not header.startswith("label")
    lines = [f"{p} {n}" if path_first else f"{n} {p}" for p, n in LINES]
    assert classes_of(load(videos, "\n".join([header, *lines]), "all.txt")) == EXPECTED


def test_a_header_of_frame_folders_is_understood(videos):
    make_files(videos, "frames/v1/1.jpg", "frames/v2/1.jpg")
    for separator in (" ", "\t", ","):
        rows = [("path", "n_frames", "label"), ("frames/v1", "4", "7"), ("frames/v2", "3", "9")]
        splits = load(videos, "\n".join(map(separator.join, rows)), "all.txt")
        assert classes_of(splits) == {"frames/v1": "7", "frames/v2": "9"}
        assert splits["all"].last.tolist() == [4, 3]


def test_a_class_in_quotes_may_have_commas(videos):
    splits = load(videos, 'path, label\na/0.mp4, "run, fast"\na/1.mp4, "run, fast"\n')
    assert splits.labels == ["run, fast"]


def test_half_a_character_in_a_class_is_refused(videos, tmp_path):
    path = tmp_path / "all.json"
    path.write_text(
        '{"labels": ["\\udce9"], "database": {"x": {"subset": "training", "annotations": '
        '{"label": "\\udce9"}, "video_path": "a/0.mp4"}}}'
    )
    with pytest.raises(AnnotationError, match="half of a character"):
        load_splits(videos, path)
