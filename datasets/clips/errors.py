"""What may go wrong with the program, rather than with a video, while clips are made."""

import signal


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
