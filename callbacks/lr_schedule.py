"""The learning rate: a warm-up and a schedule, one step per optimizer update."""

import math

import paddle
from paddle.optimizer import lr


def multistep(epoch, milestones, gamma):
    """Factor of the learning rate after `epoch` epochs, fractions included."""
    return gamma ** sum(epoch >= milestone for milestone in milestones)


def cosine(epoch, first_epoch, last_epoch):
    """Half a cosine from 1 at `first_epoch` to 0 at `last_epoch`."""
    if last_epoch <= first_epoch:
        return 1.0
    progress = min(1.0, max(0.0, (epoch - first_epoch) / (last_epoch - first_epoch)))
    return (1 + math.cos(math.pi * progress)) / 2


class LRSchedule(paddle.callbacks.LRScheduler):
    """Steps the learning rate after every optimizer update, not after every batch.

    The rate is a function of the number of updates (and, for "plateau", of the validation losses
    so far), so a resumed run continues with exactly the rate it would have had. Being an
    `LRScheduler`, this callback keeps hapi from adding one of its own that would step twice.

    Args:
        schedule: "multistep", "cosine", "plateau" or "constant".
        base_lr: Learning rate after warm-up.
        updates_per_epoch: Number of optimizer updates in an epoch.
        epochs: Number of epochs of the whole run.
        warmup_epochs: Epochs, fractions allowed, in which the rate rises linearly to `base_lr`.
        milestones: Epochs after which "multistep" multiplies the rate by `gamma`.
        gamma: Factor of a step of "multistep" and "plateau".
        patience: Epochs without a lower validation loss that "plateau" bears.

    Example:
        schedule = LRSchedule("cosine", 0.1, updates_per_epoch=100, epochs=50, warmup_epochs=1)
        optimizer = paddle.optimizer.Momentum(schedule.scheduler, parameters=...)
        model.fit(..., callbacks=[schedule])
    """

    def __init__(
        self,
        schedule,
        base_lr,
        updates_per_epoch,
        epochs,
        warmup_epochs=0.0,
        milestones=(),
        gamma=0.1,
        patience=10,
    ):
        super().__init__()
        if schedule not in ("multistep", "cosine", "plateau", "constant"):
            raise ValueError(f"unknown schedule {schedule!r}")
        self.schedule = schedule
        self.updates_per_epoch = updates_per_epoch
        self.epochs = epochs
        self.warmup_epochs = warmup_epochs
        self.milestones = milestones
        self.gamma = gamma
        self.plateau = lr.ReduceOnPlateau(1.0, factor=gamma, patience=patience)
        self.scheduler = lr.LambdaDecay(base_lr, self.factor)

    def factor(self, update):
        """What the base learning rate is multiplied by for an update, counted from 0."""
        warmup_updates = round(self.warmup_epochs * self.updates_per_epoch)
        # From one step above zero: an update with a rate of zero would be wasted.
        warmup = min(1.0, (update + 1) / max(1, warmup_updates))
        epoch = update / self.updates_per_epoch
        if self.schedule == "multistep":
            return warmup * multistep(epoch, self.milestones, self.gamma)
        if self.schedule == "cosine":
            return warmup * cosine(epoch, self.warmup_epochs, self.epochs)
        if self.schedule == "plateau":
            return warmup * self.plateau.last_lr
        return warmup

    def on_train_batch_end(self, step, logs=None):
        # `step()` alone would count batches, of which several may make one update.
        self.scheduler.step(self.model.position.step)

    def on_eval_end(self, logs=None):
        if self.schedule == "plateau":
            self.plateau.step(logs["val_loss"])
            self.scheduler.step(self.model.position.step)

    def state_dict(self):
        return {"update": self.scheduler.last_epoch, "plateau": self.plateau.state_dict()}

    def set_state_dict(self, state):
        self.plateau.set_state_dict(state["plateau"])
        self.scheduler.step(state["update"])
