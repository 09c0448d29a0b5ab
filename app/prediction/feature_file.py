"""Pooled embeddings of windows and videos in one .npz file."""

import time

import numpy as np

from weights.durable import write_atomically

# Seconds between two states of the file that are written on the way; and at least so many times as
# long as it takes to write one.
PAUSE, PAUSE_PER_WRITE = 60, 20


class VideoFeatures:
    """Embeddings of the windows of one video.

    Args:
        source: `app.prediction.video_sources.VideoSource`.

    Attributes:
        source: As given.
        starts: First frame of each window.
        windows: float32 `[D]` of each window.
    """

    def __init__(self, source):
        self.source = source
        self.starts = []
        self.windows = []

    def add(self, starts, seconds, features):
        """Add windows, in order.

        Args:
            starts: First frames of K windows.
            seconds: Their times; the file does not hold them.
            features: float32 `[K, D]`.
        """
        self.starts += starts
        self.windows += list(features)

    def end(self, windows):
        """Nothing more is known at the end."""


class FeatureFile:
    """Gathers embeddings and writes them, now and then and at the end.

    The file holds `videos` float32 `[V, D]`, the mean over the windows of each video; `windows`
    float32 `[K, D]`; `names` `[V]`, the videos; `window_video` int64 `[K]`, the row of each
    window's video in `videos`; `window_start` int64 `[K]`, its first frame.

    Args:
        path: The file.
    """

    def __init__(self, path):
        self.path = path
        self._videos = []
        self._next_write = time.monotonic() + PAUSE

    def __len__(self):
        """Number of videos."""
        return len(self._videos)

    def add(self, features):
        """Add the `VideoFeatures` of one video.

        Raises:
            OSError: It was time to write the file, and that failed.
        """
        self._videos.append(features)
        begin = time.monotonic()
        if begin >= self._next_write:
            self.write()
            end = time.monotonic()
            self._next_write = end + max(PAUSE, PAUSE_PER_WRITE * (end - begin))

    def write(self):
        """Write the file, complete or absent.

        Raises:
            OSError: It cannot be written.
        """
        counts = [len(video.starts) for video in self._videos]
        windows = np.array([row for video in self._videos for row in video.windows])
        firsts = np.cumsum([0, *counts[:-1]])
        arrays = {
            "videos": np.add.reduceat(windows, firsts, axis=0) / np.array(counts)[:, None],
            "windows": windows,
            "names": np.array([video.source.name for video in self._videos]),
            "window_video": np.repeat(np.arange(len(counts)), counts),
            "window_start": np.concatenate([np.array(v.starts, np.int64) for v in self._videos]),
        }
        arrays["videos"] = arrays["videos"].astype(np.float32)
        write_atomically(self.path, lambda file: np.savez(file, **arrays))
