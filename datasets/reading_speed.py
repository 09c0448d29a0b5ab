"""How much faster random clips come from copies than from their originals, measured on a sample."""

import os
import time
from typing import NamedTuple

import numpy as np

from datasets.decoding import VideoReader
from datasets.frame_folders import FrameFolderReader
from datasets.frame_index import FrameIndex
from datasets.sampling import random_clip
from datasets.video_error import VideoError

VIDEOS = 20
CLIPS_PER_VIDEO = 3
FRAMES = 16
SIZE = 112


class ReadingSpeed(NamedTuple):
    """Mean time of one core, in seconds, for opening a video and reading one random clip.

    Attributes:
        original: From the originals.
        copy: From the copies.
        clips: Number of clips that each of them is the mean of.
    """

    original: float
    copy: float
    clips: int

    def __str__(self):
        return (
            f"a random clip of {FRAMES} frames takes {self.copy * 1e3:.1f} ms from a copy, "
            f"{self.original * 1e3:.1f} ms from its original: "
            f"{self.original / self.copy:.1f} times as fast"
        )


def compare_reading(pairs, seed=0):
    """Reads the same random clips from originals and from copies, in turns.

    As in training, the frame index of a video is known beforehand.

    Args:
        pairs: List of ``(original, copy)`` paths; some are drawn.
        seed: Of the draw.

    Returns:
        :class:`ReadingSpeed`; None where there is nothing to compare.
    """
    generator = np.random.default_rng(seed)
    seconds, clips = np.zeros(2), 0
    for number in generator.permutation(len(pairs))[:VIDEOS]:
        try:
            readers = [_Opened(path) for path in pairs[number]]
            for _ in range(CLIPS_PER_VIDEO):
                indices = random_clip(readers[0].n_frames, FRAMES, 1, generator)
                seconds += [reader.time_clip(indices) for reader in readers]
                clips += 1
        except VideoError:
            continue  # Damaged; a run would report it.
    return ReadingSpeed(*(seconds / clips), clips) if clips else None


class _Opened:
    """A video that has been looked into once."""

    def __init__(self, path):
        self._path = path
        self._index = None if os.path.isdir(path) else FrameIndex.build(path)
        with self._reader() as reader:
            self.n_frames = len(reader)

    def _reader(self):
        if self._index is None:
            return FrameFolderReader(self._path)
        return VideoReader(self._path, self._index)

    def time_clip(self, indices):
        began = time.process_time()
        with self._reader() as reader:
            reader.read_clips(indices[None], size=SIZE)
        return time.process_time() - began
