import pytest

from callbacks.epoch_log import EpochLog
from tests.callbacks.stand_in import StandIn, finish_epoch


def test_a_record_joins_training_and_validation():
    records = []
    callback = EpochLog(records.append, data_wait=lambda: 0.0)
    callback.set_model(StandIn())
    callback.on_epoch_begin(0)
    batch = {"batch_size": 8}
    callback.on_train_batch_end(0, batch)
    assert batch["clips_per_second"] > 0 and batch["data_wait"] == 0
    callback.on_epoch_end(0, {"train_loss": 1.0, "train_top1": 0.5})
    logs = {"val_loss": 2.0, "val_video_top1": 0.25}
    finish_epoch(callback, **logs)
    (record,) = records
    assert record["epoch"] == 1 and record["lr"] == 0.1
    assert (record["train_loss"], record["val_video_top1"]) == (1.0, 0.25)


def test_the_callbacks_behind_it_find_the_record_in_the_logs():
    records = []
    callback = EpochLog(records.append, data_wait=lambda: 0.0)
    callback.set_model(StandIn())
    logs = {"val_loss": 2.0}
    callback.on_eval_end(logs)
    assert records == [logs]
    assert {"epoch", "step", "lr", "clips_per_second"} <= logs.keys()


def test_the_share_of_waiting(monkeypatch):
    records = []
    clock = iter([0.0, 10.0])
    waited = iter([1.0, 4.0])
    monkeypatch.setattr("callbacks.epoch_log.time.perf_counter", lambda: next(clock))
    callback = EpochLog(records.append, data_wait=lambda: next(waited))
    callback.set_model(StandIn())
    callback.on_epoch_begin(0)
    logs = {"batch_size": 20}
    callback.on_train_batch_end(0, logs)
    assert logs["clips_per_second"] == pytest.approx(2.0)
    assert logs["data_wait"] == pytest.approx(0.3)


def test_the_rate_is_that_of_the_last_update_not_of_the_next():
    records = []
    callback = EpochLog(records.append, data_wait=lambda: 0.0)
    callback.set_model(StandIn())
    callback.on_epoch_begin(0)
    callback.on_train_batch_end(0, {"batch_size": 8})
    callback.model.learning_rate = 0.01
    finish_epoch(callback, val_loss=2.0)
    assert records[0]["lr"] == 0.1


def test_training_values_survive_a_resume_before_validation():
    records = []
    callback = EpochLog(records.append, data_wait=lambda: 0.0)
    callback.on_epoch_end(0, {"train_loss": 1.25, "train_top1": 0.5})
    resumed = EpochLog(records.append, data_wait=lambda: 0.0)
    resumed.set_state_dict(callback.state_dict())
    resumed.set_model(StandIn())
    resumed.on_epoch_end(0, {})
    finish_epoch(resumed, val_loss=1.0)
    assert records[0]["train_loss"] == 1.25
