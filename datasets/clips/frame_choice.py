"""Which frames of a video make a clip: pure functions of the number of frames.

Every function returns frame numbers counted from the first frame of the annotated part of the
video. A video shorter than a clip is looped; the stride holds everywhere.
"""

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
        int64 ``[frames]``.
    """
    if not 0 <= start < n_frames:
        raise ValueError(f"a clip cannot start at frame {start} of {n_frames}")
    return start + (np.arange(frames) * stride) % (n_frames - start)


def random_clip(n_frames, frames, stride, generator):
    """A clip at a uniformly random place, every valid start equally likely.

    Args:
        n_frames, frames, stride: As in ``clip_at``.
        generator: ``numpy.random.Generator``.

    Returns:
        int64 ``[frames]``.
    """
    starts = max(1, n_frames - clip_span(frames, stride) + 1)
    return clip_at(int(generator.integers(starts)), n_frames, frames, stride)


def centre_clip(n_frames, frames, stride):
    """The clip in the middle of the video: int64 ``[frames]``."""
    start = max(0, n_frames - clip_span(frames, stride)) // 2
    return clip_at(start, n_frames, frames, stride)


def even_clips(n_frames, frames, stride, clips):
    """Up to ``clips`` clips, evenly spread from the first frame to the last.

    A video with fewer distinct starts than clips gives fewer; a short one gives one.

    Returns:
        int64 ``[K, frames]``, ``1 <= K <= clips``.
    """
    if clips == 1:
        return centre_clip(n_frames, frames, stride)[None]
    last_start = max(0, n_frames - clip_span(frames, stride))
    starts = np.unique(np.rint(np.linspace(0, last_start, clips)).astype(int))
    return np.stack([clip_at(start, n_frames, frames, stride) for start in starts])


def sliding_windows(n_frames, frames, stride, step):
    """Windows from the first frame on, one every ``step`` frames; the last one is looped.

    The test protocol of the PyTorch original: windows follow each other until one reaches past
    the end of the video; that one is filled up by looping its own frames, and is the last.

    Returns:
        int64 ``[K, frames]``.
    """
    windows = []
    for start in range(0, n_frames, step):
        windows.append(clip_at(start, n_frames, frames, stride))
        if start + clip_span(frames, stride) > n_frames:
            break
    return np.stack(windows)
