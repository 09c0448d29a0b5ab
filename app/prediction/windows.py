"""The windows of a video, camera or stream, one after the other, in constant memory."""

from itertools import islice

import numpy as np

from datasets.clips.crops import squares_to_look_at
from datasets.clips.frame_choice import sliding_windows
from datasets.decoding.open_reader import open_reader


class VideoWindows:
    """Windows of a video whose frames are counted beforehand; the last one is looped.

    Args:
        source: `app.prediction.video_sources.VideoSource` of a video or sequence.
        contract: `weights.description.InputContract`: length, stride and size of a window.
        step: Frames from one window's start to the next; None for no overlap.

    Attributes:
        n_frames: Number of frames.
        fps: Mean frame rate, 0 when unknown.
        duration: When the last frame ends, in seconds; None where the source has no times.
        total: Number of windows.

    Raises:
        VideoError: It cannot be opened or is no video.
    """

    def __init__(self, source, contract, step=None):
        self._reader = open_reader(source.name)
        self._contract = contract
        step = step or contract.frames * contract.stride
        self.n_frames, self.fps = len(self._reader), self._reader.fps
        self._windows = sliding_windows(self.n_frames, contract.frames, contract.stride, step)
        self.total = len(self._windows)
        self._times = frame_times(self._reader)
        self.duration = None
        if self._times is not None:
            # How long the last frame is shown is told by none: as long as the others, on average.
            last = 1 / self.fps if self.fps else self._times[-1] / max(1, self.n_frames - 1)
            self.duration = float(self._times[-1] + last)

    def __iter__(self):
        """Yield the first frame of a window, its time or None, and uint8 `[3, T, S, S]`."""
        with self._reader:
            frame, size = (self._reader.width, self._reader.height), self._contract.size
            [crop] = squares_to_look_at(*frame, self._contract)
            for k, clip in self._reader.iterate_clips(self._windows, crop, size):
                start = int(self._windows[k][0])
                yield start, None if self._times is None else float(self._times[start]), clip


def in_batches(windows, size):
    """Group windows: lists of their first frames and of these frames' times, and their clips.

    Args:
        windows: Yields windows as `VideoWindows` does.
        size: Windows of a batch; the last one may have fewer.

    Yields:
        `(starts, seconds, clips)`, the clips as uint8 `[N, 3, T, S, S]`.
    """
    windows = iter(windows)
    while batch := list(islice(windows, size)):
        starts, seconds, clips = zip(*batch, strict=True)
        yield list(starts), list(seconds), np.stack(clips)


def frame_times(reader):
    """When each frame of a `Reader` is shown: float64 `[N]` in seconds, or None.

    Where the source has no times, its frames follow each other at its rate.
    """
    if reader.times is not None or not reader.fps:
        return reader.times
    return np.arange(len(reader)) / reader.fps
