import pickle

import numpy as np
import pytest

from datasets.decoding.errors import VideoError
from datasets.decoding.video_reader import VideoReader
from tests.videos import decode_all, moving_pattern, remux, write_video


def pixels_of(path):
    return np.stack([frame.to_ndarray(format="rgb24") for frame in decode_all(path)])


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("videos") / "video.mp4", frames=50, fps=20)


def test_properties_are_those_of_the_file(path):
    with VideoReader(path) as video:
        assert (len(video), video.fps, video.width, video.height) == (50, 20, 64, 48)
        assert video.path == str(path)


def test_frames_come_in_the_order_asked_for_with_repeats(path):
    truth = pixels_of(path)
    indices = [49, 3, 3, 20, 0]
    with VideoReader(path) as video:
        assert np.array_equal(video.read(indices), truth[indices])


@pytest.mark.parametrize("size", [16, 24, 33, 40, 48])
def test_clip_without_scaling_is_the_cropped_frames(path, size):
    with VideoReader(path) as video:
        clip = video.read_clip(5, frames=8, stride=3, crop=(10, 0, size, size), size=size)
        frames = video.read(5 + 3 * np.arange(8))[:, :size, 10 : 10 + size]
    assert clip.shape == (3, 8, size, size)
    assert clip.dtype == np.uint8
    # They differ where chroma is interpolated; an odd crop is rounded, and so scaled after all.
    difference = np.abs(clip.transpose(1, 2, 3, 0).astype(int) - frames)
    assert difference.mean() < (12 if size % 2 else 6)
    assert difference[..., -1, :].mean() < 15


@pytest.mark.parametrize("size", [17, 24, 32, 112])
def test_clip_is_close_to_bilinear_scaling_by_pil(path, size):
    image = pytest.importorskip("PIL.Image")
    with VideoReader(path) as video:
        clip = video.read_clip(0, frames=4, crop=(12, 4, 40, 40), size=size)
        frames = video.read(np.arange(4))[:, 4:44, 12:52]
    for t in range(4):
        scaled = image.fromarray(frames[t]).resize((size, size), image.Resampling.BILINEAR)
        assert np.abs(clip[:, t].transpose(1, 2, 0).astype(int) - np.asarray(scaled)).mean() < 5


def test_short_video_looped_into_a_clip(path):
    looped = np.arange(16) % 5
    with VideoReader(path) as video:
        clip = video.read_clips(looped[None], size=16)[0]
        once = video.read_clips(np.arange(5)[None], size=16)[0]
    assert np.array_equal(clip, once[:, looped])


def test_several_clips_in_one_pass_equal_each_on_its_own(path):
    starts = np.array([30, 4, 12, 4])
    indices = starts[:, None] + 2 * np.arange(8)
    crops = [(0, 0, 40, 40), (24, 8, 40, 40), (10, 10, 20, 20), (0, 0, 64, 48)]
    flips = [False, True, False, True]
    with VideoReader(path) as video:
        together = video.read_clips(indices, crop=crops, size=24, flip=flips)
        for clip, start, crop, flip in zip(together, starts, crops, flips, strict=True):
            alone = video.read_clip(start, frames=8, stride=2, crop=crop, size=24, flip=flip)
            assert np.array_equal(clip, alone)


def test_clips_are_given_as_soon_as_they_end(path):
    indices = np.array([[0, 49], [3, 4], [20, 1]])
    with VideoReader(path) as video:
        given = dict(video.iterate_clips(indices, size=16))
        assert list(given) == [1, 2, 0]
        assert np.array_equal(
            np.stack([given[k] for k in range(3)]), video.read_clips(indices, size=16)
        )


def test_clip_longer_than_one_picture_of_the_filters(path):
    with VideoReader(path) as video:
        long = video.read_clip(0, frames=50, size=16)
        assert np.array_equal(long[:, 34:], video.read_clip(34, frames=16, size=16))


def test_flip_mirrors_left_and_right(path):
    with VideoReader(path) as video:
        crop = (0, 0, 64, 48)
        plain = video.read_clip(0, crop=crop, size=32)
        assert np.array_equal(video.read_clip(0, crop=crop, size=32, flip=True), plain[..., ::-1])


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_rotated_video_is_cropped_as_displayed(tmp_path, rotation, flip):
    upright = write_video(tmp_path / "upright.mp4")
    # The same packets: x264 does not promise the same ones a second time.
    turned = remux(upright, tmp_path / "turned.mp4", rotation=rotation)
    with VideoReader(upright) as a, VideoReader(turned) as b:
        turns = rotation // 90
        assert (b.width, b.height) == ((48, 64) if turns % 2 else (64, 48))
        whole = (0, 0, 64, 48)
        expected = np.rot90(a.read_clip(0, crop=whole, size=48), turns, axes=(2, 3))
        expected = expected[..., ::-1] if flip else expected
        got = b.read_clip(0, crop=(0, 0, b.width, b.height), size=48, flip=flip)
        assert np.array_equal(got, expected)
        # The upper left corner as displayed, wherever that lies in the file.
        frames = b.read(np.arange(16))[:, :32, :32]
        corner = b.read_clip(0, crop=(0, 0, 32, 32), size=32)
        assert np.abs(corner.transpose(1, 2, 3, 0).astype(int) - frames).mean() < 3


def test_full_range_and_limited_range_look_the_same(tmp_path):
    clips = []
    for pixel_format in ("yuv420p", "yuvj420p"):
        path = write_video(tmp_path / f"{pixel_format}.mp4", pixel_format=pixel_format)
        with VideoReader(path) as video:
            clips.append(video.read_clip(0, size=48).astype(int))
            # The two ways of converting agree on the range.
            frames = video.read(np.arange(16))[:, :, 8:56].transpose(3, 0, 1, 2)
            assert np.abs(clips[-1] - frames).mean() < 3
    assert np.abs(clips[0] - clips[1]).mean() < 4


def test_one_frame_is_a_video(tmp_path):
    path = write_video(tmp_path / "one.mp4", frames=1)
    with VideoReader(path) as video:
        assert len(video) == 1
        assert video.read_clips(np.zeros((1, 16), int)).shape == (1, 3, 16, 112, 112)


def test_tiny_frames_can_be_cropped_to_less(tmp_path):
    path = write_video(tmp_path / "tiny.mp4", width=4, height=2, frames=3)
    with VideoReader(path) as video:
        assert video.read_clip(0, frames=3, crop=(3, 1, 1, 1), size=8).shape == (3, 3, 8, 8)


def test_resolution_that_changes_midway(tmp_path):
    small, large = tmp_path / "small.h264", tmp_path / "large.h264"
    remux(write_video(tmp_path / "small.mp4", frames=20), small)
    remux(write_video(tmp_path / "large.mp4", frames=20, width=128, height=96), large)
    path = tmp_path / "both.h264"
    for first, second in ((small, large), (large, small)):
        path.write_bytes(first.read_bytes() + second.read_bytes())
        with VideoReader(path) as video:
            assert len(video) == 40
            sizes = [video.read([n]).shape[1:3] for n in (19, 20)]
            assert sorted(sizes) == [(48, 64), (96, 128)]
            with pytest.raises(VideoError, match="frame 20 is"):
                video.read([19, 20])
            # The crop keeps its place in the picture.
            clip = video.read_clip(12, crop=(0, 0, video.width // 2, video.height // 2), size=24)
            parts = [
                video.read_clip(
                    s, frames=8, size=24, crop=(0, 0, video.width // 2, video.height // 2)
                )
                for s in (12, 20)
            ]
            assert np.array_equal(clip, np.concatenate(parts, axis=1))


def test_path_that_looks_like_an_address(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "12:30.mp4")
    with VideoReader("12:30.mp4") as video:
        assert len(video) == 40


def test_reading_after_close_opens_again(path):
    video = VideoReader(path)
    before = video.read([7])
    video.close()
    assert np.array_equal(video.read([7]), before)
    video.close()


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda v: v.read([50]), VideoError),
        (lambda v: v.read([-1]), ValueError),
        (lambda v: v.read([]), ValueError),
        (lambda v: v.read([0.5]), ValueError),
        (lambda v: v.read_clips(np.arange(16)), ValueError),
        (lambda v: v.read_clip(40), VideoError),
        (lambda v: v.read_clip(0, crop=(0, 0, 65, 48)), ValueError),
        (lambda v: v.read_clip(0, crop=(-1, 0, 4, 4)), ValueError),
        (lambda v: v.read_clip(0, crop=(0, 0, 0, 4)), ValueError),
        (lambda v: v.read_clips(np.zeros((2, 4), int), crop=[(0, 0, 4, 4)]), ValueError),
    ],
)
def test_what_cannot_be_read_is_refused(path, call, error):
    with VideoReader(path) as video, pytest.raises(error):
        call(video)


def test_error_names_the_file_and_survives_pickling():
    error = VideoError("a.mp4", "no video stream in the file")
    assert str(error) == "a.mp4: no video stream in the file"
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.path, copy.reason, str(copy)) == (error.path, error.reason, str(error))


def test_moving_pattern_never_repeats_a_frame():
    frames = list(moving_pattern(200))
    assert len({frame.tobytes() for frame in frames}) == 200
