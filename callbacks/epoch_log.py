"""One record of metrics.jsonl per epoch."""

import time

import paddle


class EpochLog(paddle.callbacks.Callback):
    """Puts together the record of an epoch, keeps it and hands it to the others.

    Stands first in the list of callbacks: it adds the learning rate and the speed to the `logs`
    of every batch, and the record to those of `on_eval_end`, where the others find them.

    Args:
        keep: Called with the record, name -> number; None keeps none.
        data_wait: Returns the seconds spent so far waiting for batches.

    Example:
        model.fit(loader, val_loader, callbacks=[EpochLog(records.append, loader_wait), ...])
    """

    def __init__(self, keep, data_wait):
        super().__init__()
        self.keep = keep
        self.data_wait = data_wait
        self._spent = {"clips": 0, "seconds": 0.0, "waited": 0.0}
        self._train = {}
        self._lr = self._gradient_norm = None
        self._last_time = self._last_wait = None

    def on_epoch_begin(self, epoch, logs=None):
        self._last_time, self._last_wait = time.perf_counter(), self.data_wait()

    def on_train_batch_end(self, step, logs=None):
        now, waited = time.perf_counter(), self.data_wait()
        self._spent["clips"] += logs["batch_size"]
        self._spent["seconds"] += now - self._last_time
        self._spent["waited"] += waited - self._last_wait
        self._last_time, self._last_wait = now, waited
        # The rate of the update just made: the schedule, behind this callback, sets the next one.
        self._lr = self.model.learning_rate
        self._gradient_norm = self.model.gradient_norm
        logs.update(self._speed(), lr=self._lr)

    def on_epoch_end(self, epoch, logs=None):
        # Empty when a resume found all batches of the epoch trained and only validation missing:
        # then the values restored with the checkpoint stand.
        if "train_loss" in logs:
            self._train = {name: logs[name] for name in ("train_loss", "train_top1")}

    def on_eval_end(self, logs=None):
        record = {
            "epoch": self.model.position.epoch,
            "step": self.model.position.step,
            "lr": self._lr,
            "gradient_norm": self._gradient_norm,
            **self._train,
            **{name: value for name, value in logs.items() if name.startswith("val_")},
            **self._speed(),
        }
        logs.update(record)
        if self.keep:
            self.keep(record)
        self._spent = dict.fromkeys(self._spent, 0)

    def state_dict(self):
        return {
            "spent": self._spent,
            "train": self._train,
            "lr": self._lr,
            "gradient_norm": self._gradient_norm,
        }

    def set_state_dict(self, state):
        self._spent, self._train = dict(state["spent"]), dict(state["train"])
        # Earlier versions kept no norm.
        self._lr, self._gradient_norm = state["lr"], state.get("gradient_norm")

    def _speed(self):
        seconds = max(self._spent["seconds"], 1e-9)
        return {
            "clips_per_second": self._spent["clips"] / seconds,
            "data_wait": min(1.0, self._spent["waited"] / seconds),
        }
