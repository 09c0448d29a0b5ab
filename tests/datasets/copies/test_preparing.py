import errno
import fcntl
import os
import shutil

import numpy as np
import pytest

from datasets import process_pool
from datasets.annotations.errors import AnnotationError
from datasets.annotations.formats import load_splits
from datasets.copies import preparing, training_copy
from datasets.copies.preparing import prepare_copies
from datasets.copies.training_copy import write_copy
from datasets.decoding.video_reader import VideoReader
from datasets.index.building import build_index
from tests.videos import refuse_packet, write_video


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    for name, extension in (("walk", "avi"), ("run", "mkv")):
        for i in range(3):
            path = folder / name / f"v_{i}.{extension}"
            path.parent.mkdir(exist_ok=True)
            write_video(path, "mpeg4", frames=20 + i, seed=i)
    return folder


@pytest.fixture
def videos(made, tmp_path):
    return shutil.copytree(made, tmp_path / "videos")


@pytest.fixture
def output(tmp_path):
    return tmp_path / "prepared"


@pytest.fixture
def copied(monkeypatch):
    """The names of what is really copied, one call of prepare_copies after the other."""
    names = []

    def copy(source, target, short_side):
        names.append(os.path.basename(source))
        return write_copy(source, target, short_side)

    monkeypatch.setattr(preparing, "write_copy", copy)
    return names


def prepare(videos, output, annotation=None, **options):
    splits = load_splits(videos, annotation)
    return prepare_copies(splits, output, progress=False, **{"workers": 1} | options)


def files_in(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*.*") if p.suffix == ".mp4")


def stems(index):
    return [os.path.splitext(path)[0] for path in index.paths]


@pytest.mark.parametrize("workers", [1, 2])
def test_copies_lie_as_their_originals_do(videos, output, workers):
    report = prepare(videos, output, workers=workers)
    assert files_in(output) == [f"{c}/v_{i}.mp4" for c in ("run", "walk") for i in range(3)]
    assert len(report.copies) == 6 and not report.failed
    originals, copies = load_splits(videos), load_splits(output)
    for split in ("train", "val"):
        assert stems(originals[split]) == stems(copies[split])
        assert originals[split].labels == copies[split].labels
        np.testing.assert_array_equal(originals[split].label, copies[split].label)


def test_annotated_segments_mean_the_same_frames(videos, output, tmp_path):
    (tmp_path / "a.csv").write_text(
        "walk/v_0.avi,x,0.2,0.61\nwalk/v_1.avi,x,0.4\nrun/v_0.mkv,y,0.12,0.3\nrun/v_2.mkv,y\n"
    )
    report = prepare(videos, output, tmp_path / "a.csv")
    assert len(report.copies) == 4
    both = [load_splits(folder, tmp_path / "a.csv") for folder in (videos, output)]
    for split in ("train", "val"):
        for row in range(len(both[0][split])):
            parts = []
            for index in (splits[split] for splits in both):
                with VideoReader(index.path(row)) as reader:
                    first, last = index.frame_range(row, len(reader), reader.frame_at)
                    frames = reader.read(range(first, last)).astype(int)
                    parts.append((first, last, frames.mean(axis=(1, 2, 3))))
            assert parts[0][:2] == parts[1][:2]
            np.testing.assert_allclose(parts[0][2], parts[1][2], atol=1)


def test_an_index_of_the_originals_finds_the_copies(videos, output, tmp_path):
    build_index(load_splits(videos), tmp_path / "index", workers=1, progress=False)
    report = prepare(videos, output, tmp_path / "index")
    assert len(report.copies) == 6
    moved = load_splits(output, tmp_path / "index")["train"]
    assert all(moved.path(row).endswith(".mp4") for row in range(len(moved)))
    assert moved.root == str(output)


def test_a_second_run_copies_only_what_changed(videos, output, copied):
    prepare(videos, output)
    assert len(copied) == 6
    copied.clear()
    write_video(videos / "walk/new.mp4")
    write_video(videos / "walk/v_0.avi", "mpeg4", frames=33)
    os.unlink(output / "run/v_1.mp4")
    (output / "run/v_2.mp4").write_bytes(b"cut")
    report = prepare(videos, output)
    assert sorted(copied) == ["new.mp4", "v_0.avi", "v_1.mkv", "v_2.mkv"]
    assert report.n_known == 3
    with VideoReader(output / "walk/v_0.mp4") as reader:
        assert len(reader) == 33
    copied.clear()
    prepare(videos, output)
    assert not copied


def test_another_size_makes_all_copies_anew(videos, output, copied):
    prepare(videos, output)
    copied.clear()
    prepare(videos, output, short_side=24)
    assert len(copied) == 6
    with VideoReader(output / "walk/v_0.mp4") as reader:
        assert (reader.width, reader.height) == (32, 24)


def test_an_interrupted_run_goes_on_where_it_was(videos, output, copied, monkeypatch):
    counted = preparing.write_copy

    def interrupted(source, target, short_side):
        if len(copied) == 4:
            raise KeyboardInterrupt
        return counted(source, target, short_side)

    monkeypatch.setattr(preparing, "write_copy", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prepare(videos, output)
    assert len(files_in(output)) == 4
    copied.clear()
    monkeypatch.setattr(preparing, "write_copy", counted)
    assert prepare(videos, output).n_known == 4
    assert len(copied) == 2


def test_a_bad_video_is_named_and_the_others_go_on(videos, output):
    prepare(videos, output)
    (videos / "run/v_1.mkv").write_text("no video any more")
    report = prepare(videos, output)
    assert list(report.failed) == [str(videos / "run/v_1.mkv")]
    # A copy of what it was would be trained on without a word.
    assert len(files_in(output)) == 5
    text = (output / "report.txt").read_text()
    assert "5 of 6 videos" in text and f"{videos}/run/v_1.mkv" in text


def test_a_listed_video_that_is_missing_is_named(videos, output, tmp_path):
    (tmp_path / "a.csv").write_text("walk/v_0.avi,x\nwalk/gone.avi,x\nrun/v_0.mkv,y\n")
    report = prepare(videos, output, tmp_path / "a.csv")
    assert report.failed == {str(videos / "walk/gone.avi"): "there is no such file"}


def test_two_videos_with_one_name_are_not_mixed_up(videos, output):
    write_video(videos / "walk/v_0.mp4", frames=7)
    report = prepare(videos, output)
    assert len(report.failed) == 1
    assert "rename one" in report.failed[str(videos / "walk/v_0.mp4")]
    with VideoReader(output / "walk/v_0.mp4") as reader:
        assert len(reader) == 20


def test_the_report_tells_sizes(videos, output):
    report = prepare(videos, output)
    assert report.bytes_before == sum(p.stat().st_size for p in videos.glob("*/*"))
    assert report.bytes_after == sum((output / name).stat().st_size for name in files_in(output))
    text = report.text()
    assert "MB before" in text


def end_on_one(source, target, short_side):
    """A decoder that takes its whole process down."""
    if source.endswith("walk/v_1.avi"):
        os._exit(11)
    return write_copy(source, target, short_side)


def test_a_video_that_kills_its_worker_is_named(videos, output, monkeypatch):
    # Forked, so that the workers see the replaced function.
    monkeypatch.setattr(process_pool, "START_METHOD", "fork")
    monkeypatch.setattr(preparing, "write_copy", end_on_one)
    report = prepare(videos, output, workers=2)
    assert "killed" in report.failed[str(videos / "walk/v_1.avi")]
    assert len(files_in(output)) == 5


@pytest.mark.parametrize("place", [".", "walk", "prepared/here"])
def test_copies_never_go_among_the_originals(videos, place):
    before = sorted(videos.rglob("*"))
    with pytest.raises(AnnotationError, match="folder of the videos"):
        prepare(videos, videos / place)
    assert sorted(videos.rglob("*")) == before


def test_paths_that_lead_elsewhere_are_refused(videos, output, tmp_path):
    (tmp_path / "a.csv").write_text(f"{videos}/walk/v_0.avi,x\nrun/v_0.mkv,y\nrun/v_1.mkv,y\n")
    with pytest.raises(AnnotationError, match="relative to the folder"):
        prepare(videos, output, tmp_path / "a.csv")


def test_an_output_that_cannot_be_a_folder_is_named(videos, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(AnnotationError, match="file: cannot be written"):
        prepare(videos, tmp_path / "file")


def test_two_runs_do_not_write_the_same_copies(videos, output):
    output.mkdir()
    with open(output / preparing.JOURNAL_NAME, "w") as journal:
        fcntl.flock(journal, fcntl.LOCK_EX)
        with pytest.raises(AnnotationError, match="another"):
            prepare(videos, output)


def test_a_partly_damaged_video_is_copied_and_named(videos, output):
    path = write_video(videos / "run/damaged.mp4", frames=60, b_frames=0)
    refuse_packet(path, 30)
    for made_earlier in (0, 7):
        report = prepare(videos, output)
        assert report.n_known == made_earlier
        assert report.damaged == {str(path): "1 of 60 frames are damaged"}
        assert not report.failed


def test_names_as_long_as_the_file_system_holds(videos, output):
    # In bytes: 251 and the ending.
    longest = "动" * 83 + "xx"
    path = write_video(videos / "run" / f"{longest}.mp4")
    # Its copy has an ending of four bytes where this one has three.
    too_long = write_video(videos / "run" / f"{longest}x.ts")
    report = prepare(videos, output)
    assert f"run/{longest}.mp4" in files_in(output)
    assert not report.copies[str(path)].error
    assert report.failed == {
        str(too_long): "its copy cannot be written: File name too long",
    }
    assert prepare(videos, output).n_known == 7


def test_a_file_in_the_way_of_a_folder_is_a_matter_of_its_videos(videos, output):
    output.mkdir()
    (output / "run").touch()
    report = prepare(videos, output)
    assert sorted(report.failed) == [str(videos / "run" / f"v_{i}.mkv") for i in range(3)]
    assert len(files_in(output)) == 3


def test_a_full_disk_ends_it_and_keeps_what_is_done(videos, output, copied, monkeypatch):
    counted = preparing.write_copy

    def full(source, target, short_side):
        if len(copied) == 4:
            raise OSError(errno.ENOSPC, "No space left on device", target)
        return counted(source, target, short_side)

    monkeypatch.setattr(preparing, "write_copy", full)
    with pytest.raises(AnnotationError, match="prepared: cannot be written to.*No space left"):
        prepare(videos, output)
    assert len(files_in(output)) == 4
    monkeypatch.setattr(preparing, "write_copy", counted)
    assert prepare(videos, output).n_known == 4


def test_names_with_control_characters_are_shown_escaped(videos, output):
    (videos / "run/bad\x1b[2J\u202e.mkv").write_text("no video")
    report = prepare(videos, output)
    assert "bad\\x1b[2J\\u202e.mkv" in report.text()
    assert not {"\x1b", "\u202e"} & set((output / "report.txt").read_text())


def test_a_mistake_of_the_program_is_no_fault_of_a_video(videos, output, monkeypatch):
    def mistake(*_):
        return [][0]

    monkeypatch.setattr(training_copy, "scaled_size", mistake)
    with pytest.raises(IndexError):
        prepare(videos, output)
