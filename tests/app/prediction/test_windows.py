import functools
import http.server
import socket
import threading

import av
import numpy as np
import pytest

from app.prediction.stream_windows import StreamWindows
from app.prediction.video_sources import VideoSource
from app.prediction.windows import VideoWindows
from datasets.clips.frame_choice import sliding_windows
from datasets.decoding.errors import VideoError
from datasets.decoding.video_reader import VideoReader
from tests.videos import moving_pattern, write_video
from weights.description import InputContract

CONTRACT = InputContract(size=32, frames=4, stride=2)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("windows") / "video.mp4", frames=21)


@pytest.fixture(scope="module")
def address(video):
    """The video as a stream: served over HTTP by this process."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=video.parent)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/video.mp4"
    server.shutdown()
    server.server_close()


def expected(video, step):
    with VideoReader(video) as reader:
        windows = sliding_windows(len(reader), CONTRACT.frames, CONTRACT.stride, step)
        return np.asarray(windows)[:, 0].tolist(), reader.read_clips(windows, size=CONTRACT.size)


def seen(windows):
    starts, _, clips = zip(*windows, strict=True)
    return list(starts), np.stack(clips)


@pytest.mark.parametrize("step", [8, 3, 11])
def test_a_video_is_seen_in_windows_of_the_trained_length(video, step):
    windows = VideoWindows(VideoSource(str(video), "video"), CONTRACT, step)
    starts, clips = seen(windows)
    wanted_starts, wanted = expected(video, step)
    assert starts == wanted_starts
    np.testing.assert_array_equal(clips, wanted)
    assert (windows.n_frames, windows.total, windows.fps) == (21, len(starts), 25.0)


def test_windows_know_when_they_begin_whatever_the_rate(tmp_path):
    pts = [0, 1, 2, 3, 4, 5, 6, 50, *range(100, 113)]
    video = write_video(tmp_path / "video.mkv", frames=21, pts=pts, b_frames=0)
    windows = VideoWindows(VideoSource(str(video), "video"), CONTRACT)
    assert [seconds for _, seconds, _ in windows] == pytest.approx([0, 4.0, 4.32], abs=2e-3)
    assert windows.duration == pytest.approx(112 / 25 + 1 / windows.fps, abs=2e-3)


def test_frames_without_times_follow_each_other_at_the_rate(tmp_path):
    video = write_video(tmp_path / "video.h264", frames=21, b_frames=0, container="h264")
    windows = VideoWindows(VideoSource(str(video), "video"), CONTRACT)
    assert [seconds for _, seconds, _ in windows] == pytest.approx([0, 8 / 25, 16 / 25])
    assert windows.duration == pytest.approx(21 / 25)


def test_a_stream_is_opened_again_and_its_frames_are_counted_on(address, capsys):
    source = VideoSource(address, "stream")
    windows = StreamWindows(source, CONTRACT, seconds=3.0, reconnect=0.05)
    found = []
    for start, seconds, _ in windows:
        found.append((start, seconds))
        if len(found) == 7:
            break
    # 21 frames give two windows and a rest that no window may share with the frames after it.
    assert [start for start, _ in found] == [0, 8, 16, 21, 29, 37, 42]
    times = np.array([start / 25 for start, _ in found])
    assert [seconds for _, seconds in found] == pytest.approx(times, abs=1e-6)
    assert "it ended; again every 0.05 s" in capsys.readouterr().err


def test_windows_follow_each_other_by_default(video):
    starts, _ = seen(VideoWindows(VideoSource(str(video), "video"), CONTRACT))
    assert starts == [0, 8, 16]


@pytest.mark.parametrize("step", [8, 11])
def test_a_stream_is_seen_like_the_file_it_carries(video, address, step):
    windows = StreamWindows(VideoSource(address, "stream"), CONTRACT, step)
    starts, clips = seen(windows)
    wanted_starts, wanted = expected(video, step)
    assert starts == wanted_starts
    np.testing.assert_array_equal(clips, wanted)
    assert windows.n_frames == 21


def test_overlapping_windows_of_a_stream(video, address):
    starts, clips = seen(StreamWindows(VideoSource(address, "stream"), CONTRACT, 3))
    wanted_starts, wanted = expected(video, 3)
    assert starts == wanted_starts[: len(starts)] and len(starts) >= len(wanted_starts) - 1
    np.testing.assert_array_equal(clips[:5], wanted[:5])


def test_a_stream_ends_after_the_seconds_given(address):
    windows = StreamWindows(VideoSource(address, "stream"), CONTRACT, seconds=1e-9)
    starts, _ = seen(windows)
    assert (starts, windows.n_frames) == ([0], 1)


@pytest.fixture
def breaking_address(tmp_path, monkeypatch):
    """Opens a server that sends the bytes given, and then nothing more."""
    monkeypatch.setattr("app.prediction.stream_windows.PATIENCE", 0.5)
    listening = socket.create_server(("127.0.0.1", 0))
    connections = []

    def serve(data):
        def answer():
            connection, _ = listening.accept()
            connections.append(connection)
            if data:
                connection.recv(4096)
                connection.sendall(data)

        threading.Thread(target=answer, daemon=True).start()
        return f"http://127.0.0.1:{listening.getsockname()[1]}/stream.ts"

    yield serve
    for one in (listening, *connections):
        one.close()


def test_a_stream_that_does_not_answer_is_no_immediate_exit(breaking_address):
    with pytest.raises(VideoError, match="nothing came for 0.5 s"):
        StreamWindows(VideoSource(breaking_address(b""), "stream"), CONTRACT)


def test_all_that_came_before_a_stream_broke_off_is_seen(tmp_path, breaking_address):
    video = write_video(tmp_path / "video.ts", frames=30, b_frames=0).read_bytes()
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {2 * len(video)}\r\n\r\n"
    address = breaking_address(head.encode() + video)
    windows, starts = StreamWindows(VideoSource(address, "stream"), CONTRACT), []
    with pytest.raises(VideoError, match="nothing came for 0.5 s"):
        for start, _, _ in windows:
            starts.append(start)
    # The last frames are too few for a window: it is looped.
    assert starts == [0, 8, 16, 24]
    assert windows.n_frames in (29, 30)


def test_a_stream_that_is_not_there_is_an_error():
    with pytest.raises(VideoError, match="refused"):
        StreamWindows(VideoSource("http://127.0.0.1:9/x", "stream"), CONTRACT)


def write_images(folder, numbers, pattern="image_%05d.png"):
    for number, picture in zip(numbers, moving_pattern(len(numbers)), strict=True):
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.to_image().save(folder / (pattern % number))


def test_an_image_sequence_is_seen_like_a_video(tmp_path):
    write_images(tmp_path, range(7, 20))
    write_images(tmp_path, range(3), "other_%d.png")
    source = VideoSource(str(tmp_path / "image_%05d.png"), "sequence")
    windows = VideoWindows(source, CONTRACT)
    starts, clips = seen(windows)
    assert (windows.n_frames, starts) == (13, [0, 8])
    pictures = list(moving_pattern(13))
    # The middle of a frame survives the scaling from 48 to 32 pixels closely enough to be known.
    for frame, number in enumerate((0, 2, 4, 6)):
        wanted = pictures[number][:, 8:56].mean(axis=(0, 1))
        np.testing.assert_allclose(clips[0][:, frame].mean(axis=(1, 2)), wanted, atol=3)


def test_a_gap_in_an_image_sequence_is_named(tmp_path):
    write_images(tmp_path, [1, 2, 4])
    source = VideoSource(str(tmp_path / "image_%05d.png"), "sequence")
    with pytest.raises(VideoError, match="frame 3 is missing"):
        VideoWindows(source, CONTRACT)


def test_a_pattern_without_images_is_named(tmp_path):
    source = VideoSource(str(tmp_path / "image_%05d.png"), "sequence")
    with pytest.raises(VideoError, match="no image fits"):
        VideoWindows(source, CONTRACT)
