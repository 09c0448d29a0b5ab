"""Pooled embeddings of windows and videos in one .npz file."""

import numpy as np

from weights.durable import write_atomically


class FeatureFile:
    """Gathers embeddings and writes them.

    The file holds ``videos`` float32 ``[V, D]``, the mean over the windows of each video;
    ``windows`` float32 ``[K, D]``; ``names`` ``[V]``, the videos; ``window_video`` int64 ``[K]``,
    the row of each window's video in ``videos``; ``window_start`` int64 ``[K]``, its first frame.
    """

    def __init__(self):
        self._names = []
        self._windows = []
        self._starts = []

    def __len__(self):
        """Number of videos."""
        return len(self._names)

    def add(self, name, starts, features):
        """Add one video.

        Args:
            name: Its path or address.
            starts: First frame of each window.
            features: float32 ``[K, D]``.
        """
        self._names.append(name)
        self._starts.append(np.array(starts, np.int64))
        self._windows.append(features)

    def write(self, path):
        """Write the file, complete or absent."""
        counts = [len(starts) for starts in self._starts]
        arrays = {
            "videos": np.stack([windows.mean(axis=0) for windows in self._windows]),
            "windows": np.concatenate(self._windows),
            "names": np.array(self._names),
            "window_video": np.repeat(np.arange(len(counts)), counts),
            "window_start": np.concatenate(self._starts),
        }
        write_atomically(path, lambda file: np.savez(file, **arrays))
