"""What a dataset returns for one video, and how samples become a batch."""

import functools
import traceback
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from datasets.frame_folders import open_reader
from datasets.index import SourceError
from datasets.video_error import VideoError


class Failure(NamedTuple):
    """A video that could not be read."""

    row: int
    path: str
    reason: str


class Sample(NamedTuple):
    """The clips of one video.

    ``clips`` is uint8 ``[K, 3, T, S, S]``, or None where nothing could be read; ``failures`` lists
    every video that was tried in vain; ``error`` is the traceback of a mistake in the program.
    """

    clips: np.ndarray | None
    label: int
    row: int
    failures: list[Failure]
    error: str | None = None


def carries_errors(get_item):
    """Let a dataset's ``__getitem__`` return what it would raise.

    An exception inside a ``paddle.io.DataLoader`` hangs the process where there are no workers,
    and loses its message where there are some; in a sample it reaches the main process whole.
    """

    @functools.wraps(get_item)
    def get_item_or_error(dataset, request):
        try:
            return get_item(dataset, request)
        except Exception:
            return Sample(None, -1, -1, [], traceback.format_exc())

    return get_item_or_error


@contextmanager
def open_row(index, row, frame_indices=None):
    """Open the video of a row and work out its annotated frames.

    Args:
        index: ``datasets.index.VideoIndex``.
        row: Row number.
        frame_indices: ``datasets.frame_index_cache.FrameIndexCache``, or None.

    Yields:
        ``(reader, first, n_frames)``: the annotated part is ``n_frames`` frames from ``first``.

    Raises:
        VideoError: The video cannot be opened, or ends before its annotated part begins.
    """
    path = index.path(row)
    with open_reader(path, frame_indices) as reader:
        try:
            first, last = index.frame_range(row, len(reader), reader.fps)
        except SourceError as error:
            raise VideoError(path, str(error)) from None
        if last <= first:
            raise VideoError(
                path, f"has {len(reader)} frames, the annotated part begins at frame {first}"
            )
        yield reader, first, last - first


def collate(samples):
    """Join samples into one batch; runs in the loader's workers.

    Samples without clips are left out. A batch must hold at least one array to travel through
    Paddle's loader, so one without any clip carries a single black pixel and says so by
    ``n_clips`` 0.

    Args:
        samples: List of ``Sample``.

    Returns:
        Dict with ``clips`` uint8 ``[N, 3, T, S, S]``, ``labels`` and ``rows`` int64 ``[N]``,
        ``n_clips`` N, ``failures``, a list of ``(row, path, reason)``, and ``errors``, a list of
        tracebacks.
    """
    readable = [sample for sample in samples if sample.clips is not None]
    reports = {
        "failures": [tuple(failure) for sample in samples for failure in sample.failures],
        "errors": [sample.error for sample in samples if sample.error is not None],
    }
    if not readable:
        return {
            "clips": np.zeros((1, 3, 1, 1, 1), np.uint8),
            "labels": np.zeros(1, np.int64),
            "rows": np.zeros(1, np.int64),
            "n_clips": 0,
            **reports,
        }
    counts = [len(sample.clips) for sample in readable]
    return {
        "clips": np.concatenate([sample.clips for sample in readable]),
        "labels": np.repeat(np.array([s.label for s in readable], np.int64), counts),
        "rows": np.repeat(np.array([s.row for s in readable], np.int64), counts),
        "n_clips": sum(counts),
        **reports,
    }
