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


class video_errors:  # noqa: N801 - reads as what stands behind `with`
    """Turn whatever PyAV raises inside the block into a `VideoError` about a video.

    Only calls into PyAV belong into the block: a mistake of this program raises the same kinds of
    errors and must not pass for a broken video. One may be entered again and again; around single
    packets and frames a generator would cost too much.

    Args:
        path: The file.
    """

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        if kind is not None and issubclass(kind, PYAV_ERRORS):
            reason = getattr(error, "strerror", None) or str(error) or kind.__name__
            raise VideoError(self.path, reason) from error


@contextmanager
def file_errors(path):
    """Turn what the file system refuses inside the block into a `VideoError` about a file."""
    try:
        yield
    except OSError as error:
        raise VideoError(path, error.strerror or str(error)) from error
    except ValueError as error:
        # A name with a zero byte.
        raise VideoError(path, str(error)) from error
