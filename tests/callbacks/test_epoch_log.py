import json

import pytest

from callbacks.epoch_log import EpochLog, drop_epochs_after
from tests.callbacks.stand_in import finish_epoch, stand_in_model


def test_a_record_joins_training_and_validation(tmp_path):
    callback = EpochLog(tmp_path / "metrics.jsonl", data_wait=lambda: 0.0)
    callback.set_model(stand_in_model())
    callback.on_epoch_begin(0)
    batch = {"batch_size": 8}
    callback.on_train_batch_end(0, batch)
    assert batch["clips_per_second"] > 0 and batch["data_wait"] == 0
    callback.on_epoch_end(0, {"train_loss": 1.0, "train_top1": 0.5})
    logs = {"val_loss": 2.0, "val_video_top1": 0.25}
    finish_epoch(callback, **logs)
    (record,) = (json.loads(line) for line in (tmp_path / "metrics.jsonl").open())
    assert record["epoch"] == 1 and record["lr"] == 0.1
    assert (record["train_loss"], record["val_video_top1"]) == (1.0, 0.25)


def test_the_callbacks_behind_it_find_the_record_in_the_logs(tmp_path):
    callback = EpochLog(tmp_path / "metrics.jsonl", data_wait=lambda: 0.0)
    callback.set_model(stand_in_model())
    logs = {"val_loss": 2.0}
    callback.on_eval_end(logs)
    assert {"epoch", "step", "lr", "clips_per_second"} <= logs.keys()


def test_the_share_of_waiting(tmp_path, monkeypatch):
    clock = iter([0.0, 10.0])
    waited = iter([1.0, 4.0])
    monkeypatch.setattr("callbacks.epoch_log.time.perf_counter", lambda: next(clock))
    callback = EpochLog(tmp_path / "metrics.jsonl", data_wait=lambda: next(waited))
    callback.set_model(stand_in_model())
    callback.on_epoch_begin(0)
    logs = {"batch_size": 20}
    callback.on_train_batch_end(0, logs)
    assert logs["clips_per_second"] == pytest.approx(2.0)
    assert logs["data_wait"] == pytest.approx(0.3)


def test_the_rate_is_that_of_the_last_update_not_of_the_next(tmp_path):
    callback = EpochLog(tmp_path / "metrics.jsonl", data_wait=lambda: 0.0)
    callback.set_model(stand_in_model())
    callback.on_epoch_begin(0)
    callback.on_train_batch_end(0, {"batch_size": 8})
    callback.model.learning_rate = 0.01
    finish_epoch(callback, val_loss=2.0)
    assert json.loads((tmp_path / "metrics.jsonl").read_text())["lr"] == 0.1


def test_training_values_survive_a_resume_before_validation(tmp_path):
    callback = EpochLog(tmp_path / "metrics.jsonl", data_wait=lambda: 0.0)
    callback.on_epoch_end(0, {"train_loss": 1.25, "train_top1": 0.5})
    resumed = EpochLog(tmp_path / "metrics.jsonl", data_wait=lambda: 0.0)
    resumed.set_state_dict(callback.state_dict())
    resumed.set_model(stand_in_model())
    resumed.on_epoch_end(0, {})
    finish_epoch(resumed, val_loss=1.0)
    assert json.loads((tmp_path / "metrics.jsonl").read_text())["train_loss"] == 1.25


def test_later_epochs_and_half_lines_are_dropped(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"epoch": 1}\n{"epoch": 2}\n{"epoch": 3}\n{"epo')
    drop_epochs_after(path, 2)
    assert path.read_text() == '{"epoch": 1}\n{"epoch": 2}\n'


def test_a_run_without_records_has_none_to_drop(tmp_path):
    drop_epochs_after(tmp_path / "metrics.jsonl", 0)
    assert not (tmp_path / "metrics.jsonl").exists()
