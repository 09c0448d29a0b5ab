import numpy as np
import pytest
from PIL import Image

from app.prediction.prediction import Prediction
from app.prediction.timeline import clock, draw_timeline, segments
from app.prediction.video_sources import VideoSource


def prediction(winners, labels=("walk", "run", "jump"), n_frames=None, fps=25.0):
    """Windows of 16 frames, each with its winner at 0.6."""
    rest = 0.4 / (len(labels) - 1)
    scores = np.full((len(winners), len(labels)), rest, np.float32)
    scores[np.arange(len(winners)), winners] = 0.6
    made = Prediction(VideoSource("a $1 and $2 video.mp4", "video"), labels, keep_windows=True)
    starts = [16 * i for i in range(len(winners))]
    made.add(starts, [start / fps if fps else None for start in starts], scores)
    made.n_frames = n_frames or 16 * len(winners)
    made.duration = made.n_frames / fps if fps else None
    return made


def test_windows_with_the_same_best_class_are_one_segment():
    parts = segments(prediction([0, 0, 1, 2, 2, 2], n_frames=90))
    assert [(part.start, part.end) for part in parts] == [(0, 32), (32, 48), (48, 90)]
    assert [int(part.scores.argmax()) for part in parts] == [0, 1, 2]
    np.testing.assert_allclose(parts[0].scores, [0.6, 0.2, 0.2], atol=1e-6)


def test_one_window_is_one_segment():
    (part,) = segments(prediction([1], n_frames=5))
    assert (part.start, part.end) == (0, 5)


@pytest.mark.parametrize(
    ("winners", "labels", "fps"),
    [
        ([0, 1, 1, 2], ("walk", "run", "$x_2$ {odd}"), 25.0),
        ([0], ("walk", "run", "_hidden"), 0.0),
        (list(range(30)), tuple(f"class {i}" for i in range(30)), 25.0),
        ([0, 1] * 2000, ("walk", "run"), 25.0),
    ],
)
def test_the_picture_can_be_drawn(tmp_path, winners, labels, fps):
    draw_timeline(prediction(winners, labels, fps=fps), tmp_path / "timeline.png")
    with Image.open(tmp_path / "timeline.png") as image:
        picture = np.asarray(image.convert("RGB"))
    assert picture.shape[0] > 300 and picture.shape[1] > 800
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 10


def test_times_are_written_as_on_a_clock():
    assert [clock(s) for s in (0, 59.6, 61, 3661)] == ["0:00", "1:00", "1:01", "1:01:01"]


def test_times_in_a_short_video_show_tenths():
    assert [clock(s, 59.9) for s in (0, 0.64, 9.96, 59.88)] == [
        "0:00.0",
        "0:00.6",
        "0:10.0",
        "0:59.9",
    ]
    assert clock(0.64, 60) == "0:01"


def test_segments_have_the_times_of_their_frames():
    made = prediction([0, 0, 1], n_frames=40)
    made.seconds = [0.0, 0.5, 7.25]
    made.duration = 9.0
    assert [part.seconds for part in segments(made)] == [(0.0, 7.25), (7.25, 9.0)]
    assert [part.seconds for part in segments(prediction([0], fps=0))] == [(None, None)]
