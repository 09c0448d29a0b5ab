"""Damaged files and files that are no videos: an error with a reason, or fewer frames, counted."""

import os
import resource

import av
import numpy as np
import pytest

from datasets.decoding.errors import VideoError
from datasets.decoding.video_reader import VideoReader
from tests.videos import decode_all, moving_pattern, remux, write_video

MPEG4 = {"codec": "mpeg4", "width": 96, "height": 80, "options": {"b": "2000000"}}
# File name and what to encode; half a minute of a damaged file is no use here.
VIDEOS = {
    "h264.mp4": {"frames": 60},
    "faststart.mp4": {"frames": 60, "container_options": {"movflags": "+faststart"}},
    "h264.mkv": {"frames": 60},
    "h264.ts": {"frames": 60},
    "h264.flv": {"frames": 60},
    "mpeg4.avi": {**MPEG4, "frames": 60},
    "mpeg2.mpg": {"frames": 60, "codec": "mpeg2video"},
}


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    folder = tmp_path_factory.mktemp("intact")
    return {name: write_video(folder / name, **o).read_bytes() for name, o in VIDEOS.items()}


def read_through(path):
    """Read clips all over a file; return ``(frames, damaged frames)``, or None for an error."""
    try:
        with VideoReader(path) as video:
            n = len(video)
            assert n > 0
            for start in {0, n // 3, n // 2, max(0, n - 16)}:
                clip = video.read_clips((start + np.arange(16))[None] % n, size=16)[0]
                assert clip.shape == (3, 16, 16, 16)
            assert len(video.read([0, n - 1])) == 2
            return n, video.damaged_frames
    except VideoError as error:
        assert error.reason
        assert str(path) in str(error)
        return None


@pytest.mark.parametrize("name", VIDEOS)
def test_truncated_file(intact, tmp_path, name):
    for percent in (1, 30, 70, 98):
        path = tmp_path / f"{percent}_{name}"
        path.write_bytes(intact[name][: len(intact[name]) * percent // 100])
        outcome = read_through(path)
        if outcome is not None:
            # What the index counts is there, or missing frames are counted as damaged.
            frames, damaged = outcome
            assert frames <= 60
            assert frames <= len(decode_all(path)) + damaged


@pytest.mark.parametrize("name", VIDEOS)
def test_flipped_bytes(intact, tmp_path, name):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        data = bytearray(intact[name])
        for at in rng.integers(0, len(data), 40):
            data[at] ^= rng.integers(1, 256)
        path = tmp_path / f"{seed}_{name}"
        path.write_bytes(data)
        read_through(path)


@pytest.mark.parametrize("name", VIDEOS)
def test_zeroed_blocks(intact, tmp_path, name):
    for part in range(4):
        data = bytearray(intact[name])
        start = len(data) * part // 4
        length = min(4096, len(data) - start)
        data[start : start + length] = bytes(length)
        path = tmp_path / f"{part}_{name}"
        path.write_bytes(data)
        read_through(path)


@pytest.mark.parametrize("name", VIDEOS)
def test_missing_header(intact, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(intact[name][64:])
    read_through(path)


@pytest.mark.slow
@pytest.mark.parametrize("name", VIDEOS)
def test_many_kinds_of_damage(intact, tmp_path, name):
    for seed in range(100):
        rng = np.random.default_rng(seed)
        data = bytearray(intact[name])
        for at in rng.integers(0, len(data), rng.integers(1, 60)):
            data[at] = rng.integers(0, 256)
        if seed % 3 == 0:
            del data[rng.integers(0, len(data)) :]
        path = tmp_path / name
        path.write_bytes(data)
        read_through(path)


def test_damaged_frames_are_counted_up_to_the_threshold(tmp_path):
    whole = write_video(tmp_path / "whole.mkv", frames=60, gop=60, b_frames=0)

    def spoil(number, packet):
        if number != 20:
            return [packet]
        new = av.Packet(bytes(packet)[:5] + b"\xff" * (packet.size - 5))
        new.pts, new.dts, new.time_base = packet.pts, packet.dts, packet.time_base
        return [new]

    path = remux(whole, tmp_path / "spoilt.mkv", spoil)
    with VideoReader(path, max_damage=1) as video:
        video.read_clip(0)
        assert video.damaged_frames == 0
        video.read_clip(16)
        assert video.damaged_frames > 0
    with VideoReader(path, max_damage=0) as video, pytest.raises(VideoError, match="damaged"):
        video.read_clip(16)


def test_frames_missing_at_the_end_are_repeated_and_counted(tmp_path):
    path = write_video(tmp_path / "video.mkv", frames=40)
    with VideoReader(path) as video:
        index = video.index
    path = write_video(tmp_path / "shorter.mkv", frames=30)
    with VideoReader(path, index=index) as video:
        clip = video.read_clip(18, size=16)
        assert video.damaged_frames == 4
        assert np.array_equal(clip[:, 12], clip[:, 11])
        with pytest.raises(VideoError, match="damaged"):
            video.read_clip(24, size=16)


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".txt"])
def test_text_is_not_a_video(tmp_path, suffix):
    path = tmp_path / f"file{suffix}"
    for content in (b"", b"a line of text\n" * 200, b"<!doctype html><html></html>", b"\0" * 9999):
        path.write_bytes(content)
        with pytest.raises(VideoError):
            VideoReader(path)


def test_random_bytes_are_not_a_video(tmp_path):
    path = tmp_path / "random.mp4"
    path.write_bytes(np.random.default_rng(0).bytes(20000))
    with pytest.raises(VideoError):
        VideoReader(path)


@pytest.mark.parametrize("name", ["picture.jpg", "picture.mp4"])
def test_picture_is_not_a_video(tmp_path, name):
    path = tmp_path / name
    write_video(
        path, codec="mjpeg", container="mjpeg", pixel_format="yuvj420p", frames=1, b_frames=0
    )
    with pytest.raises(VideoError, match="not a video"):
        VideoReader(path)


def write_audio(path, cover=False):
    with av.open(str(path), "w") as output:
        audio = output.add_stream("aac", rate=44100, layout="mono")
        if cover:
            video = output.add_stream("mjpeg", rate=1)
            video.width, video.height, video.pix_fmt = 64, 48, "yuvj420p"
            video.disposition = av.stream.Disposition.attached_pic
        for _ in range(20):
            silence = np.zeros((1, 1024), np.float32)
            frame = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
            frame.sample_rate = 44100
            output.mux(audio.encode(frame))
        output.mux(audio.encode(None))
        if cover:
            picture = av.VideoFrame.from_ndarray(next(moving_pattern()), format="rgb24")
            output.mux(video.encode(picture.reformat(format="yuvj420p")))
            output.mux(video.encode(None))
    return path


def test_sound_without_pictures_is_not_a_video(tmp_path):
    with pytest.raises(VideoError, match="no video stream"):
        VideoReader(write_audio(tmp_path / "sound.mp4"))


def test_cover_picture_is_not_a_video(tmp_path):
    with pytest.raises(VideoError, match="only a cover picture"):
        VideoReader(write_audio(tmp_path / "sound.mp4", cover=True))


def test_playlist_is_not_followed(tmp_path):
    path = tmp_path / "list.mp4"
    path.write_text("#EXTM3U\n#EXTINF:5,\nhttp://localhost:1/video.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(VideoError):
        VideoReader(path)


def test_paths_without_a_readable_file(tmp_path):
    (tmp_path / "folder.mp4").mkdir()
    os.mkfifo(tmp_path / "pipe.mp4")
    for name, reason in (
        ("folder.mp4", "a directory"),
        ("pipe.mp4", "not a regular file"),
        ("missing.mp4", "No such file"),
    ):
        with pytest.raises(VideoError, match=reason):
            VideoReader(tmp_path / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_without_permission(tmp_path):
    path = write_video(tmp_path / "video.mp4")
    path.chmod(0)
    with pytest.raises(VideoError, match="Permission denied"):
        VideoReader(path)


def test_refused_permission_is_a_video_error(tmp_path, monkeypatch):
    path = write_video(tmp_path / "video.mp4")

    def refuse(*_, **__):
        raise av.error.PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(av, "open", refuse)
    with pytest.raises(VideoError, match="Permission denied"):
        VideoReader(path)


def test_bytes_that_are_no_text_in_the_metadata(tmp_path):
    path = write_video(tmp_path / "video.mkv", container_options={"metadata": "x"})
    data = path.read_bytes()
    at = data.index(b"Lavf")
    path.write_bytes(data[:at] + b"\xff\xfe\xff\xfe" + data[at + 4 :])
    with VideoReader(path) as video:
        assert len(video) == 40


def open_descriptors():
    return len(os.listdir("/proc/self/fd"))


def open_decode_close(path, rounds):
    for _ in range(rounds):
        with VideoReader(path) as video:
            video.read_clip(5, size=32)


def assert_flat(paths, rounds):
    for path in paths:
        open_decode_close(path, 20)
        descriptors = open_descriptors()
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        open_decode_close(path, rounds)
        assert open_descriptors() == descriptors
        # Kilobytes; one lost frame per round would be 4.5 MB per thousand.
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 2000


LEAK_VIDEOS = {"h264.mp4": {}, "mpeg4.avi": MPEG4}


def test_nothing_leaks(tmp_path):
    assert_flat([write_video(tmp_path / n, **o) for n, o in LEAK_VIDEOS.items()], rounds=150)


def test_failing_to_open_leaks_nothing(tmp_path):
    path = write_audio(tmp_path / "sound.mp4")
    descriptors = open_descriptors()
    for _ in range(50):
        with pytest.raises(VideoError):
            VideoReader(path)
    assert open_descriptors() == descriptors


@pytest.mark.slow
def test_nothing_leaks_over_five_thousand_rounds(tmp_path):
    assert_flat([write_video(tmp_path / n, **o) for n, o in LEAK_VIDEOS.items()], rounds=5000)
