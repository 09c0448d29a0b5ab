"""Which files are opened, which of their streams is read, and whose mistake an error is."""

import os
from fractions import Fraction

import av
import numpy as np
import pytest

from datasets.decoding import clip_filter, frame_decoder, packet_index, video_reader
from datasets.decoding.errors import VideoError
from datasets.decoding.packet_index import PacketIndex
from datasets.decoding.video_reader import VideoReader
from tests.datasets.decoding.test_exact import assert_exact
from tests.videos import moving_pattern, write_video

RAW = {
    "camera.h264": {"container": "h264"},
    "camera.264": {"container": "h264"},
    "camera.hevc": {"container": "hevc", "codec": "libx265"},
    "camera.mjpeg": {"container": "mjpeg", "codec": "mjpeg", "pixel_format": "yuvj420p"},
    "camera.y4m": {"container": "yuv4mpegpipe", "codec": "wrapped_avframe"},
    "camera.m2v": {"container": "mpeg2video", "codec": "mpeg2video"},
    "camera.m4v": {"container": "m4v", "codec": "mpeg4"},
    "camera.ivf": {"container": "ivf", "codec": "libvpx"},
    "camera.nut": {"container": "nut", "codec": "mpeg4"},
    "camera": {"container": "h264"},
}


@pytest.mark.parametrize("name", RAW)
def test_raw_streams_are_read_exactly(tmp_path, name, monkeypatch):
    options = {"b_frames": 0, "frames": 30, **RAW[name]}
    assert_exact(write_video(tmp_path / name, **options), None, monkeypatch)


def write_two_streams(path, frames=(1, 30), default=None):
    """Two video streams of different sizes: a thumbnail and the video."""
    with av.open(str(path), "w") as output:
        streams = []
        for codec, width, height in (("mjpeg", 32, 24), ("libx264", 64, 48)):
            stream = output.add_stream(codec, rate=Fraction(25))
            stream.width, stream.height = width, height
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            stream.codec_context.thread_count = 1
            streams.append(stream)
        if default is not None:
            streams[default].disposition = av.stream.Disposition.default
        for stream, n_frames in zip(streams, frames, strict=True):
            for picture in moving_pattern(n_frames, stream.width, stream.height):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                output.mux(stream.encode(frame.reformat(format=stream.pix_fmt)))
            output.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_the_video_is_read_and_not_its_thumbnail(tmp_path, name):
    with VideoReader(write_two_streams(tmp_path / name)) as video:
        assert (len(video), video.width, video.height) == (30, 64, 48)
        # Opened in other ways, for seeking, it is the same stream.
        assert video.read_clip(14, size=16).shape == (3, 16, 16, 16)
        assert video.read([29, 2]).shape == (2, 48, 64, 3)


def test_the_stream_is_the_one_that_ffmpeg_chooses(tmp_path):
    for default in (0, 1):
        path = write_two_streams(tmp_path / f"{default}.mkv", frames=(30, 30), default=default)
        with av.open(str(path)) as container:
            chosen = container.streams.best("video").index
        assert PacketIndex.build(path).stream == chosen == default


def test_a_stream_that_is_not_there_any_more(tmp_path):
    path = write_two_streams(tmp_path / "a.mkv")
    index = PacketIndex.build(path)
    path.unlink()
    write_video(path)
    with VideoReader(path, index) as video, pytest.raises(VideoError, match="no video any more"):
        video.read([3])


# A function of ours that reading calls, and what a mistake in it raises.
MISTAKES = [
    (packet_index, "_numbering", ValueError),
    (packet_index._Packets, "add", IndexError),
    (frame_decoder.FrameDecoder, "_runs", AttributeError),
    (frame_decoder.FrameDecoder, "_decode_times", IndexError),
    (clip_filter, "_even", ValueError),
    (clip_filter.ClipFilter, "_copy", ValueError),
    (video_reader._Clip, "push", AttributeError),
]


@pytest.mark.parametrize(("owner", "name", "error"), MISTAKES)
def test_a_mistake_of_the_program_is_no_fault_of_the_video(
    tmp_path, monkeypatch, owner, name, error
):
    path = write_video(tmp_path / "a.mp4")

    def mistake(*_):
        raise error("planted")

    monkeypatch.setattr(owner, name, mistake)
    with pytest.raises(error, match="planted"), VideoReader(path) as video:
        video.read_clip(5, crop=(1, 1, 20, 20))


def test_what_pyav_raises_is_the_fault_of_the_video(tmp_path, monkeypatch):
    path = write_video(tmp_path / "a.mp4")
    for error in (av.error.InvalidDataError(1, "broken"), ValueError("broken"), MemoryError()):

        def broken(*_, error=error, **__):
            raise error

        with monkeypatch.context() as patch, VideoReader(path) as video:
            patch.setattr(av, "open", broken)
            with pytest.raises(VideoError):
                video.read([3])
        with monkeypatch.context() as patch, VideoReader(path) as video:
            patch.setattr(av.filter, "Graph", broken)
            with pytest.raises(VideoError):
                video.read_clip(3)


def append_remark(path):
    """Put an extension block behind the last picture of a GIF, as some programs do."""
    data = path.read_bytes()
    assert data[-1:] == b";"
    path.write_bytes(data[:-1] + b"\x21\xfe\x05hello\x00" + b";")


def test_a_remark_at_the_end_of_a_gif_is_no_frame(tmp_path, monkeypatch):
    options = {"codec": "gif", "pixel_format": "rgb8", "b_frames": 0, "frames": 7}
    path = write_video(tmp_path / "a.gif", **options)
    append_remark(path)
    assert PacketIndex.build(path).n_frames == 7
    assert_exact(path, None, monkeypatch)
    with VideoReader(path) as video:
        assert np.allclose(video.times, np.arange(7) / 25)


def test_no_descriptor_is_left_open_by_a_mistake(tmp_path, monkeypatch):
    path = write_video(tmp_path / "a.mp4")
    before = len(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(packet_index, "_scan", lambda *_: [][0])
    for _ in range(5):
        with pytest.raises(IndexError):
            PacketIndex.build(path)
    assert len(os.listdir("/proc/self/fd")) == before
