"""Samplers, clip datasets and the loader together: the same clips, whatever loads them."""

import errno
import hashlib
import multiprocessing
import os
import signal

import numpy as np
import pytest

from datasets.clips.clip_shape import ClipShape
from datasets.clips.errors import WorkerLostError
from datasets.clips.evaluation import EvaluationClips
from datasets.clips.loader import ClipLoader
from datasets.clips.sample import open_row
from datasets.clips.shared_slots import SharedSlots
from datasets.clips.training import Augmentation, Request, TrainingClips
from datasets.clips.video_order import EvaluationSampler, TrainingSampler
from datasets.clips.views import Views
from datasets.index.video_index import Row, VideoIndex
from tests.datasets.decoding.test_frame_folder import write_frames
from tests.videos import write_video


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    rows = []
    for number, frames in enumerate((30, 12, 3, 1, 25, 30, 30)):
        write_video(folder / f"{number}.mp4", frames=frames, seed=number)
        rows.append(Row(f"{number}.mp4", number % 2))
    return VideoIndex.from_rows(["a", "b"], rows, root=folder)


def training_clips(index, **options):
    arguments = {
        "shape": ClipShape(8, 2, 24),
        "augmentation": Augmentation(),
        "seed": 5,
        "max_attempts": 3,
        **options,
    }
    return TrainingClips(index, **arguments)


def digests(loader):
    """One checksum per clip, in the order in which the clips come."""
    return [
        hashlib.sha256(clip.numpy().tobytes()).hexdigest()
        for clips, _, _ in loader
        for clip in clips
    ]


def loader(index, workers=0, rank=0, n_ranks=1, epoch=0, first_batch=0, repeats=1):
    sampler = TrainingSampler(len(index), 4 // repeats, 5, rank, n_ranks)
    sampler.start_at(epoch, first_batch)
    clips = training_clips(index, clips=repeats)
    return ClipLoader(clips, sampler, workers, on_failure=pytest.fail)


@pytest.mark.parametrize(("workers", "repeats"), [(1, 1), (2, 1), (4, 1), (2, 2)])
def test_the_number_of_workers_does_not_change_the_clips(index, workers, repeats):
    assert digests(loader(index, workers, repeats=repeats)) == digests(
        loader(index, repeats=repeats)
    )


@pytest.mark.parametrize("repeats", [1, 2])
def test_a_resumed_epoch_gives_the_rest_of_its_clips(index, repeats):
    resumed = loader(index, first_batch=1, repeats=repeats)
    assert digests(resumed) == digests(loader(index, repeats=repeats))[4:]


def test_repeated_clips_of_a_video_differ_and_the_first_is_the_one_without_repeats(index):
    request = Request(0, 3, 0)
    clips = training_clips(index, clips=4)[request].clips
    assert clips.shape == (4, 3, 8, 24, 24)
    np.testing.assert_array_equal(clips[0], training_clips(index)[request].clips[0])
    assert len({clip.tobytes() for clip in clips}) == 4


def test_with_repeats_an_epoch_still_visits_every_video_once(index):
    batches = [rows.numpy().tolist() for _, _, rows in loader(index, repeats=2)]
    assert [len(rows) for rows in batches] == [4, 4, 4, 2]
    visited = [row for rows in batches for row in rows]
    assert visited[::2] == visited[1::2]
    assert sorted(visited[::2]) == list(range(7))


def test_two_processes_share_repeated_clips(index):
    both = [digests(loader(index, rank=rank, n_ranks=2, repeats=2)) for rank in (0, 1)]
    whole = digests(loader(index, repeats=2))
    assert both[0][:2] + both[1][:2] == whole[:4]


def test_two_processes_share_the_clips_of_one(index):
    both = [digests(loader(index, rank=rank, n_ranks=2)) for rank in (0, 1)]
    whole = digests(loader(index))
    # Seven videos: the last global batch of three is filled up to two per process.
    assert both[0][:2] + both[1][:2] + both[0][2:] + both[1][2:3] == whole
    assert len(both[0]) == len(both[1]) == 4


def test_every_epoch_visits_every_video_in_a_new_order_with_new_clips(index):
    orders = []
    for epoch in (0, 1):
        sampler = TrainingSampler(len(index), 4, 5)
        sampler.start_at(epoch, 0)
        orders.append([request.row for batch in sampler for request in batch])
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(7))
    assert orders[0] != orders[1]
    assert not set(digests(loader(index, epoch=0))) & set(digests(loader(index, epoch=1)))


def test_a_batch_size_that_does_not_divide_is_refused():
    with pytest.raises(ValueError, match="does not divide"):
        TrainingSampler(10, 5, 0, 0, 2)


def test_a_bad_video_is_replaced_by_the_next_good_one_and_reported(index, tmp_path):
    broken = [Row("missing.mp4", 0), Row("gone.mp4", 0)]
    good = [Row(index.path(row), 1) for row in (0, 1)]
    mixed = VideoIndex.from_rows(["a", "b"], [*broken, *good], root=tmp_path)
    sample = training_clips(mixed)[Request(0, 0, 0)]
    assert (sample.row, sample.label) == (2, 1)
    assert [failure.path for failure in sample.failures] == [
        str(tmp_path / "missing.mp4"),
        str(tmp_path / "gone.mp4"),
    ]
    wrapped = training_clips(mixed)[Request(0, 0, 1)]
    assert wrapped.row == 2 and len(wrapped.failures) == 1


def test_a_segment_behind_the_end_is_a_failure_with_its_reason(index):
    late = VideoIndex.from_rows(["a"], [Row(index.path(1), 0, first=500, last=600)])
    sample = EvaluationClips(late, ClipShape(4, 1, 24), Views("even", 3))[0]
    assert sample.clips is None
    assert "from frame 500 to frame 600; it has 12" in sample.failures[0].reason


def test_clips_stay_inside_their_segment(index):
    """Frames 10 to 14 looped: the clip equals itself shifted by the segment's length."""
    segment = VideoIndex.from_rows(["a"], [Row(index.path(0), 0, first=10, last=14)])
    clips = EvaluationClips(segment, ClipShape(8, 1, 24), Views("even", 3))[0].clips
    assert clips.shape == (1, 3, 8, 24, 24)
    np.testing.assert_array_equal(clips[0, :, :4], clips[0, :, 4:])


@pytest.mark.parametrize("workers", [0, 2])
def test_evaluation_sees_every_video_once_with_up_to_its_clips(index, workers):
    clips = EvaluationClips(index, ClipShape(8, 1, 24), Views("even", 3))
    batches = list(ClipLoader(clips, EvaluationSampler(7, 2), workers, on_failure=pytest.fail))
    rows = np.concatenate([rows.numpy() for _, _, rows in batches])
    counts = dict(zip(*np.unique(rows, return_counts=True), strict=True))
    assert counts == {0: 3, 1: 3, 2: 1, 3: 1, 4: 3, 5: 3, 6: 3}


@pytest.mark.parametrize("workers", [0, 2])
def test_a_batch_of_failures_only_is_skipped(index, tmp_path, workers):
    rows = [Row("a.mp4", 0), Row("b.mp4", 1), Row(index.path(0), 0)]
    failed = []
    broken = VideoIndex.from_rows(["a", "b"], rows, root=tmp_path)
    clips = EvaluationClips(broken, ClipShape(4, 1, 24), Views("even", 1))
    batches = list(ClipLoader(clips, EvaluationSampler(3, 1), workers, failed.append))
    assert len(batches) == 1 and batches[0][2].numpy().tolist() == [2]
    assert [failure.path for failure in failed] == [
        str(tmp_path / "a.mp4"),
        str(tmp_path / "b.mp4"),
    ]


@pytest.mark.parametrize("workers", [1, 3])
def test_batches_that_are_kept_are_not_overwritten_by_later_ones(index, workers):
    kept = list(loader(index, workers))
    late = [hashlib.sha256(c.numpy().tobytes()).hexdigest() for clips, _, _ in kept for c in clips]
    assert late == digests(loader(index))


def test_clips_of_workers_travel_through_shared_memory(index, monkeypatch):
    """Not pickled through the queue, which is several times slower."""
    slots = []
    release = SharedSlots.release
    monkeypatch.setattr(
        SharedSlots, "release", lambda self, slot: slots.append(slot) or release(self, slot)
    )
    assert len(list(loader(index, workers=2))) == len(slots) == 2


def test_where_no_slot_is_free_the_clips_come_another_way(index, monkeypatch):
    monkeypatch.setattr(SharedSlots, "claim", lambda *_: None)
    assert digests(loader(index, workers=2)) == digests(loader(index))


def test_an_iteration_left_early_leaves_the_next_one_whole(index):
    clips = loader(index, workers=2)
    next(iter(clips))
    assert digests(clips) == digests(loader(index))


def test_the_time_spent_waiting_is_counted(index):
    waiting = loader(index)
    assert waiting.wait_seconds == 0
    list(waiting)
    assert waiting.wait_seconds > 0


def test_where_there_is_no_room_for_the_locks_of_workers_its_place_is_named(index, monkeypatch):
    def full():
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("datasets.clips.worker.multiprocessing.Semaphore", full)
    with pytest.raises(OSError, match="No space left on device: '/dev/shm'"):
        next(iter(loader(index, workers=1)))


def test_a_worker_that_is_killed_ends_the_iteration_with_one_line(index, monkeypatch):
    read = TrainingClips._read

    def killed_at_row_4(self, row, generator):
        if row == 4:
            os.kill(os.getpid(), signal.SIGKILL)
        return read(self, row, generator)

    monkeypatch.setattr(TrainingClips, "_read", killed_at_row_4)
    before = set(multiprocessing.active_children())
    with pytest.raises(WorkerLostError, match=r"SIGKILL.*memory ran out.*--resume") as caught:
        list(loader(index, workers=2))
    assert "\n" not in str(caught.value)
    assert not set(multiprocessing.active_children()) - before


def test_slots_are_as_large_as_the_videos_need_not_as_the_batch_may_be(index):
    sizes = []
    for batch_size in (4, 100_000):
        sampler = TrainingSampler(len(index), batch_size, 5)
        clips = ClipLoader(training_clips(index), sampler, 2, on_failure=pytest.fail)
        sizes.append(clips._make_slots()._size)
    # Seven clips of 13,824 bytes, in whole pages.
    assert sizes[1] == 24 * 4096 and sizes[0] < sizes[1]
    assert EvaluationSampler(7, 100, rank=1, n_ranks=2).largest_batch == 3
    assert TrainingSampler(7, 4, 0, 1, 2).largest_batch == 2


def test_a_segment_in_seconds_goes_by_the_times_of_the_frames(tmp_path):
    """As phones film: 25 frames a second, then 5, then 25 again; on average 13."""
    times = np.concatenate([np.arange(20), 20 + 5 * np.arange(10), 70 + np.arange(20)])
    path = write_video(tmp_path / "phone.mp4", frames=50, pts=times, b_frames=0)
    row = Row(str(path), 0, first_second=0.9, last_second=2.4)
    index = VideoIndex.from_rows(["a"], [row])
    shown = [n for n, time in enumerate(times) if 0.9 <= time / 25 < 2.4]
    assert shown == [*range(21, 28)]
    with open_row(index, 0) as (reader, first, n_frames):
        assert (first, n_frames) == (shown[0], len(shown))
        expected = reader.read_clip(shown[0], frames=7, size=24)
    clip = EvaluationClips(index, ClipShape(7, 1, 24), Views("even", 1))[0].clips[0]
    np.testing.assert_array_equal(clip, expected)


def test_a_segment_in_which_no_frame_is_shown_is_a_failure_with_its_reason(index):
    row = Row(index.path(1), 0, first_second=0.41, last_second=0.43)
    sample = EvaluationClips(
        VideoIndex.from_rows(["a"], [row]), ClipShape(4, 1, 24), Views("even", 1)
    )[0]
    assert sample.clips is None
    assert "from 0.41 s to 0.43 s" in sample.failures[0].reason


def test_a_segment_in_seconds_of_a_folder_of_frames_is_a_failure(tmp_path):
    write_frames(tmp_path)
    row = Row(str(tmp_path), 0, last_second=1)
    sample = EvaluationClips(
        VideoIndex.from_rows(["a"], [row]), ClipShape(4, 1, 24), Views("even", 1)
    )[0]
    assert "frame rate is unknown" in sample.failures[0].reason
