from callbacks.checkpoint import Checkpoint
from tests.callbacks.stand_in import StandIn, finish_epoch


class Store:
    """Remembers what was saved."""

    def __init__(self):
        self.saved = []

    def has(self, name):
        return name in self.names

    def save(self, name, is_best):
        self.saved.append((name, is_best))

    @property
    def names(self):
        return [name for name, _ in self.saved]

    @property
    def best(self):
        return [name for name, is_best in self.saved if is_best]


def keeper(**options):
    callback = Checkpoint(Store(), last_epoch=10, **options)
    callback.set_model(StandIn())
    callback.on_train_begin()
    return callback


def train_step(callback):
    callback.model.position.batch += 1
    callback.model.position.step += 1
    callback.on_train_batch_end(0, {})


def test_the_best_by_accuracy_is_the_highest():
    callback = keeper()
    for value in (0.1, 0.9, 0.3):
        finish_epoch(callback, val_video_top1=value)
    assert callback.store.names == ["epoch-0001", "epoch-0002", "epoch-0003"]
    assert callback.store.best == ["epoch-0001", "epoch-0002"]
    assert (callback.best.epoch, callback.best.value) == (2, 0.9)


def test_the_best_by_loss_is_the_lowest():
    callback = keeper(monitor="val_loss")
    for value in (3.0, 1.0, 2.0):
        finish_epoch(callback, val_loss=value)
    assert callback.store.best == ["epoch-0001", "epoch-0002"]


def test_an_equal_value_is_not_better():
    callback = keeper()
    for value in (0.5, 0.5):
        finish_epoch(callback, val_video_top1=value)
    assert callback.store.best == ["epoch-0001"]


def test_every_n_epochs_the_best_and_the_last_one():
    callback = keeper(every_epochs=4)
    for _ in range(10):
        finish_epoch(callback, val_video_top1=0.5)
    assert callback.store.names == ["epoch-0001", "epoch-0004", "epoch-0008", "epoch-0010"]


def test_a_run_that_stops_early_keeps_its_last_epoch():
    callback = keeper(every_epochs=4)
    callback.best.update(2.0, 0)
    callback.model.stop_training = True
    finish_epoch(callback, val_video_top1=0.5)
    assert callback.store.names == ["epoch-0001"]


def test_step_checkpoints_follow_updates_not_batches():
    callback = keeper(every_steps=2)
    for _ in range(4):
        train_step(callback)
        # A further batch of an accumulation, without an update of its own.
        callback.on_train_batch_end(0, {})
    assert callback.store.names == ["step-00000002", "step-00000004"]


def test_saving_now_between_training_and_validation():
    callback = keeper()
    callback.model.position.batch = callback.model.position.step = 4
    callback.save_now()
    assert callback.store.names == ["step-00000004"]


def test_saving_now_right_after_an_epochs_checkpoint_adds_nothing():
    callback = keeper()
    finish_epoch(callback, val_video_top1=0.5)
    callback.save_now()
    assert callback.store.names == ["epoch-0001"]


def test_the_best_value_survives_a_resume():
    callback = keeper()
    finish_epoch(callback, val_video_top1=0.9)
    resumed = keeper()
    resumed.set_state_dict(callback.state_dict())
    resumed.model.position.epoch = 1
    finish_epoch(resumed, val_video_top1=0.5)
    assert resumed.store.best == []
    assert resumed.best.epoch == 1
