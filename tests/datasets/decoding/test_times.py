"""When frames are shown, by their own times."""

import numpy as np
import pytest

from datasets.decoding import open_reader
from datasets.decoding.errors import VideoError
from datasets.decoding.packet_index import Numbering, PacketIndex
from datasets.decoding.video_reader import VideoReader
from tests.datasets.decoding.test_exact import MPEG4, decoding_times_only, from_packet, shifted
from tests.datasets.decoding.test_frame_folder import write_frames
from tests.videos import remux, write_video

# Units of 1/25 of a second; a phone in the dark.
UNEVEN = np.cumsum([0, 1, 1, 5, 1, 9, 2, 2, 20, 1, 1, 1, 4, 3, 3, 1, 7, 1, 1, 1])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {}),
        ("a.mkv", {}),
        ("a.ts", {}),
        ("a.mov", {}),
        ("a.avi", {**MPEG4, "b_frames": 0}),
        ("a.avi", {**MPEG4, "b_frames": 2}),
    ],
)
def test_a_variable_rate(tmp_path, name, options):
    path = write_video(tmp_path / name, frames=len(UNEVEN), pts=UNEVEN, **options)
    with VideoReader(path) as video:
        assert video.times.dtype == np.float64
        assert np.allclose(video.times, UNEVEN / 25, atol=0.001)
        # Exactly at a frame, between two, before the first, behind the last.
        assert video.frame_at(UNEVEN[5] / 25) == 5
        assert video.frame_at(UNEVEN[5] / 25 + 0.01) == 6
        assert video.frame_at(-1) == 0
        assert video.frame_at(1000) == len(UNEVEN)


@pytest.mark.parametrize(
    ("name", "options", "numbering"),
    [
        ("a.mp4", {"b_frames": 3}, Numbering.PTS),
        ("a.avi", {**MPEG4, "b_frames": 2}, Numbering.DTS),
        ("a.avi", {**MPEG4, "b_frames": 0}, Numbering.DTS),
        ("a.gif", {"codec": "gif", "pixel_format": "rgb8", "b_frames": 0}, Numbering.COUNT),
        ("a.webm", {"codec": "libvpx", "b_frames": 0}, Numbering.PTS),
    ],
)
def test_a_constant_rate(tmp_path, name, options, numbering):
    path = write_video(tmp_path / name, **options)
    index = PacketIndex.build(path)
    assert index.numbering == numbering
    assert np.allclose(index.times, np.arange(40) / 25, atol=0.001)


def test_times_begin_at_the_first_frame_that_is_shown(tmp_path):
    whole = write_video(tmp_path / "whole.mp4", frames=60, gop=20)
    edited = remux(whole, tmp_path / "edited.mp4", shifted(7), {"avoid_negative_ts": "disabled"})
    with VideoReader(edited) as video:
        assert np.allclose(video.times, np.arange(len(video)) / 25)


def test_frames_that_must_be_counted_have_the_times_of_the_decoder(tmp_path):
    whole = write_video(tmp_path / "whole.mp4", frames=60, b_frames=0)
    index = PacketIndex.build(remux(whole, tmp_path / "cut.mkv", from_packet(7)))
    assert index.numbering == Numbering.COUNT
    assert len(index.times) == index.n_frames
    assert np.allclose(np.diff(index.times), 1 / 25, atol=0.001)


def test_without_times_the_mean_rate_must_do(tmp_path):
    path = write_video(tmp_path / "a.h264", container="h264", b_frames=0)
    with VideoReader(path) as video:
        assert video.times is None
        assert [video.frame_at(s) for s in (-1, 0, 0.04, 0.041, 1, 99)] == [0, 0, 1, 2, 25, 40]


def test_times_that_go_back_are_no_times(tmp_path):
    part = write_video(tmp_path / "part.ts", frames=30)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(part.read_bytes() * 2)
    with VideoReader(joined) as video:
        assert video.times is None or (np.diff(video.times) >= 0).all()


def test_decoding_times_only(tmp_path):
    whole = write_video(tmp_path / "whole.mp4", frames=60)
    index = PacketIndex.build(remux(whole, tmp_path / "a.mp4", decoding_times_only))
    assert index.times is None or len(index.times) == 60


def test_images_have_no_times(tmp_path):
    write_frames(tmp_path / "frames", "f_{:03d}.png")
    for name in ("frames", "frames/f_%03d.png"):
        with open_reader(tmp_path / name) as reader:
            assert reader.times is None
            with pytest.raises(VideoError, match="frame rate is unknown"):
                reader.frame_at(1)
