"""Keeps frame indices on disk, so that no epoch but the first reads a file to its end in vain."""

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

import numpy as np

from datasets.frame_index import FrameIndex
from datasets.video_error import video_errors

# Part of every key: a new meaning of the arrays makes the old ones unseen.
VERSION = 1


class FrameIndexCache:
    """Frame indices by path, size and modification time of their videos.

    Safe to share between processes: an index is written aside and renamed.

    Args:
        folder: Where to keep them; made when the first one is written.

    Example:
        >>> cache = FrameIndexCache("~/.cache/frames")          # doctest: +SKIP
        >>> VideoReader(path, index=cache.get(path))            # doctest: +SKIP
    """

    def __init__(self, folder):
        self.folder = Path(folder).expanduser()

    def get(self, path):
        """The index of a video: read from the folder, or built and left there.

        Raises:
            VideoError: As ``FrameIndex.build``.
        """
        with video_errors(path):
            status = os.stat(path)
        key = f"{VERSION}\0{os.path.abspath(path)}\0{status.st_size}\0{status.st_mtime_ns}"
        name = hashlib.sha1(key.encode(errors="surrogateescape")).hexdigest()
        file = self.folder / name[:2] / f"{name[2:]}.npy"
        # Absent, or cut short by a full disk: build it.
        with contextlib.suppress(OSError, ValueError, EOFError):
            return _unpack(np.load(file))
        index = FrameIndex.build(path)
        # A folder that cannot be written costs time, not the run.
        with contextlib.suppress(OSError):
            _save(file, _pack(index))
        return index


def _pack(index):
    arrays = index.to_arrays()
    header, packets = arrays["header"], arrays["packets"]
    return np.concatenate([[len(header)], header, packets.ravel()])


def _unpack(stored):
    end = 1 + int(stored[0])
    return FrameIndex.from_arrays(stored[1:end], stored[end:].reshape(3, -1))


def _save(file, array):
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, aside = tempfile.mkstemp(dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            np.save(stream, array)
        os.replace(aside, file)
    except OSError:
        os.unlink(aside)
        raise
