"""Keeps packet indexes on disk, so that no epoch but the first reads a file to its end in vain.

A cache has a small file for each video. A whole data set has two files beside its index:
`packet_indexes.bin` has them one behind the other, `packet_indexes.npy` says where each is. Both
are mapped into memory: nothing is read that is not asked for, and workers share the pages.
"""

import contextlib
import hashlib
import mmap
import os
from functools import partial
from pathlib import Path

import numpy as np

from datasets.decoding.errors import file_errors
from datasets.decoding.packet_index import PacketIndex
from datasets.durable import write_atomically, written_aside

# Part of every key: a new meaning of the bytes makes the old ones unseen. The names below change
# with it, so that an index made anew reads its videos again.
VERSION = 3
DATA_NAME = "packet_indexes.bin"
TABLE_NAME = "packet_indexes.npy"
# The first 8 bytes of a file's key, and where its packet index lies.
ENTRY = np.dtype([("key", ">u8"), ("at", "<i8"), ("size", "<i4")])


def file_key(path, size, modified):
    """What a packet index is kept by: 20 bytes.

    Args:
        path: The video file.
        size: Its size in bytes.
        modified: Time of its last change, in nanoseconds.
    """
    key = f"{VERSION}\0{os.path.abspath(path)}\0{size}\0{modified}"
    return hashlib.sha1(key.encode(errors="surrogateescape")).digest()


class PacketIndexStore:
    """Packet indexes by path, size and modification time of their videos.

    Safe to share between processes: an index is written aside and renamed.

    Args:
        folder: Where to keep them, a small file for each; made when the first one is written.
        pack: ``PacketIndexPack`` to look into first, or None.

    Example:
        >>> cache = PacketIndexStore("~/.cache/frames")          # doctest: +SKIP
        >>> VideoReader(path, index=cache.get(path))            # doctest: +SKIP
    """

    def __init__(self, folder, pack=None):
        self.folder = Path(folder).expanduser()
        self.pack = pack

    def get(self, path):
        """The index of a video: found in the pack or the folder, or built and left in the latter.

        Raises:
            VideoError: As ``PacketIndex.build``.
        """
        with file_errors(path):
            status = os.stat(path)
        key = file_key(path, status.st_size, status.st_mtime_ns)
        packed = self.pack.find(key) if self.pack is not None else None
        if packed is not None:
            with contextlib.suppress(ValueError):
                return PacketIndex.from_bytes(packed)
        name = key.hex()
        file = self.folder / name[:2] / name[2:]
        # Absent, or cut short by a full disk: build it.
        with contextlib.suppress(OSError, ValueError):
            return PacketIndex.from_bytes(file.read_bytes())
        index = PacketIndex.build(path)
        # A folder that cannot be written costs time, not the run.
        with contextlib.suppress(OSError):
            _save(file, index.to_bytes())
        return index


def _save(file, data):
    file.parent.mkdir(parents=True, exist_ok=True)
    # Not synced: damage is noticed, and the disk should not hold up the first epoch.
    with written_aside(file, sync=False) as aside:
        Path(aside).write_bytes(data)


class PacketIndexPack:
    """The packet indexes beside an index.

    Args:
        folder: The folder of the index.

    Raises:
        OSError, ValueError: There are none, or they are damaged.
    """

    def __init__(self, folder):
        try:
            self._table = np.load(os.path.join(folder, TABLE_NAME), mmap_mode="r")
        except EOFError:
            raise ValueError(f"{TABLE_NAME}: empty") from None
        if self._table.dtype != ENTRY or self._table.ndim != 1:
            raise ValueError(f"{TABLE_NAME}: of another format")
        with open(os.path.join(folder, DATA_NAME), "rb") as file:
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def find(self, key):
        """The bytes of a packet index, or None.

        Args:
            key: ``datasets.decoding.packet_index_store.file_key`` of the video.
        """
        keys = self._table["key"]
        wanted = np.frombuffer(key[:8], ">u8")[0]
        place = int(np.searchsorted(keys, wanted))
        if place == len(keys) or keys[place] != wanted:
            return None
        entry = self._table[place]
        return self._data[int(entry["at"]) : int(entry["at"] + entry["size"])]


def write_table(folder, entries):
    """Write where each packet index lies: complete or not at all.

    Args:
        folder: The folder of the index.
        entries: Triples of a file's key, and first byte and number of bytes in ``DATA_NAME``.
    """
    table = np.array(
        sorted((int.from_bytes(key[:8], "big"), at, size) for key, at, size in entries), ENTRY
    )
    write_atomically(os.path.join(folder, TABLE_NAME), partial(np.save, arr=table))
