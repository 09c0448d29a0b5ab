"""Which frames of a video make a clip: pure functions of the number of frames.

Every function returns frame numbers counted from the first frame of the annotated part of the
video. A video shorter than a clip is looped; the stride holds everywhere.
"""

from collections.abc import Sequence

import numpy as np


def clip_span(frames, stride):
    """Number of consecutive video frames that a clip covers."""
    return (frames - 1) * stride + 1


def clip_at(start, n_frames, frames, stride):
    """The clip that begins at a frame; what would lie past the end is looped from its beginning.

    Args:
        start: First frame of the clip.
        n_frames: Number of frames of the video.
        frames: Number of frames of the clip.
        stride: Step between the frames of the clip.

    Returns:
        int64 `[frames]`.
    """
    if not 0 <= start < n_frames:
        raise ValueError(f"a clip cannot start at frame {start} of {n_frames}")
    return start + (np.arange(frames) * stride) % (n_frames - start)


class Windows(Sequence):
    """Clips of one video, `[K, frames]`, whose frame numbers are worked out when asked for.

    So a video of hours, with a window at every frame, takes no memory for them.

    Args:
        starts: First frame of each clip, ascending; a range or an array.
        n_frames, frames, stride: As in `clip_at`.
        times: How often each clip follows itself.
        first: What is added to every frame number.
    """

    def __init__(self, starts, n_frames, frames, stride, times=1, first=0):
        self._starts = starts
        self._clip = n_frames, frames, stride
        self._times = times
        self._first = first

    def repeated(self, times, first=0):
        """Every clip so many times, all counted from another first frame."""
        return Windows(self._starts, *self._clip, times, first)

    def __len__(self):
        return len(self._starts) * self._times

    def __getitem__(self, k):
        """The frame numbers of a clip, int64 `[frames]`."""
        # range and array say themselves where there is no such clip.
        start = int(self._starts[k // self._times])
        return self._first + clip_at(start, *self._clip)

    def __array__(self, dtype=None, copy=None):
        return np.array(list(self), dtype or np.int64)


def random_clip(n_frames, frames, stride, generator):
    """A clip at a uniformly random place, every valid start equally likely.

    Args:
        n_frames, frames, stride: As in `clip_at`.
        generator: `numpy.random.Generator`.

    Returns:
        int64 `[frames]`.
    """
    starts = max(1, n_frames - clip_span(frames, stride) + 1)
    return clip_at(int(generator.integers(starts)), n_frames, frames, stride)


def centre_clip(n_frames, frames, stride):
    """The clip in the middle of the video: int64 `[frames]`."""
    start = max(0, n_frames - clip_span(frames, stride)) // 2
    return clip_at(start, n_frames, frames, stride)


def even_clips(n_frames, frames, stride, clips):
    """Up to so many clips, evenly spread from the first frame to the last; one is the centred one.

    A video with fewer distinct starts than clips gives fewer; a short one gives one.

    Returns:
        `Windows`, 1 to `clips` of them.
    """
    last_start = max(0, n_frames - clip_span(frames, stride))
    if clips == 1:
        starts = np.array([last_start // 2])
    else:
        starts = np.unique(np.rint(np.linspace(0, last_start, clips)).astype(int))
    return Windows(starts, n_frames, frames, stride)


def sliding_windows(n_frames, frames, stride, step):
    """Windows from the first frame on, one every `step` frames; the last one is looped.

    The test protocol of the PyTorch original: windows follow each other until one reaches past
    the end of the video; that one is filled up by looping its own frames, and is the last.

    Returns:
        `Windows`.
    """
    # One that ends with the video is followed by another, unless that would begin behind the end.
    reaching_past = max(0, n_frames - clip_span(frames, stride) + 1)
    number = min(-(-reaching_past // step) + 1, -(-n_frames // step))
    return Windows(range(0, number * step, step), n_frames, frames, stride)
