import pytest

from callbacks.checkpoint import Checkpoint, CheckpointError, check, newest_first, read_pointer
from tests.callbacks.stand_in import finish_epoch, stand_in_model


def keeper(folder, write=lambda path: (path / "weights").write_bytes(b"w" * 100), **options):
    callback = Checkpoint(folder, write, last_epoch=10, **options)
    callback.set_model(stand_in_model())
    callback.on_train_begin()
    return callback


def train_step(callback):
    callback.model.position.batch += 1
    callback.model.position.step += 1
    callback.on_train_batch_end(0, {})


def test_the_newest_and_the_best_are_kept(tmp_path):
    callback = keeper(tmp_path, keep=2)
    for value in (0.1, 0.9, 0.3, 0.4, 0.5):
        finish_epoch(callback, val_video_top1=value)
    assert newest_first(tmp_path) == ["epoch-0005", "epoch-0004", "epoch-0002"]
    assert read_pointer(tmp_path / "last") == "epoch-0005"
    assert read_pointer(tmp_path / "best") == "epoch-0002"


def test_the_best_by_loss_is_the_lowest(tmp_path):
    callback = keeper(tmp_path, monitor="val_loss")
    for value in (3.0, 1.0, 2.0):
        finish_epoch(callback, val_loss=value)
    assert read_pointer(tmp_path / "best") == "epoch-0002"


def test_every_n_epochs_and_the_last_one(tmp_path):
    callback = keeper(tmp_path, every_epochs=4, keep=99)
    callback.best_value = 2.0
    for _ in range(10):
        finish_epoch(callback, val_video_top1=0.5)
    assert newest_first(tmp_path) == ["epoch-0010", "epoch-0008", "epoch-0004"]


def test_a_run_that_stops_early_keeps_its_last_epoch(tmp_path):
    callback = keeper(tmp_path, every_epochs=4)
    callback.best_value = 2.0
    callback.model.stop_training = True
    finish_epoch(callback, val_video_top1=0.5)
    assert newest_first(tmp_path) == ["epoch-0001"]


def test_step_checkpoints_follow_updates_not_batches(tmp_path):
    callback = keeper(tmp_path, every_steps=2, keep=99)
    for _ in range(4):
        train_step(callback)
        # A further batch of an accumulation, without an update of its own.
        callback.on_train_batch_end(0, {})
    assert newest_first(tmp_path) == ["step-00000004", "step-00000002"]


def test_an_epoch_is_newer_than_its_last_step(tmp_path):
    callback = keeper(tmp_path, every_steps=1, keep=99)
    train_step(callback)
    finish_epoch(callback, val_video_top1=0.5)
    train_step(callback)
    assert newest_first(tmp_path) == ["step-00000002", "epoch-0001", "step-00000001"]


def test_a_write_that_fails_leaves_no_checkpoint(tmp_path):
    def fail(path):
        (path / "weights").write_bytes(b"half")
        raise OSError("disk full")

    callback = keeper(tmp_path, fail)
    with pytest.raises(OSError, match="disk full"):
        finish_epoch(callback, val_video_top1=0.5)
    assert newest_first(tmp_path) == []
    assert read_pointer(tmp_path / "last") is None


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(b"w" * 99), "99 bytes instead of 100"),
        (lambda path: path.write_bytes(b"w" * 99 + b"x"), "content has changed"),
        (lambda path: path.unlink(), "not a complete checkpoint"),
    ],
)
def test_damage_is_found(tmp_path, damage, message):
    finish_epoch(keeper(tmp_path), val_video_top1=0.5)
    check(tmp_path / "epoch-0001")
    damage(tmp_path / "epoch-0001/weights")
    with pytest.raises(CheckpointError, match=message):
        check(tmp_path / "epoch-0001")


def test_saving_now_between_training_and_validation(tmp_path):
    callback = keeper(tmp_path)
    callback.model.position.batch = callback.model.position.step = 4
    callback.save_now()
    assert newest_first(tmp_path) == ["step-00000004"]


def test_saving_now_right_after_an_epochs_checkpoint_adds_nothing(tmp_path):
    callback = keeper(tmp_path)
    finish_epoch(callback, val_video_top1=0.5)
    before = (tmp_path / "epoch-0001/manifest.json").stat().st_mtime_ns
    callback.save_now()
    assert (tmp_path / "epoch-0001/manifest.json").stat().st_mtime_ns == before


def test_the_best_value_survives_a_resume(tmp_path):
    callback = keeper(tmp_path)
    finish_epoch(callback, val_video_top1=0.9)
    resumed = keeper(tmp_path)
    resumed.set_state_dict(callback.state_dict())
    resumed.model.position.epoch = 1
    finish_epoch(resumed, val_video_top1=0.5)
    assert read_pointer(tmp_path / "best") == "epoch-0001"
