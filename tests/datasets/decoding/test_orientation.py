"""A video is shown turned and mirrored as FFmpeg's own player shows it."""

import numpy as np
import pytest

from datasets.copies.training_copy import write_copy
from datasets.decoding.clip_filter import filter_graph
from datasets.decoding.video_reader import VideoReader
from tests.videos import decode_all, remux, write_video

# What FFmpeg inserts for each display matrix (its fftools, "autorotate").
AUTOROTATE = {
    (1, 0, 0, 1): [],
    (-1, 0, 0, 1): [("hflip", None)],
    (1, 0, 0, -1): [("vflip", None)],
    (-1, 0, 0, -1): [("hflip", None), ("vflip", None)],
    (0, 1, -1, 0): [("transpose", "clock")],
    (0, -1, 1, 0): [("transpose", "cclock")],
    (0, 1, 1, 0): [("transpose", "cclock_flip")],
    (0, -1, -1, 0): [("transpose", "clock_flip")],
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain")
    return write_video(folder / "plain.mp4", frames=3, pixel_format="yuv444p")


@pytest.fixture(params=AUTOROTATE, ids=str)
def turned(request, plain, tmp_path):
    """A video with a display matrix, and its frames as FFmpeg shows them."""
    path = remux(plain, tmp_path / "turned.mp4", matrix=request.param)
    shown = []
    for frame in decode_all(path):
        graph = filter_graph(frame, AUTOROTATE[request.param])
        graph.push(frame)
        shown.append(graph.vpull().to_ndarray(format="rgb24"))
    return path, np.stack(shown)


def test_frames(turned):
    path, shown = turned
    with VideoReader(path) as video:
        assert (len(video), video.height, video.width) == shown.shape[:3]
        assert np.array_equal(video.read([0, 1, 2]), shown)


@pytest.mark.parametrize("flip", [False, True])
def test_clips(turned, flip):
    path, shown = turned
    with VideoReader(path) as video:
        # Off the middle, so that a wrong corner shows.
        clip = video.read_clip(0, frames=3, crop=(4, 10, 32, 32), size=32, flip=flip)
    expected = shown[:, 10:42, 4:36].transpose(3, 0, 1, 2).astype(int)
    assert np.abs(clip - (expected[..., ::-1] if flip else expected)).max() <= 3


def test_training_copies(turned, tmp_path):
    path, shown = turned
    write_copy(str(path), str(tmp_path / "copy.mp4"), 128)
    with VideoReader(tmp_path / "copy.mp4") as copy:
        frames = copy.read([0, 1, 2])
    assert frames.shape == shown.shape
    # Nothing else than chroma and the codec tell them apart.
    assert np.abs(frames.astype(int) - shown).mean() < 12


def test_an_angle_between_is_rounded_to_a_quarter_turn(plain, tmp_path):
    path = remux(plain, tmp_path / "tilted.mp4", rotation=80)
    with VideoReader(path) as video:
        assert (video.width, video.height) == (48, 64)
