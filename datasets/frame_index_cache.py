"""Keeps frame indices on disk, so that no epoch but the first reads a file to its end in vain."""

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

from datasets.frame_index import FrameIndex
from datasets.video_error import video_errors

# Part of every key: a new meaning of the bytes makes the old ones unseen.
VERSION = 2


def file_key(path, size, modified):
    """What a frame index is kept by: 20 bytes.

    Args:
        path: The video file.
        size: Its size in bytes.
        modified: Time of its last change, in nanoseconds.
    """
    key = f"{VERSION}\0{os.path.abspath(path)}\0{size}\0{modified}"
    return hashlib.sha1(key.encode(errors="surrogateescape")).digest()


class FrameIndexCache:
    """Frame indices by path, size and modification time of their videos.

    Safe to share between processes: an index is written aside and renamed.

    Args:
        folder: Where to keep them, a small file for each; made when the first one is written.
        pack: ``datasets.frame_index_pack.FrameIndexPack`` to look into first, or None.

    Example:
        >>> cache = FrameIndexCache("~/.cache/frames")          # doctest: +SKIP
        >>> VideoReader(path, index=cache.get(path))            # doctest: +SKIP
    """

    def __init__(self, folder, pack=None):
        self.folder = Path(folder).expanduser()
        self.pack = pack

    def get(self, path):
        """The index of a video: found in the pack or the folder, or built and left in the latter.

        Raises:
            VideoError: As ``FrameIndex.build``.
        """
        with video_errors(path):
            status = os.stat(path)
        key = file_key(path, status.st_size, status.st_mtime_ns)
        packed = self.pack.find(key) if self.pack is not None else None
        if packed is not None:
            with contextlib.suppress(ValueError):
                return FrameIndex.from_bytes(packed)
        name = key.hex()
        file = self.folder / name[:2] / name[2:]
        # Absent, or cut short by a full disk: build it.
        with contextlib.suppress(OSError, ValueError):
            return FrameIndex.from_bytes(file.read_bytes())
        index = FrameIndex.build(path)
        # A folder that cannot be written costs time, not the run.
        with contextlib.suppress(OSError):
            _save(file, index.to_bytes())
        return index


def _save(file, data):
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, aside = tempfile.mkstemp(dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        os.replace(aside, file)
    except OSError:
        os.unlink(aside)
        raise
