"""When the state of a run is saved."""

import paddle

from callbacks.best_value import BestValue


class Checkpoint(paddle.callbacks.Callback):
    """Saves after validation, and, if asked to, also within an epoch.

    Stands last in the list of callbacks, so that it saves what the others have become.

    Args:
        store: What writes checkpoints: `save(name, is_best)`, and `has(name)`, which tells
            whether there is one.
        last_epoch: Number of epochs of the whole run; the last one is always saved.
        every_epochs: Save after every so many epochs.
        every_steps: Save also after every so many optimizer updates; 0 never.
        monitor: Name of the logged value that makes a checkpoint the best; the lowest of a loss,
            the highest of anything else.

    Example:
        checkpoint = Checkpoint(Checkpoints("run/checkpoints", state.write), last_epoch=200)
        model.fit(..., callbacks=[schedule, checkpoint])
    """

    def __init__(self, store, last_epoch, every_epochs=1, every_steps=0, monitor="val_video_top1"):
        super().__init__()
        self.store = store
        self.last_epoch = last_epoch
        self.every_epochs = every_epochs
        self.every_steps = every_steps
        self.monitor = monitor
        self.best = BestValue(monitor)
        self._saved_step = None

    def on_train_begin(self, logs=None):
        self._saved_step = self.model.position.step

    def on_train_batch_end(self, step, logs=None):
        step = self.model.position.step
        # The batches of an accumulation share a step: one save, right behind the update.
        if self.every_steps and step % self.every_steps == 0 and step != self._saved_step:
            self.save_now()

    def on_eval_end(self, logs=None):
        epoch = self.model.position.epoch
        is_best = self.best.update(logs[self.monitor], epoch)
        due = epoch % self.every_epochs == 0 or epoch == self.last_epoch
        if due or is_best or self.model.stop_training:
            self._save(f"epoch-{epoch:04d}", is_best)

    def save_now(self):
        """Save between two optimizer updates; gradients under way are not part of a checkpoint."""
        position = self.model.position
        if position.batch == 0:
            # The epoch's own checkpoint holds all this, if one was due.
            name = f"epoch-{position.epoch:04d}"
            if position.epoch == 0 or self.store.has(name):
                return
        else:
            name = f"step-{position.step:08d}"
        self._save(name, is_best=False)

    def state_dict(self):
        return {"best_value": self.best.value, "best_epoch": self.best.epoch}

    def set_state_dict(self, state):
        self.best.value, self.best.epoch = state["best_value"], state.get("best_epoch")

    def _save(self, name, is_best):
        self.store.save(name, is_best)
        self._saved_step = self.model.position.step
