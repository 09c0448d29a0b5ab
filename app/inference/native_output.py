"""Keeps what C++ libraries print away from the user's screen and from piped results."""

import os
import sys
from contextlib import contextmanager


@contextmanager
def native_output_hidden():
    """Send what is written to the process's stdout and stderr inside the block to nowhere.

    For the short calls in which Paddle prints notes of its own from C++, some of them to stdout,
    where they would end up inside a result that is piped on.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [(stream, os.dup(stream)) for stream in (1, 2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for stream, _ in kept:
            os.dup2(nowhere, stream)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for stream, copy in kept:
            os.dup2(copy, stream)
            os.close(copy)
        os.close(nowhere)
