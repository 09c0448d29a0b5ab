import contextlib
import json
import math
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from datasets import process_pool
from datasets.annotations.drawn_split import UCF_GROUP
from datasets.annotations.errors import AnnotationError
from datasets.annotations.formats import load_splits
from datasets.decoding.errors import VideoError
from datasets.decoding.packet_index import PacketIndex
from datasets.decoding.packet_index_store import PacketIndexPack, PacketIndexStore
from datasets.durable import open_journal
from datasets.index import building as indexing
from datasets.index.building import build_index
from datasets.index.probing import probe_video
from tests.datasets.annotations.made_files import paths_of
from tests.videos import write_video


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    for split, count in (("train", 3), ("val", 1)):
        for name, codec in (("a", "mpeg4"), ("b", "libx264")):
            for i in range(count):
                path = folder / split / name / f"{i}.mp4"
                path.parent.mkdir(parents=True, exist_ok=True)
                write_video(path, codec, frames=10 + i, b_frames=0)
    (folder / "train/a/text.avi").write_text("no video")
    return folder


@pytest.fixture
def videos(made, tmp_path):
    return shutil.copytree(made, tmp_path / "videos")


@pytest.fixture
def probed(monkeypatch):
    """The paths that are really looked at, one call of build_index after the other."""
    paths = []

    def probe(path, **options):
        paths.append(os.path.basename(path))
        return probe_video(path, **options)

    monkeypatch.setattr(indexing, "probe_video", probe)
    return paths


def build(videos, output, **options):
    return build_index(load_splits(videos), output, progress=False, **{"workers": 1} | options)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_index_holds_frame_counts_and_rates(videos, tmp_path, workers):
    build(videos, tmp_path / "index", workers=workers)
    splits = load_splits(videos, tmp_path / "index")
    found = {
        splits["train"].paths[row]: int(splits["train"].frame_count[row])
        for row in range(len(splits["train"]))
    }
    expected = {f"train/{name}/{i}.mp4": 10 + i for name in "ab" for i in range(3)}
    assert found == {**expected, "train/a/text.avi": -1}
    bad = list(splits["train"].paths).index("train/a/text.avi")
    assert math.isnan(splits["train"].fps[bad])
    assert splits["val"].fps.tolist() == [25, 25]


def test_the_report_counts_and_names(videos, tmp_path):
    report = build(videos, tmp_path / "index")
    assert report.videos == 9
    assert report.rows == {"train": 7, "val": 2}
    assert report.frames == 2 * (10 + 11 + 12) + 2 * 10
    assert report.seconds == pytest.approx(report.frames / 25)
    assert report.resolutions == {(64, 48): 8}
    assert report.codecs == {"mpeg4": 4, "h264": 4}
    assert report.classes == {"train": [4, 3], "val": [1, 1]}
    assert [path for path, _ in report.unreadable] == [str(videos / "train/a/text.avi")]
    text = (tmp_path / "index/report.txt").read_text()
    for part in ("64x48", "h264", "unreadable   1", f"{videos}/train/a/text.avi"):
        assert part in text


def test_a_long_list_is_cut_short_on_demand(videos, tmp_path):
    for i in range(5):
        (videos / f"train/a/bad{i}.avi").touch()
    report = build(videos, tmp_path / "index")
    assert "... and 4 more" in report.text(longest_list=2)
    assert "more" not in report.text()


def test_a_second_run_looks_only_at_what_changed(videos, tmp_path, probed):
    build(videos, tmp_path / "index")
    assert len(probed) == 9
    probed.clear()
    write_video(videos / "train/b/new.mp4")
    write_video(videos / "val/b/0.mp4", frames=20)
    os.unlink(videos / "train/a/2.mp4")
    report = build(videos, tmp_path / "index")
    assert sorted(probed) == ["0.mp4", "new.mp4"]
    assert report.videos == 9
    assert load_splits(videos, tmp_path / "index")["val"].frame_count.tolist() == [10, 20]


def test_an_interrupted_run_goes_on_where_it_was(videos, tmp_path, probed, monkeypatch):
    counted = indexing.probe_video

    def interrupted(path, **options):
        if len(probed) == 4:
            raise KeyboardInterrupt
        return counted(path, **options)

    monkeypatch.setattr(indexing, "probe_video", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build(videos, tmp_path / "index")
    assert not (tmp_path / "index/index.npz").exists()
    # As a power cut would leave it.
    with open(tmp_path / "index/probes.jsonl", "a") as journal:
        journal.write('["/half/a/li')
    probed.clear()
    monkeypatch.setattr(indexing, "probe_video", counted)
    assert build(videos, tmp_path / "index").videos == 9
    assert len(probed) == 5
    probed.clear()
    build(videos, tmp_path / "index")
    assert not probed


def test_verifying_looks_again_at_what_was_only_probed(videos, tmp_path, probed):
    build(videos, tmp_path / "index")
    probed.clear()
    assert build(videos, tmp_path / "index", verify=True).verified
    assert len(probed) == 9
    probed.clear()
    build(videos, tmp_path / "index")
    assert not probed


SLEEPER = """
import os, sys, time
from datasets import process_pool
from datasets.index import building as indexing

def say_and_sleep(path, **options):
    print(os.getpid(), flush=True)
    time.sleep(60)

if __name__ == "__main__":
    process_pool.START_METHOD = "fork"
    indexing.probe_video = say_and_sleep
    list(indexing.probing(2)(["a", "b"]))
"""


def test_workers_end_with_a_parent_that_is_killed():
    parent = subprocess.Popen(
        [sys.executable, "-c", SLEEPER], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    with parent:
        parent.stdout.readline()
        parent.kill()
        # The pipe ends when the last process that holds it does.
        started = time.monotonic()
        parent.stdout.read()
    assert time.monotonic() - started < 30


def found_in_pack(splits, folder, tmp_path):
    """Paths of the videos whose packet index is in the pack beside an index, all of them right."""
    cache = PacketIndexStore(tmp_path / "nothing is kept here", PacketIndexPack(folder))
    cache_folder, found = cache.folder, []
    for index in splits.values():
        for row in range(len(index)):
            with contextlib.suppress(VideoError):
                frames = cache.get(index.path(row))
                assert frames.to_bytes() == PacketIndex.build(index.path(row)).to_bytes()
                if not cache_folder.exists():
                    found.append(index.path(row))
    return found


@pytest.mark.parametrize("workers", [1, 2])
def test_frame_indices_are_left_for_training(videos, tmp_path, workers):
    build(videos, tmp_path / "index", workers=workers)
    assert len(found_in_pack(load_splits(videos), tmp_path / "index", tmp_path)) == 8
    names = {path.name for path in (tmp_path / "index").iterdir()}
    assert names == {
        "index.npz",
        "probes.jsonl",
        "report.txt",
        "packet_indexes.bin",
        "packet_indexes.npy",
    }


def test_a_changed_video_does_not_get_its_old_frame_index(videos, tmp_path):
    build(videos, tmp_path / "index")
    write_video(videos / "train/a/0.mp4", "mpeg4", frames=25, b_frames=0)
    pack = PacketIndexPack(tmp_path / "index")
    cache = PacketIndexStore(tmp_path / "cache", pack)
    assert cache.get(videos / "train/a/0.mp4").n_frames == 25
    build(videos, tmp_path / "index")
    assert len(found_in_pack(load_splits(videos), tmp_path / "index", tmp_path)) == 8


def test_frame_indices_that_were_lost_are_made_again(videos, tmp_path, probed):
    build(videos, tmp_path / "index")
    data = tmp_path / "index" / "packet_indexes.bin"
    data.write_bytes(data.read_bytes()[:-1])
    probed.clear()
    build(videos, tmp_path / "index")
    assert len(probed) == 1
    assert len(found_in_pack(load_splits(videos), tmp_path / "index", tmp_path)) == 8


def test_an_index_of_a_version_without_frame_indices_gets_them(videos, tmp_path, probed):
    build(videos, tmp_path / "index")
    journal = tmp_path / "index" / "probes.jsonl"
    lines = [json.dumps(json.loads(line)[:-2]) for line in journal.read_text().splitlines()]
    journal.write_text("\n".join(lines) + "\n")
    (tmp_path / "index" / "packet_indexes.bin").unlink()
    probed.clear()
    build(videos, tmp_path / "index")
    # All but the text file.
    assert len(probed) == 8
    assert len(found_in_pack(load_splits(videos), tmp_path / "index", tmp_path)) == 8


@pytest.mark.parametrize("content", [b"", b"no table", None])
def test_a_damaged_table_of_frame_indices_is_a_value_error(videos, tmp_path, content):
    build(videos, tmp_path / "index")
    table = tmp_path / "index" / "packet_indexes.npy"
    table.write_bytes(table.read_bytes()[:-1] if content is None else content)
    with pytest.raises(ValueError):
        PacketIndexPack(tmp_path / "index")


def test_segments_of_one_video_are_probed_once(videos, tmp_path, probed):
    lines = "train/a/0.mp4,x,0,0.1\ntrain/a/0.mp4,x,0.2\ntrain/a/1.mp4,x\n"
    (tmp_path / "all.csv").write_text(lines)
    report = build_index(
        load_splits(videos, tmp_path / "all.csv"), tmp_path / "index", workers=1, progress=False
    )
    assert len(probed) == report.videos == 2
    assert sum(report.rows.values()) == 3


def test_a_relative_source_makes_an_index_that_holds_anywhere(videos, tmp_path, monkeypatch):
    monkeypatch.chdir(videos.parent)
    build("videos", "index")
    monkeypatch.chdir("/")
    index = load_splits(None, tmp_path / "index")["val"]
    assert index.path(0) == str(videos / "val/a/0.mp4")


def end_on_text(path, **options):
    """A decoder that takes its whole process down."""
    if path.endswith("text.avi"):
        os._exit(11)
    return probe_video(path, **options)


def test_a_video_that_kills_its_worker_is_named(videos, tmp_path, monkeypatch):
    # Forked, so that the workers see the replaced function.
    monkeypatch.setattr(process_pool, "START_METHOD", "fork")
    monkeypatch.setattr(indexing, "probe_video", end_on_text)
    report = build(videos, tmp_path / "index", workers=2)
    assert report.videos == 9
    assert [os.path.basename(path) for path, _ in report.unreadable] == ["text.avi"]
    assert "killed" in report.unreadable[0][1]


def test_an_output_that_cannot_be_a_folder_is_named(videos, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(AnnotationError, match="file: cannot be written"):
        build(videos, tmp_path / "file")


@pytest.fixture
def undivided(videos):
    """Class folders without a split: two people, each in both classes."""
    folder = videos.parent / "undivided"
    for name in "ab":
        (folder / name).mkdir(parents=True)
        for person in ("ann", "bob"):
            for take in (1, 2):
                source = videos / "train" / name / "0.mp4"
                shutil.copy(source, folder / name / f"{person}-{take}.mp4")
    return folder


@pytest.mark.parametrize("pattern", [UCF_GROUP, r"^(\w+)-\d"])
def test_the_drawn_split_of_an_index_is_the_one_of_its_source(undivided, tmp_path, pattern):
    source = load_splits(undivided, group_pattern=pattern, val_fraction=0.5, seed=3)
    report = build_index(source, tmp_path / "index", workers=1, progress=False)
    assert report.rows == {split: len(source[split]) for split in ("train", "val")}
    # The index keeps it, whatever is asked of whoever reads it.
    index = load_splits(None, tmp_path / "index", val_fraction=0.1, seed=9)
    for split in ("train", "val", "all"):
        assert paths_of(index[split]) == paths_of(source[split])
    assert (index["all"].frame_count == 10).all()


def test_an_index_needs_no_split(tmp_path, videos):
    (tmp_path / "few/a").mkdir(parents=True)
    shutil.copy(videos / "train/a/0.mp4", tmp_path / "few/a/1.mp4")
    report = build(tmp_path / "few", tmp_path / "index")
    assert report.rows == {"all": 1}
    assert "nothing can be drawn" in report.notes[-1]
    assert list(load_splits(None, tmp_path / "index")) == ["all"]


def test_a_second_writer_is_refused_while_the_first_is_at_work(videos, tmp_path):
    (tmp_path / "index").mkdir()
    with (
        open_journal(tmp_path / "index" / "probes.jsonl"),
        pytest.raises(AnnotationError, match="another process is making this index"),
    ):
        build(videos, tmp_path / "index")
    build(videos, tmp_path / "index")


def test_names_are_shown_escaped_in_the_report_and_true_in_the_index(videos, tmp_path):
    names = ["\x1b[31mred", "a\nb", "\u202egnp", os.fsdecode(b"\xe9t\xe9")]
    for name in names:
        (tmp_path / "odd" / name).mkdir(parents=True)
        for i in "12":
            (tmp_path / "odd" / name / f"{i}.mp4").write_text("no video")
    build(tmp_path / "odd", tmp_path / "index")
    text = (tmp_path / "index" / "report.txt").read_text(encoding="utf-8")
    assert not {"\x1b", "\u202e"} & set(text)
    assert "\\x1b[31mred" in text and "a\\nb" in text and "\\u202egnp" in text
    index = load_splits(None, tmp_path / "index")["all"]
    assert {path.rpartition("/")[0] for path in paths_of(index)} == set(names)


def test_a_name_with_a_zero_byte_is_a_missing_video(videos, tmp_path):
    (tmp_path / "all.csv").write_text("path,label\ntrain/a/0.mp4,a\ntrain/a/1.mp4,a\nx\0.mp4,a\n")
    splits = load_splits(videos, tmp_path / "all.csv")
    report = build_index(splits, tmp_path / "index", workers=1, progress=False)
    assert len(report.unreadable) == 1
