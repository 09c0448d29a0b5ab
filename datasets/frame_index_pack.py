"""The frame indices of a whole data set in two files beside its index, for any number of videos.

``frame_indices.bin`` has them one behind the other, ``frame_indices.npy`` says where each is. Both
are mapped into memory: nothing is read that is not asked for, and workers share the pages.
"""

import mmap
import os

import numpy as np

DATA_NAME = "frame_indices.bin"
TABLE_NAME = "frame_indices.npy"
# The first 8 bytes of a file's key, and where its frame index lies.
ENTRY = np.dtype([("key", ">u8"), ("at", "<i8"), ("size", "<i4")])


class FrameIndexPack:
    """The frame indices beside an index.

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
        """The bytes of a frame index, or None.

        Args:
            key: ``datasets.frame_index_cache.file_key`` of the video.
        """
        keys = self._table["key"]
        wanted = np.frombuffer(key[:8], ">u8")[0]
        place = int(np.searchsorted(keys, wanted))
        if place == len(keys) or keys[place] != wanted:
            return None
        entry = self._table[place]
        return self._data[int(entry["at"]) : int(entry["at"] + entry["size"])]


def write_table(folder, entries):
    """Write where each frame index lies: complete or not at all.

    Args:
        folder: The folder of the index.
        entries: Triples of a file's key, and first byte and number of bytes in ``DATA_NAME``.
    """
    table = np.array(
        sorted((int.from_bytes(key[:8], "big"), at, size) for key, at, size in entries), ENTRY
    )
    path = os.path.join(folder, TABLE_NAME)
    aside = f"{path}.partial"
    with open(aside, "wb") as file:
        np.save(file, table)
    os.replace(aside, path)
