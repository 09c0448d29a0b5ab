import os
import signal
from pathlib import Path

import numpy as np
import pytest

from datasets.clips.clip_shape import ClipShape
from datasets.clips.errors import ClipError, WorkerLostError
from datasets.clips.stream import ClipStream
from datasets.clips.views import Views
from datasets.decoding.video_reader import VideoReader
from datasets.index.video_index import Row, VideoIndex
from tests.videos import write_video

LENGTHS = (12, 3, 70, 25)


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """Four videos that can be read, one that cannot, in the middle."""
    folder = tmp_path_factory.mktemp("videos")
    for number, frames in enumerate(LENGTHS):
        write_video(folder / f"{number}.mp4", frames=frames, seed=number)
    (folder / "bad.mp4").write_bytes(b"")
    names = ["0.mp4", "1.mp4", "bad.mp4", "2.mp4", "3.mp4"]
    return VideoIndex.from_rows(["a"], [Row(name, 0) for name in names], folder)


def stream(index, views, piece_clips=4, workers=0):
    return ClipStream(index, Views.parse(views), ClipShape(8, 1, 32), piece_clips, workers)


def by_row(pieces):
    """All clips of each row that ended well, and the rows that failed."""
    clips, failed, finished = {}, [], []
    for piece in pieces:
        for position, row in enumerate(piece.rows.tolist()):
            clips.setdefault(row, []).append(piece.clips[position])
        failed += [failure.row for failure in piece.failures]
        finished += piece.finished
    assert sorted(finished) == sorted(set(finished))
    return {row: np.stack(own) for row, own in clips.items()}, failed, sorted(finished)


@pytest.mark.parametrize("workers", [0, 1, 2, 7])
@pytest.mark.parametrize("views", ["windows:4", "even:2", "even:3,crops:3"])
def test_every_video_gives_all_its_views_in_order(index, views, workers):
    clips, failed, finished = by_row(stream(index, views, workers=workers))
    assert failed == [2] and finished == [0, 1, 2, 3, 4]
    for row in (0, 1, 3, 4):
        with VideoReader(index.path(row)) as video:
            times, crops = Views.parse(views).clips(len(video), 64, 48, ClipShape(8, 1, 32))
            np.testing.assert_array_equal(clips[row], video.read_clips(times, crops, 32))


def test_a_long_video_comes_in_pieces_of_about_equal_length(index):
    sizes = [len(piece.rows) for piece in stream(index, "windows:4") if 3 in piece.rows]
    # 17 windows of 70 frames, at most 4 at a time.
    assert sizes == [3, 3, 4, 3, 4]


def test_short_videos_share_a_piece_as_in_training(index):
    pieces = list(stream(index, "even:2", piece_clips=5))
    assert [piece.finished for piece in pieces] == [(0, 1), (2, 3), (4,)]
    assert [failure.row for failure in pieces[1].failures] == [2]


@pytest.mark.parametrize("workers", [0, 2])
def test_some_of_the_groups_are_what_they_are_among_all(index, workers):
    def batches(pieces):
        return {piece.finished: piece.clips.tobytes() for piece in pieces}

    pieces = stream(index, "even:2", 5, workers)
    assert pieces.groups == [0, 2, 4]
    whole, some = batches(pieces), batches(pieces.only([0, 4]))
    assert set(some) == {(0, 1), (4,)}
    assert all(whole[finished] == clips for finished, clips in some.items())


def test_workers_end_when_the_stream_is_left_early(index):
    pieces = iter(stream(index, "windows:1", piece_clips=1, workers=2))
    next(pieces)
    children_file = Path(f"/proc/self/task/{os.getpid()}/children")
    children = children_file.read_text().split()
    assert len(children) >= 2
    pieces.close()
    left = children_file.read_text().split()
    assert len(left) <= len(children) - 2


@pytest.mark.parametrize("workers", [1, 2])
def test_a_mistake_in_the_program_is_shown_whole(index, workers, monkeypatch):
    def broken(*_):
        raise AttributeError("a bug in the views")

    monkeypatch.setattr(Views, "clips", broken)
    with pytest.raises(ClipError, match="a bug in the views"):
        list(stream(index, "windows:4", workers=workers))


def test_a_worker_that_is_killed_ends_the_stream_with_an_error(index, monkeypatch):
    monkeypatch.setattr(Views, "clips", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(WorkerLostError, match="SIGKILL.*memory"):
        list(stream(index, "windows:4", workers=1))


def test_a_worker_that_is_killed_in_the_middle_of_a_piece_is_told_from_its_end(index):
    pieces = iter(stream(index, "windows:1", piece_clips=1, workers=2))
    next(pieces)
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    for child in children:
        os.kill(int(child), signal.SIGKILL)
    with pytest.raises(WorkerLostError, match="SIGKILL"):
        list(pieces)


def test_pieces_have_room_for_what_there_is_not_for_what_may_be(index):
    assert stream(index, "even:2", piece_clips=1000)._largest_piece == 10
    assert stream(index, "even:2", piece_clips=3)._largest_piece == 3
    assert stream(index, "windows:4", piece_clips=8)._largest_piece == 8
