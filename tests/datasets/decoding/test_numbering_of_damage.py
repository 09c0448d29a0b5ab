"""A frame of a damaged file has one number and one picture, whatever was read before it."""

import numpy as np
import pytest

from datasets.copies.training_copy import write_copy
from datasets.decoding.packet_index import Numbering, PacketIndex
from datasets.decoding.video_reader import VideoReader
from tests.videos import decode_all, refuse_packet, write_video

N_FRAMES = 60
# With a key frame every 12, the packets that are spoilt are key frames and others.
VIDEOS = {
    "h264.mp4": {"b_frames": 0},
    "b_frames.mp4": {"b_frames": 2},
    "h264.mkv": {"b_frames": 0},
    "mpeg4.avi": {"codec": "mpeg4", "b_frames": 0, "width": 96, "height": 80},
    "b_frames.avi": {"codec": "mpeg4", "b_frames": 2, "width": 96, "height": 80},
    "mpeg2.mkv": {"codec": "mpeg2video", "b_frames": 2},
    "h264.avi": {"b_frames": 0},
}


@pytest.fixture(params=VIDEOS)
def intact(request, tmp_path):
    return write_video(tmp_path / request.param, frames=N_FRAMES, **VIDEOS[request.param])


def pictures(path):
    with VideoReader(path, max_damage=1) as video:
        return video.read(range(len(video)))


@pytest.mark.parametrize("packets", [[24], [30], [23, 25], [5, 41], [59]], ids=str)
def test_every_access_gives_the_same_frame(intact, packets):
    whole = pictures(intact)
    for number in packets:
        refuse_packet(intact, number)
    truth = pictures(intact)
    counted = PacketIndex.build(intact).numbering == Numbering.COUNT
    assert len(truth) == (len(decode_all(intact)) if counted else len(whole))
    used = VideoReader(intact, max_damage=1)
    for number in np.random.default_rng(0).permutation(len(truth))[:25].tolist():
        with VideoReader(intact, max_damage=1) as fresh:
            assert np.array_equal(fresh.read([number])[0], truth[number]), f"fresh, {number}"
        assert np.array_equal(used.read([number])[0], truth[number]), f"used, {number}"
        clip = [number, min(number + 3, len(truth) - 1)]
        with VideoReader(intact, max_damage=1) as fresh:
            assert np.array_equal(
                fresh.read_clips([clip], size=16), used.read_clips([clip], size=16)
            )
    if not counted:
        # What the damage has not reached keeps its number.
        first = min(packets) - 3
        assert np.array_equal(truth[:first], whole[:first])


def test_a_missing_frame_is_the_one_before_and_the_next_keep_their_numbers(tmp_path):
    path = write_video(tmp_path / "a.mp4", frames=N_FRAMES, b_frames=0)
    whole = pictures(path)
    keys = np.flatnonzero(PacketIndex.build(path).key)
    next_key = keys[keys > 30][0]
    refuse_packet(path, 30)
    with VideoReader(path) as video:
        frames = video.read(range(N_FRAMES))
        assert video.damaged_frames == 1
    assert np.array_equal(frames[30], whole[29])
    # From the next key frame on, all is well.
    assert np.array_equal(frames[next_key:], whole[next_key:])
    with VideoReader(path) as video:
        assert np.array_equal(video.read([50])[0], whole[50])
        video.read(range(25, 40))
        assert np.array_equal(video.read([50])[0], whole[50])


def test_a_damaged_frame_that_is_read_twice_counts_once(tmp_path):
    path = write_video(tmp_path / "a.mp4", frames=N_FRAMES, b_frames=0)
    refuse_packet(path, 30)
    with VideoReader(path) as video:
        for _ in range(3):
            video.read(range(20, 40))
        assert video.damaged_frames == 1


def test_the_first_frame_missing_is_the_one_behind(tmp_path):
    path = write_video(tmp_path / "a.mp4", frames=N_FRAMES, b_frames=0)
    index = PacketIndex.build(path)
    refuse_packet(path, 0)
    with VideoReader(path, index, max_damage=1) as video:
        first, second = video.read([0, 12])
        assert np.array_equal(first, video.read([0])[0])
        assert second.shape == first.shape


def test_copies_have_the_numbers_and_pictures_of_the_reader(tmp_path):
    path = write_video(tmp_path / "a.mp4", frames=N_FRAMES, b_frames=0, width=96, height=80)
    refuse_packet(path, 30)
    assert write_copy(str(path), str(tmp_path / "copy.mp4"), 128) == (N_FRAMES, 1)
    with VideoReader(tmp_path / "copy.mp4") as copy:
        copied = copy.read(range(N_FRAMES)).astype(int)
    error = np.abs(copied - pictures(path)).mean(axis=(1, 2, 3))
    assert error.max() < 6


@pytest.mark.slow
@pytest.mark.parametrize("name", ["h264.mp4", "b_frames.mp4", "h264.mkv", "mpeg4.avi"])
def test_random_damage_looks_the_same_for_every_access(tmp_path, name):
    options = {"gop": 10, **VIDEOS[name], "width": 160, "height": 128}
    intact = write_video(tmp_path / name, frames=N_FRAMES, **options).read_bytes()
    path = tmp_path / f"damaged_{name}"
    for seed in range(40):
        rng = np.random.default_rng(seed)
        data = bytearray(intact)
        # Behind the header, before the table of packets.
        at, length = rng.integers(len(data) // 10, len(data) - 2500), rng.integers(1, 200)
        data[at : at + length] = rng.bytes(length)
        path.write_bytes(data)
        truth = pictures(path)
        for number in rng.permutation(len(truth))[:8].tolist():
            with VideoReader(path, max_damage=1) as fresh:
                assert np.array_equal(fresh.read([number])[0], truth[number]), (seed, number)
