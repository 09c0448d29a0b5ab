"""Names in one process what goes wrong in the others."""

import paddle


class FailureWatch(paddle.callbacks.Callback):
    """Looks after every batch for videos that another process of the run could not read.

    Args:
        update: Called without arguments; names what is new, and may end the run.

    Example:
        model.fit(..., callbacks=[FailureWatch(failures.update)])
    """

    def __init__(self, update):
        super().__init__()
        self.update = update

    def on_train_batch_end(self, step, logs=None):
        self.update()

    def on_eval_batch_end(self, step, logs=None):
        self.update()

    def on_eval_end(self, logs=None):
        self.update()
