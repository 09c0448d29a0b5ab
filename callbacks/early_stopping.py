"""Ends a run that no longer improves."""

import paddle


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
        self.best = None
        self.epochs_since_best = 0

    def on_train_begin(self, logs=None):
        self.model.stop_training = self._is_over()

    def on_eval_end(self, logs=None):
        if self.best is None or logs["val_loss"] < self.best:
            self.best = logs["val_loss"]
            self.epochs_since_best = 0
        else:
            self.epochs_since_best += 1
        self.model.stop_training = self._is_over()

    def state_dict(self):
        return {"best": self.best, "epochs_since_best": self.epochs_since_best}

    def set_state_dict(self, state):
        self.best = state["best"]
        self.epochs_since_best = state["epochs_since_best"]

    def _is_over(self):
        return self.patience > 0 and self.epochs_since_best >= self.patience
