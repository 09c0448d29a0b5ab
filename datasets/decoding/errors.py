"""The one exception that reading a video may end in."""

from contextlib import contextmanager

import av

# What PyAV was seen to raise on broken files, apart from FFmpeg's own errors: IndexError and
# AttributeError for streams that are missing or have no decoder, ValueError for bytes that are no
# text, MemoryError for absurd sizes.
PYAV_ERRORS = (
    av.FFmpegError,
    OSError,
    EOFError,
    ValueError,
    IndexError,
    AttributeError,
    MemoryError,
    NotImplementedError,
)


class VideoError(Exception):
    """A video that cannot be read; it survives pickling, which PyAV's own errors do not.

    Args:
        path: The file.
        reason: What is wrong with it, in a few words.
    """

    def __init__(self, path, reason):
        super().__init__(str(path), reason)
        self.path = str(path)
        self.reason = reason

    def __str__(self):
        return f"{self.path}: {self.reason}"


@contextmanager
def video_errors(path):
    """Turn whatever PyAV raises inside the block into a ``VideoError`` about ``path``."""
    try:
        yield
    except PYAV_ERRORS as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise VideoError(path, reason) from error
