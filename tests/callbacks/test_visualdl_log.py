import subprocess
import sys
import warnings

import numpy as np
from visualdl import LogReader
from visualdl.server.lib import get_logs, get_runs

from callbacks.visualdl_log import VisualDLLog
from tests.callbacks.stand_in import StandIn, finish_epoch

PICTURE = np.zeros((8, 8, 3), np.uint8)
EPOCH = {"epoch": 1, "train_loss": 1.0, "train_top1": 0.5, "val_loss": 2.0, "val_video_top1": 0.5}


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
        "epoch/train_loss",
        "epoch/val_loss",
        "epoch/val_video_top1",
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
    assert sorted(get_runs(reader)) == [f"{tmp_path}/a/run", f"{tmp_path}/b/other"]
    logs = get_logs(reader, "scalar")
    assert sorted(logs["runs"]) == [f"{tmp_path}/a/run", f"{tmp_path}/b/other"]


def test_a_long_run_logs_few_pictures(tmp_path):
    with dashboard(tmp_path, last_epoch=100) as callback:
        callback.on_train_begin()
        for epoch in range(1, 101):
            finish_epoch(callback, **{**EPOCH, "epoch": epoch})
    for name in ("confusion", "training_clips"):
        assert steps(tmp_path, "image", f"pictures/{name}") == [1, 2, 4, 8, 16, 32, 64, 100]
    assert steps(tmp_path, "scalar", "epoch/val_loss") == list(range(1, 101))


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
