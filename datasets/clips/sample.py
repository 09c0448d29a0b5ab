"""What a dataset returns for one video, and how samples become a batch."""

import functools
import traceback
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from paddle.io import get_worker_info

from datasets.decoding.errors import VideoError
from datasets.decoding.open_reader import open_reader


class Failure(NamedTuple):
    """A video that could not be read."""

    row: int
    path: str
    reason: str


class Sample(NamedTuple):
    """The clips of one video.

    `clips` is uint8 `[K, 3, T, S, S]`, or None where nothing could be read; `label` is a
    `VideoIndex.target`; `failures` lists every video that was tried in vain; `error` is the
    traceback of a mistake in the program.
    """

    clips: np.ndarray | None
    label: np.int64 | np.ndarray
    row: int
    failures: list[Failure]
    error: str | None = None


def carries_errors(get_item):
    """Let a dataset's `__getitem__` return what it would raise.

    An exception inside a `paddle.io.DataLoader` hangs the process where there are no workers,
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
def open_row(index, row, packet_indexes=None):
    """Open the video of a row and work out its annotated frames.

    Args:
        index: `datasets.index.video_index.VideoIndex`.
        row: Row number.
        packet_indexes: `datasets.decoding.packet_index_store.PacketIndexStore`, or None.

    Yields:
        `(reader, first, n_frames)`: the annotated part is `n_frames` frames from `first`.

    Raises:
        VideoError: The video cannot be opened, or ends before its annotated part begins.
    """
    path = index.path(row)
    with open_reader(path, packet_indexes) as reader:
        first, last = index.frame_range(row, len(reader), reader.frame_at)
        if last <= first:
            raise VideoError(
                path, f"no frame in its annotated part, {index.segment(row)}; it has {len(reader)}"
            )
        yield reader, first, last - first


class Collate:
    """Joins samples into one batch; runs in the loader's workers.

    Samples without clips are left out.

    Args:
        slots: `datasets.clips.shared_slots.SharedSlots` to put the clips in, or None.
    """

    def __init__(self, slots=None):
        self._slots = slots

    def __call__(self, samples):
        """
        Args:
            samples: List of `Sample`.

        Returns:
            Dict with `labels`, int64 `[N]` or float32 `[N, n_classes]`, `rows` int64 `[N]`,
            `clips_shape` `(N, 3, T, S, S)`,
            `slot`, the number of the slot that the clips are in, or else `clips` uint8
            themselves, `failures`, a list of `(row, path, reason)`, and `errors`, a list of
            tracebacks. Where there is no clip, `clips_shape` is None and the arrays mean
            nothing: a batch without any array does not travel through Paddle's loader.
        """
        readable = [sample for sample in samples if sample.clips is not None]
        batch = {
            "failures": [tuple(failure) for sample in samples for failure in sample.failures],
            "errors": [sample.error for sample in samples if sample.error is not None],
            "clips_shape": None,
            "slot": None,
        }
        if not readable:
            return {**batch, "labels": np.zeros(1, np.int64), "rows": np.zeros(1, np.int64)}
        parts = [sample.clips for sample in readable]
        counts = [len(part) for part in parts]
        shape = (sum(counts), *parts[0].shape[1:])
        batch["clips_shape"] = shape
        batch["labels"] = np.repeat(np.stack([s.label for s in readable]), counts, axis=0)
        batch["rows"] = np.repeat(np.array([s.row for s in readable], np.int64), counts)
        claimed = self._slots and self._slots.claim(get_worker_info().id, shape)
        if claimed:
            batch["slot"], room = claimed
            np.concatenate(parts, out=room)
        else:
            batch["clips"] = np.concatenate(parts)
        return batch
