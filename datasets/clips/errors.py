"""What may go wrong with the program while clips are made, and how it gets through a loader."""

import ctypes
import signal
import sys
import threading


class ClipError(Exception):
    """A mistake of the program while a clip was made; the message is the worker's traceback."""


class WorkerLostError(ClipError):
    """A worker process that somebody ended; the message is one line for the user.

    Args:
        exit_code: How it ended: the negative number of a signal, or an exit code.
    """

    def __init__(self, exit_code):
        super().__init__(
            f"a worker process that decodes videos {_ended(exit_code)}; what was finished before "
            "is kept: go on with --resume, with fewer workers or smaller batches if memory was "
            "short"
        )


def _ended(exit_code):
    if exit_code == -signal.SIGKILL:
        return "was killed (SIGKILL), most likely by the system because memory ran out"
    if exit_code < 0:
        return f"was ended by signal {-exit_code} ({signal.Signals(-exit_code).name})"
    return f"ended by itself with exit code {exit_code}"


def through_loader(error):
    """What to raise so that an error of a dataset arrives, also through a loader of Paddle's.

    Without workers Paddle reads a dataset in a thread, loses what is raised there, and leaves the
    main thread waiting for ever. So the error is raised in the main thread, and the end of the
    data here, which wakes that up. With workers Paddle makes a new error of the text alone.

    Args:
        error: An exception.

    Returns:
        The exception to raise.
    """
    if not _is_below_loader():
        return error
    if threading.current_thread() is threading.main_thread():
        # A worker process.
        return RuntimeError(str(error))
    # Only a class can be raised in another thread.
    text = str(error)
    kind = type(type(error).__name__, (type(error),), {"__init__": lambda self: None})
    kind.__str__ = lambda self: text
    main_thread = ctypes.c_ulong(threading.main_thread().ident)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(main_thread, ctypes.py_object(kind))
    return StopIteration()


def _is_below_loader():
    """Whether a loader of Paddle's has called, in its thread or in a worker process."""
    frame = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith("paddle.io.dataloader"):
            return True
        frame = frame.f_back
    return False
