"""Ends a run that no longer improves."""

import paddle

from callbacks.best_value import BestValue


class EarlyStopping(paddle.callbacks.Callback):
    """Stops the run after some epochs without a lower mean validation loss.

    hapi's own callback of this name watches the last batch's loss and forgets its count on resume.

    Args:
        patience: Number of epochs without improvement to bear; 0 never stops.

    Example:
        model.fit(..., callbacks=[EarlyStopping(patience=10)])
    """

    def __init__(self, patience):
        super().__init__()
        self.patience = patience
        self.best = BestValue("val_loss")
        self.epochs_since_best = 0

    @property
    def is_over(self):
        """Whether the run has used up its patience; there is nothing left to train then."""
        return self.patience > 0 and self.epochs_since_best >= self.patience

    def on_eval_end(self, logs=None):
        is_best = self.best.update(logs["val_loss"], self.model.position.epoch)
        self.epochs_since_best = 0 if is_best else self.epochs_since_best + 1
        self.model.stop_training = self.is_over

    def state_dict(self):
        return {"best": self.best.value, "epochs_since_best": self.epochs_since_best}

    def set_state_dict(self, state):
        self.best.value = state["best"]
        self.epochs_since_best = state["epochs_since_best"]
