from fractions import Fraction

import av
import numpy as np
import pytest

from app.errors import UserError
from app.prediction.annotate import annotate, copy_video
from app.prediction.caption import draw_caption
from app.prediction.prediction import Prediction
from app.prediction.video_sources import VideoSource
from tests.videos import decode_all, moving_pattern, refuse_packet, remux, write_video


def prediction(path, kind="video"):
    """Windows of 16 frames that are walk and run in turn."""
    made = Prediction(VideoSource(str(path), kind), ("walk", "run"))
    made.add(
        [0, 16, 32], [0.0, 0.64, 1.28], np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]], np.float32)
    )
    return made


def write_with_sound(path, codec="libx264", sound="aac", frames=40, fps=25, rate=44100):
    """A video with a tone of 440 Hz."""
    samples = (np.sin(np.arange(frames * rate // fps) * 2 * np.pi * 440 / rate) * 9000)[None]
    with av.open(str(path), "w") as output:
        video = output.add_stream(codec, rate=fps)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = output.add_stream(sound, rate=rate, layout="mono")
        audio.bit_rate = 64000
        for number, picture in enumerate(moving_pattern(frames, 64, 48)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            output.mux(video.encode(frame))
        for start in range(0, samples.shape[1], 1024):
            part = np.ascontiguousarray(samples[:, start : start + 1024].astype(np.int16))
            frame = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            output.mux(audio.encode(frame))
        output.mux(video.encode(None))
        output.mux(audio.encode(None))
    return path


def sound_of(path):
    with av.open(str(path)) as container:
        packets = container.demux(container.streams.audio[0])
        return b"".join(bytes(packet) for packet in packets if packet.size)


def times_of(path):
    return [float(frame.time) for frame in decode_all(path)]


def pictures_of(path):
    return [frame.to_ndarray(format="rgb24").astype(int) for frame in decode_all(path)]


@pytest.mark.parametrize(
    ("name", "codec", "sound"),
    [("video.mp4", "libx264", "aac"), ("video.avi", "mpeg4", "libmp3lame")],
)
def test_the_copy_has_every_frame_at_its_time_and_the_same_sound(tmp_path, name, codec, sound):
    video = write_with_sound(tmp_path / name, codec, sound)
    annotate(prediction(video), tmp_path / "copy.mp4")
    assert sound_of(tmp_path / "copy.mp4") == sound_of(video) != b""
    times = times_of(tmp_path / "copy.mp4")
    assert len(times) == 40
    # The avi has an empty packet behind its first one, as for a frame that was dropped.
    np.testing.assert_allclose(times, times_of(video), atol=1e-3)


def test_the_caption_is_on_top_and_changes_with_the_window(tmp_path):
    video = write_video(tmp_path / "video.mp4", frames=40, width=160, height=120)
    annotate(prediction(video), tmp_path / "copy.mp4")
    before, after = pictures_of(video), pictures_of(tmp_path / "copy.mp4")
    for number in (0, 20, 39):
        below = np.abs(after[number][40:] - before[number][40:]).mean()
        above = np.abs(after[number][:9] - before[number][:9]).mean()
        assert below < 5 < 20 < above
    # The same bar on all frames but for the text: its ink moves from window to window.
    ink = [picture[:11].mean(axis=2) > 190 for picture in after]
    assert (ink[2] != ink[14]).mean() < (ink[14] != ink[18]).mean()


def test_uneven_times_are_kept(tmp_path):
    pts = [0, 1, 2, 10, 11, 30, *range(40, 74)]
    video = write_video(tmp_path / "video.mkv", frames=40, pts=pts, b_frames=0)
    annotate(prediction(video), tmp_path / "copy.mkv")
    np.testing.assert_allclose(times_of(tmp_path / "copy.mkv"), times_of(video), atol=2e-3)


def as_shown(picture, matrix):
    """Move every pixel to where a display matrix sends it."""
    a, b, c, d = matrix
    y, x = np.indices(picture.shape[:2])
    x, y = a * x + c * y, b * x + d * y
    x, y = x - x.min(), y - y.min()
    shown = np.empty((y.max() + 1, x.max() + 1, 3), picture.dtype)
    shown[y, x] = picture
    return shown


@pytest.mark.parametrize(
    "matrix",
    [
        *((1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0)),
        *((-1, 0, 0, 1), (0, 1, 1, 0), (1, 0, 0, -1), (0, -1, -1, 0)),
    ],
)
def test_a_turned_or_mirrored_video_is_written_upright(tmp_path, matrix):
    plain = write_video(tmp_path / "plain.mp4", width=160, height=120, frames=3)
    video = remux(plain, tmp_path / "video.mp4", matrix=matrix)
    annotate(prediction(video), tmp_path / "copy.mp4")
    expected = as_shown(pictures_of(plain)[0], matrix)
    written = pictures_of(tmp_path / "copy.mp4")[0]
    assert written.shape == expected.shape
    # Below the caption.
    assert np.abs(written - expected)[40:].mean() < 5


def test_odd_sides_lose_a_row(tmp_path):
    video = write_video(
        tmp_path / "video.avi", "ffv1", 65, 49, frames=40, b_frames=0, pixel_format="bgr0"
    )
    annotate(prediction(video), tmp_path / "copy.mp4")
    assert pictures_of(tmp_path / "copy.mp4")[0].shape[:2] == (48, 64)


def test_folders_of_frames_become_a_video(tmp_path):
    for number, picture in enumerate(moving_pattern(40), 1):
        image = av.VideoFrame.from_ndarray(picture, format="rgb24").to_image()
        image.save(tmp_path / f"image_{number:05d}.png")
    annotate(prediction(tmp_path), tmp_path / "copy.mp4")
    assert len(times_of(tmp_path / "copy.mp4")) == 40


def test_sound_that_the_container_cannot_hold_is_encoded_anew(tmp_path):
    video = write_with_sound(tmp_path / "video.avi", "mpeg4", "wmav2")
    annotate(prediction(video), tmp_path / "copy.mp4")
    with av.open(str(tmp_path / "copy.mp4")) as container:
        stream = container.streams.audio[0]
        assert stream.codec_context.name == "aac"
        samples = np.concatenate([f.to_ndarray()[0] for f in container.decode(stream)])
    assert len(samples) / stream.rate == pytest.approx(40 / 25, abs=0.15)
    # Still the tone of 440 Hz.
    spectrum = np.abs(np.fft.rfft(samples))
    assert spectrum.argmax() * stream.rate / len(samples) == pytest.approx(440, abs=3)


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    video = write_video(tmp_path / "video.mp4")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        annotate(prediction(video), tmp_path / "file" / "copy.mp4")


def test_a_video_without_times_plays_at_its_rate(tmp_path):
    video = write_video(tmp_path / "camera.h264", frames=60, b_frames=0, container="h264")
    annotate(prediction(video), tmp_path / "copy.mp4")
    np.testing.assert_allclose(times_of(tmp_path / "copy.mp4"), np.arange(60) / 25, atol=1e-3)


def test_joined_streams_whose_times_start_again_play_one_after_the_other(tmp_path):
    parts = [write_with_sound(tmp_path / f"{n}.ts", frames=40) for n in range(2)]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    annotate(prediction(joined), tmp_path / "copy.mp4")
    times = times_of(tmp_path / "copy.mp4")
    np.testing.assert_allclose(np.diff(times), 1 / 25, atol=1e-3)
    assert len(times) >= 78
    with av.open(str(tmp_path / "copy.mp4")) as container:
        stream = container.streams.audio[0]
        assert float(stream.duration * stream.time_base) == pytest.approx(3.2, abs=0.2)


def test_the_caption_of_a_frame_that_replaces_a_refused_one_is_that_of_its_window(tmp_path):
    video = write_video(tmp_path / "video.mp4", frames=40, gop=4, b_frames=0)
    refuse_packet(video, 20)
    annotate(prediction(video), tmp_path / "copy.mp4")
    assert len(times_of(tmp_path / "copy.mp4")) == 40


def test_an_error_leaves_the_copy_that_was_there(tmp_path):
    video = write_video(tmp_path / "video.mp4", frames=40)
    (tmp_path / "copy.mp4").write_text("before")

    def full(number, picture):
        raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match="copy.mp4: cannot be written: No space left"):
        copy_video("--annotate", VideoSource(str(video), "video"), tmp_path / "copy.mp4", full)
    assert (tmp_path / "copy.mp4").read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.mp4", "video.mp4"]


@pytest.mark.parametrize("size", [(8, 8), (16, 300), (240, 320)])
def test_a_caption_fits_any_picture(size):
    picture = np.full((*size, 3), 200, np.uint8)
    draw_caption(picture, "a very long name of a class that does not fit  0.97")
    assert picture[: max(1, size[0] // 20)].mean() < 150
