"""Ctrl-C and SIGTERM: finish the batch, save, leave."""

import signal
import threading

import paddle


class Interrupted(Exception):  # noqa: N818 - an order to stop, not an error
    """The run was asked to stop and has saved its state.

    Args:
        signal_number: The signal that asked.
    """

    def __init__(self, signal_number):
        super().__init__(signal.Signals(signal_number).name)
        self.signal_number = signal_number


class Interruption(paddle.callbacks.Callback):
    """Turns SIGINT and SIGTERM into an orderly end after the batch under way.

    Used as a context manager around the run, since hapi calls no callback on the way out of an
    exception. A second signal ends the program at once, as it would without this callback.

    Args:
        save: Called without arguments before the run ends.
        agree: Called with whether this process was asked to stop, returns whether any was; where
            several processes train together, all must leave after the same batch. None: alone.

    Example:
        with Interruption(checkpoint.save_now) as interruption:
            model.fit(..., callbacks=[checkpoint, interruption])

    Raises:
        Interrupted: From `fit`, after saving.
    """

    def __init__(self, save, agree=None):
        super().__init__()
        self.save = save
        self.agree = agree
        self._received = None
        self._previous = {}

    def __enter__(self):
        # Only the main thread may set handlers; a notebook's worker thread goes without.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._remember)
        return self

    def __exit__(self, *_):
        self._restore()

    def on_train_batch_end(self, step, logs=None):
        self._leave_if_asked()

    def on_eval_batch_end(self, step, logs=None):
        # Processes may have different numbers of validation batches: alone only.
        if self.agree is None:
            self._leave_if_asked()

    def on_eval_end(self, logs=None):
        self._leave_if_asked()

    def _remember(self, number, frame):
        self._received = number
        self._restore()

    def _restore(self):
        for number, handler in self._previous.items():
            # None: the handler was not set from Python and cannot be put back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._previous = {}

    def _leave_if_asked(self):
        # Within an accumulation the gradients under way would be lost: a few batches more.
        if self.model.accumulating:
            return
        asked = self._received is not None
        if self.agree(asked) if self.agree else asked:
            self.save()
            raise Interrupted(self._received or signal.SIGTERM)
