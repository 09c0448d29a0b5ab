import numpy as np
import paddle
import pytest

import models
from app.configuration import PredictConfig
from app.errors import UserError
from app.inference.open_engine import open_engine
from app.predict import predict
from app.prediction.explain import Course, draw_bar, draw_map
from app.prediction.grad_cam import GradCam
from models.layers import Layers
from models.network import VideoNetwork
from tests.app.trained import write_run
from tests.videos import decode_all, write_video


class Brightness(VideoNetwork):
    """Two classes: bright, which the first channel of its map tells, and dark."""

    def __init__(self):
        super().__init__(Layers())
        self.pool = paddle.nn.AvgPool3D((2, 4, 4))
        self.add_head(3, 2)
        self.head.weight.set_value(np.array([[5, -5], [0, 0], [0, 0]], np.float32))


def bright_network():
    normalisation = models.Normalisation((0.0,) * 3, (1.0,) * 3, 1)
    return GradCam(models.Recogniser(Brightness(), normalisation))


def test_the_map_lies_where_and_when_the_class_is_seen():
    clips = np.zeros((2, 3, 8, 32, 32), np.uint8)
    clips[0, 0, 4:6, 8:16, 20:28] = 255
    # What other channels show does not tell this class.
    clips[0, 1:] = 200
    maps, scores = bright_network()(clips, 0)
    expected = np.zeros((4, 8, 8), bool)
    expected[2, 2:4, 5:7] = True
    assert maps.shape == (2, 4, 8, 8)
    np.testing.assert_array_equal(maps[0] > 0, expected)
    assert not maps[1].any()
    assert scores[0] > scores[1] == pytest.approx(0.5)
    # It speaks against the other class: nothing is left.
    assert not bright_network()(clips, 1)[0].any()


NARROW = {"depth": 10, "widen_factor": 0.25}
SMALL = {"r3d": NARROW, "r2p1d": NARROW, "preresnet": NARROW, "densenet": {}}


@pytest.mark.parametrize(
    "architecture",
    [
        pytest.param(name, marks=() if name in SMALL else pytest.mark.slow)
        for name in models.FAMILIES
    ],
)
def test_every_family_is_explained(architecture):
    paddle.seed(0)
    network = models.build(architecture, n_classes=3, **SMALL.get(architecture, {}))
    recogniser = models.Recogniser(network, models.Normalisation())
    clips = np.random.default_rng(0).integers(0, 256, (1, 3, 8, 64, 64), np.uint8)
    grad_cam = GradCam(recogniser)
    maps, scores = grad_cam(clips, 1)
    assert maps.shape[0] == 1 and maps.shape[1] >= 4 and min(maps.shape[2:]) >= 7
    # Of an untrained network, everything may speak against one class, but not against all.
    of_all = np.stack([grad_cam(clips, number)[0] for number in range(3)])
    assert np.isfinite(of_all).all() and of_all.min() >= 0 < of_all.max()
    wanted = paddle.nn.functional.softmax(recogniser(paddle.to_tensor(clips)), axis=-1)[:, 1]
    np.testing.assert_allclose(scores, wanted.numpy(), atol=1e-5)


def test_the_course_goes_from_map_to_map_and_from_window_to_window():
    maps = np.array([[[[0.0]], [[2.0]]], [[[4.0]], [[4.0]]]], np.float32)
    course = Course([0, 8], maps, span=8)
    values = [float(course.at(frame)[0, 0]) for frame in range(12)]
    assert values[:2] == [0.0, 0.0] and values[6:8] == [0.5, 0.5]
    assert np.diff(values[1:7]).min() > 0
    assert values[8:] == [1.0] * 4


def test_the_map_is_drawn_on_the_area_that_is_seen():
    picture = np.full((40, 80, 3), 100, np.uint8)
    values = np.zeros((4, 4), np.float32)
    values[0, 3] = 1
    draw_map(picture, values, (20, 0, 40, 40))
    changed = (picture != 100).any(axis=2)
    assert changed[:8, 52:60].all() and not changed[20:, :].any() and not changed[:, :36].any()


def test_the_bar_shows_the_course_and_the_place():
    picture = np.zeros((100, 200, 3), np.uint8)
    draw_bar(picture, np.array([0.0, 1.0, 0.0, 0.0]), frame=3)
    assert not picture[:90].any()
    assert picture[90:, 50:100].any(axis=2).all() and not picture[90:, :50].any()
    assert (picture[95] == 255).all(axis=1).nonzero()[0].tolist() == [175]


def test_predict_writes_the_explained_video(tmp_path):
    run, video = write_run(tmp_path / "run"), write_video(tmp_path / "a.mp4", frames=20)
    config = PredictConfig(str(run), [str(video)], explain=str(tmp_path / "out.mp4"), device="cpu")
    report = predict(config)
    assert report.files == [str(tmp_path / "out.mp4")]
    before, after = (
        [frame.to_ndarray(format="rgb24").astype(int) for frame in decode_all(path)]
        for path in (video, tmp_path / "out.mp4")
    )
    assert len(after) == 20
    assert max(np.abs(a - b)[12:40].mean() for a, b in zip(after, before, strict=True)) > 5


def test_an_exported_folder_cannot_be_explained(tmp_path):
    run, video = write_run(tmp_path / "run"), write_video(tmp_path / "a.mp4", frames=8)
    open_engine(run, device="cpu")
    with pytest.raises(UserError, match="an exported model has no gradients"):
        predict(PredictConfig(str(run / "export" / "best"), [str(video)], explain="out.mp4"))
