import subprocess
import sys
import warnings

import numpy as np
import pytest
from visualdl import LogReader
from visualdl.server.lib import get_hparam_list, get_logs, get_runs, get_scalar

from callbacks.visualdl_log import LOG_NAME, VisualDLLog
from tests.callbacks.stand_in import StandIn, finish_epoch

PICTURE = np.zeros((8, 8, 3), np.uint8)
EPOCH = {
    "epoch": 1,
    "lr": 0.1,
    "train_loss": 1.0,
    "train_top1": 0.5,
    "val_loss": 2.0,
    **dict.fromkeys(("val_video_top1", "val_clip_top1", "val_video_top5", "val_clip_top5"), 0.5),
}


class Positive(float):
    """What a command line may make of a number."""


HYPER_PARAMETERS = {
    "lr": Positive(0.1),
    "epochs": 3,
    "nesterov": True,
    "workers": None,
    "scale": (0.25, 1.0),
}
BATCH = {"loss": [1.0], "lr": 0.1, "clips_per_second": 10.0, "data_wait": 0.1}


def dashboard(folder, last_epoch=9):
    callback = VisualDLLog(
        folder,
        {"optim": {"lr": 0.1, "momentum": 0.9}},
        HYPER_PARAMETERS,
        draw_clips=lambda: PICTURE,
        draw_confusion=lambda evaluation: PICTURE,
        monitor="val_video_top1",
        last_epoch=last_epoch,
    )
    callback.set_model(StandIn())
    return callback


def train(callback, steps):
    for _ in range(steps):
        callback.model.position.step += 1
        callback.on_train_batch_end(0, BATCH)


def steps(folder, kind, tag):
    (log,) = folder.glob("vdlrecords*.log")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [record.id for record in LogReader(file_path=str(log)).get_data(kind, tag)]


def test_everything_is_logged(tmp_path):
    with dashboard(tmp_path) as callback:
        callback.on_train_begin()
        train(callback, 3)
        finish_epoch(callback, **EPOCH)
    (log,) = tmp_path.glob("vdlrecords*.log")
    tags = LogReader(file_path=str(log)).get_tags()
    assert set(tags["scalar"]) >= {
        "train/loss",
        "train/learning_rate",
        "train/gradient_norm",
        "speed/clips_per_second",
        "speed/data_wait",
    }
    assert set(tags["image"]) == {"pictures/training_clips", "pictures/confusion"}
    assert "configuration/optim" in tags["text"]
    assert tags["hyper_parameters"]


def test_numbers_of_any_type_reach_the_table_of_runs_as_numbers(tmp_path):
    with dashboard(tmp_path) as callback:
        callback.on_train_begin()
    (log,) = tmp_path.glob("vdlrecords*.log")
    (record,) = LogReader(file_path=str(log)).get_data("hyper_parameters", "hparam")
    infos = {info.name: info for info in record.hparam.hparamInfos}
    assert infos["lr"].float_value == np.float32(0.1) and infos["epochs"].int_value == 3
    assert infos["nesterov"].string_value == "True" and infos["workers"].string_value == "None"


def test_runs_of_the_same_folder_name_stay_apart_and_a_renamed_run_has_its_new_name(tmp_path):
    """The dashboard asks a reader over the folder of all runs, as here."""
    for folder in ("a/run", "b/run"):
        with dashboard(tmp_path / folder) as callback:
            callback.on_train_begin()
            train(callback, 1)
    (tmp_path / "b/run").rename(tmp_path / "b/other")
    reader = LogReader(logdir=str(tmp_path))
    runs = [f"{tmp_path}/a/run", f"{tmp_path}/b/other"]
    assert sorted(get_runs(reader)) == sorted([*runs, *(f"{run}/val" for run in runs)])
    logs = get_logs(reader, "scalar")
    assert sorted(run for run in logs["runs"] if str(tmp_path) in run) == runs


def test_a_long_run_logs_few_pictures(tmp_path):
    with dashboard(tmp_path, last_epoch=100) as callback:
        callback.on_train_begin()
        for epoch in range(1, 101):
            finish_epoch(callback, **{**EPOCH, "epoch": epoch})
    for name in ("confusion", "training_clips"):
        assert steps(tmp_path, "image", f"pictures/{name}") == [1, 2, 4, 8, 16, 32, 64, 100]
    assert steps(tmp_path, "scalar", "epoch/loss") == list(range(1, 101))


def test_training_and_validation_stand_in_one_chart(tmp_path):
    with dashboard(tmp_path) as callback:
        callback.on_train_begin()
        finish_epoch(callback, **EPOCH)
    reader = LogReader(logdir=str(tmp_path))
    logs = get_logs(reader, "scalar")
    tags = dict(zip(logs["runs"], logs["tags"], strict=True))
    # In the order of the page: what is looked at most comes first.
    assert tags[str(tmp_path)][:3] == ["epoch/loss", "epoch/video_top1", "epoch/learning_rate"]
    assert tags[f"{tmp_path}/val"] == ["epoch/loss", "epoch/clip_top1"]
    (training,) = get_scalar(reader, str(tmp_path), "epoch/loss")
    (validation,) = get_scalar(reader, f"{tmp_path}/val", "epoch/loss")
    assert (training[1:], validation[1:]) == ([1, 1.0], [1, 2.0])


@pytest.mark.parametrize("n_classes", [5, 6])
def test_five_classes_are_always_among_the_five_best(tmp_path, n_classes):
    with dashboard(tmp_path) as callback:
        callback.model.n_classes = n_classes
        callback.on_train_begin()
        finish_epoch(callback, **EPOCH)
    tags = LogReader(file_path=str(tmp_path / LOG_NAME)).get_tags()["scalar"]
    assert ("epoch/video_top5" in tags) == (n_classes == 6)


def test_the_table_of_runs_has_the_best_accuracy_after_a_resume_too(tmp_path):
    with dashboard(tmp_path) as callback:
        callback.on_train_begin()
        finish_epoch(callback, **{**EPOCH, "val_video_top1": 0.75})
        state = callback.state_dict()
    with dashboard(tmp_path) as resumed:
        resumed.set_state_dict(state)
        resumed.on_train_begin()
        finish_epoch(resumed, **{**EPOCH, "epoch": 2, "val_video_top1": 0.5})
    # VisualDL's readers of one process share what they have read.
    rows = {row["name"]: row for row in get_hparam_list(LogReader(logdir=str(tmp_path)))}
    assert rows[str(tmp_path)]["metrics"] == {"epoch/best_video_top1": 0.75}
    assert steps(tmp_path / "val", "scalar", "epoch/loss") == [1, 2]


def test_the_log_of_a_long_run_stays_small(tmp_path):
    with dashboard(tmp_path, last_epoch=100) as callback:
        callback.model.batches_per_epoch = 50
        callback.on_train_begin()
        train(callback, 5000)
    assert steps(tmp_path, "scalar", "train/loss") == list(range(5, 5001, 5))


def test_a_full_disk_is_an_error_and_does_not_hang(tmp_path):
    """`LogWriter` of VisualDL waits for ever for its thread, which has ended."""
    program = (
        "import resource, sys\n"
        "from callbacks.visualdl_file import VisualDLFile\n"
        "log = VisualDLFile(sys.argv[1], 0)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n"
        "    for step in range(5000):\n"
        "        log.add_scalar('loss', 1.0, step)\n"
        "except OSError as error:\n"
        "    print(error.strerror)\n"
    )
    path = tmp_path / "vdlrecords.run.log"
    words = [sys.executable, "-c", program, str(path)]
    process = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert "File too large" in process.stdout


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
    assert steps(tmp_path, "scalar", "train/loss") == list(range(1, 10))


def test_an_exception_loses_nothing(tmp_path):
    try:
        with dashboard(tmp_path) as callback:
            callback.on_train_begin()
            train(callback, 2)
            raise RuntimeError
    except RuntimeError:
        pass
    assert steps(tmp_path, "scalar", "train/loss") == [1, 2]


def test_a_run_that_begins_anew_leaves_no_old_curve(tmp_path):
    for number in (5, 2):
        with dashboard(tmp_path) as callback:
            callback.on_train_begin()
            train(callback, number)
    assert steps(tmp_path, "scalar", "train/loss") == [1, 2]
