import warnings

import numpy as np
from visualdl import LogReader

from callbacks.visualdl_log import VisualDLLog
from tests.callbacks.stand_in import finish_epoch, stand_in_model

PICTURE = np.zeros((8, 8, 3), np.uint8)
EPOCH = {"epoch": 1, "train_loss": 1.0, "train_top1": 0.5, "val_loss": 2.0, "val_video_top1": 0.5}
BATCH = {"loss": [1.0], "lr": 0.1, "clips_per_second": 10.0, "data_wait": 0.1}


def dashboard(folder):
    callback = VisualDLLog(
        folder,
        {"optim": {"lr": 0.1, "momentum": 0.9}},
        {"lr": 0.1, "nesterov": True, "workers": None, "scale": (0.25, 1.0)},
        draw_clips=lambda: PICTURE,
        draw_confusion=lambda matrix: PICTURE,
    )
    evaluation = type("Evaluation", (), {"confusion": lambda self: np.eye(2)})()
    callback.set_model(stand_in_model(evaluation=evaluation))
    return callback


def train(callback, steps):
    for _ in range(steps):
        callback.model.position.step += 1
        callback.on_train_batch_end(0, BATCH)


def scalars(folder, tag):
    (log,) = folder.glob("vdlrecords*.log")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [record.id for record in LogReader(file_path=str(log)).get_data("scalar", tag)]


def test_everything_is_logged(tmp_path):
    with dashboard(tmp_path) as callback:
        callback.on_train_begin()
        train(callback, 3)
        callback.on_epoch_end(0)
        finish_epoch(callback, **EPOCH)
    (log,) = tmp_path.glob("vdlrecords*.log")
    tags = LogReader(file_path=str(log)).get_tags()
    assert set(tags["scalar"]) >= {
        "train/loss",
        "train/learning_rate",
        "train/gradient_norm",
        "speed/clips_per_second",
        "speed/data_wait",
        "epoch/train_loss",
        "epoch/val_loss",
        "epoch/val_video_top1",
    }
    assert set(tags["image"]) == {"pictures/training_clips", "pictures/confusion"}
    assert "configuration/optim" in tags["text"]
    assert tags["hyper_parameters"]


def test_a_resumed_run_goes_on_in_one_curve(tmp_path):
    with dashboard(tmp_path) as callback:
        callback.on_train_begin()
        train(callback, 4)
        state = callback.state_dict()
        # These came after the checkpoint, and are trained and logged again.
        train(callback, 3)
    with dashboard(tmp_path) as resumed:
        resumed.set_state_dict(state)
        resumed.model.position.step = 4
        resumed.on_train_begin()
        train(resumed, 5)
    assert scalars(tmp_path, "train/loss") == list(range(1, 10))


def test_an_exception_loses_nothing(tmp_path):
    try:
        with dashboard(tmp_path) as callback:
            callback.on_train_begin()
            train(callback, 2)
            raise RuntimeError
    except RuntimeError:
        pass
    assert scalars(tmp_path, "train/loss") == [1, 2]


def test_a_run_that_begins_anew_leaves_no_old_curve(tmp_path):
    for steps in (5, 2):
        with dashboard(tmp_path) as callback:
            callback.on_train_begin()
            train(callback, steps)
    assert scalars(tmp_path, "train/loss") == [1, 2]
