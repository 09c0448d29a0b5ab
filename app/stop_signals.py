"""Ctrl-C and SIGTERM as an exception, for work that keeps what it has and ends."""

import signal
import threading
from contextlib import contextmanager
from dataclasses import dataclass


class Stopped(BaseException):
    """An order to stop; like KeyboardInterrupt no Exception, so that nobody takes it for an error.

    Args:
        signal_number: The signal that gave it.

    Attributes:
        signal_number: As given.
    """

    def __init__(self, signal_number):
        super().__init__(signal_number)
        self.signal_number = signal_number


@dataclass(frozen=True)
class Interrupted:
    """The result of work that was asked to stop before its end.

    Args:
        text: What is kept, and how to go on.
        signal_number: The signal that asked.
    """

    text: str
    signal_number: int

    @property
    def exit_code(self):
        """128 and the number of the signal."""
        return 128 + self.signal_number

    def __str__(self):
        return self.text


@contextmanager
def stop_signals():
    """Let Ctrl-C and SIGTERM raise `Stopped` inside the block; only in a process's main thread."""

    def stop(number, frame):
        raise Stopped(number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            # None: the handler was not set from Python and cannot be put back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
