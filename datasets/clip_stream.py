"""The clips of an evaluation as a stream: decoded ahead in worker processes, memory bounded.

A video is decoded once from beginning to end, and a window is sent on as soon as it is complete,
so memory does not grow with the length of a video. Processes and pipes, for two reasons:
``paddle.inference`` holds Python's interpreter lock while it computes, which stops decoding
threads; and the items of a ``paddle.io.DataLoader`` are whole.
"""

import multiprocessing
import traceback
from contextlib import closing
from multiprocessing.connection import wait
from typing import NamedTuple

import numpy as np

from datasets.loader import ClipError
from datasets.sample import Failure, open_row
from datasets.video_error import VideoError
from datasets.worker import prepare_worker


class Piece(NamedTuple):
    """Some of the clips of an evaluation.

    Attributes:
        clips: uint8 ``[N, 3, T, S, S]``, or None where there are none.
        rows: int64 ``[N]``, the row of the index that each clip belongs to.
        finished: Rows of which this was the last piece, failed ones included.
        failures: List of ``Failure``; what came before of these videos does not count.
    """

    clips: np.ndarray | None
    rows: np.ndarray
    finished: tuple[int, ...]
    failures: list[Failure]


class ClipStream:
    """All views of the videos of an index.

    The pieces depend on neither the number of workers nor on what is skipped; only their order
    does.

    Args:
        index: ``datasets.index.VideoIndex``.
        views: ``datasets.views.Views``.
        frames: Frames per clip.
        stride: Step between the frames of a clip.
        size: Width and height of a clip in pixels.
        piece_clips: Up to how many clips make a piece.
        workers: Number of worker processes; 0 decodes in this one.
        done: Rows that are not needed any more.
        frame_indices: ``datasets.frame_index_cache.FrameIndexCache``, or None.
    """

    def __init__(
        self,
        index,
        views,
        frames,
        stride,
        size,
        piece_clips,
        workers,
        done=(),
        frame_indices=None,
    ):
        self.index = index
        self.views = views
        self.frames = frames
        self.stride = stride
        self.size = size
        self.piece_clips = piece_clips
        self.workers = workers
        self.frame_indices = frame_indices
        # Videos that fit into a piece together share one, as they do in the validation of a
        # training: not only their clips, but also the batches are then the same.
        together = max(1, piece_clips // (views.most_clips or piece_clips))
        done = frozenset(done)
        groups = [
            list(range(first, min(first + together, len(index))))
            for first in range(0, len(index), together)
        ]
        self._groups = [group for group in groups if not done.issuperset(group)]

    def __iter__(self):
        """Yields ``Piece``.

        Raises:
            ClipError: A mistake of the program, or a worker that died.
        """
        if self.workers == 0:
            for group in self._groups:
                yield from self._read_group(group)
            return
        fork = multiprocessing.get_context("fork")
        connections, processes = [], []
        try:
            for number in range(min(self.workers, len(self._groups))):
                ours, theirs = fork.Pipe(duplex=False)
                # A worker must not hold the reading ends open, or it would outlive the reader.
                worker = fork.Process(
                    target=self._work, args=(number, theirs, [*connections, ours]), daemon=True
                )
                worker.start()
                theirs.close()
                connections.append(ours)
                processes.append(worker)
            yield from _receive(connections)
        finally:
            for connection in connections:
                connection.close()
            for process in processes:
                process.terminate()
                process.join()

    def _work(self, number, connection, not_ours):
        prepare_worker(number)
        for other in not_ours:
            other.close()
        try:
            for group in self._groups[number :: self.workers]:
                with closing(self._read_group(group)) as pieces:
                    for piece in pieces:
                        # Waits until the reader has room: one piece per worker is ready ahead.
                        connection.send(piece)
            connection.send(None)
        except BrokenPipeError:
            return
        except Exception:
            connection.send(traceback.format_exc())

    def _read_group(self, rows):
        """The pieces of a group: one of several videos, or all those of a single one."""
        shared, failures = [], []
        for row in rows:
            try:
                for clips, is_last in self._read_video(row):
                    owners = np.full(len(clips), row, np.int64)
                    if len(rows) > 1:
                        shared.append((clips, owners))
                    else:
                        yield Piece(clips, owners, (row,) if is_last else (), [])
            except VideoError as error:
                failures.append(Failure(row, error.path, error.reason))
        if shared:
            clips, owners = (np.concatenate(part) for part in zip(*shared, strict=True))
            yield Piece(clips, owners, tuple(rows), failures)
        elif failures:
            yield Piece(None, np.empty(0, np.int64), tuple(rows), failures)

    def _read_video(self, row):
        """Parts of about equal length, none above ``piece_clips``: pairs of clips and is-last."""
        with open_row(self.index, row, self.frame_indices) as (reader, first, n_frames):
            times, crops = self.views.clips(
                n_frames, reader.width, reader.height, self.frames, self.stride
            )
            n_parts = -(-len(times) // self.piece_clips)
            ends = [len(times) * (part + 1) // n_parts for part in range(n_parts)]
            collected = {}
            clips = reader.iterate_clips(first + times, crops, self.size)
            for received, (k, clip) in enumerate(clips, start=1):
                collected[k] = clip
                if received == ends[0]:
                    del ends[0]
                    yield np.stack([collected[k] for k in sorted(collected)]), not ends
                    collected = {}


def _receive(connections):
    """The pieces of all workers, whichever has one ready."""
    open_connections = list(connections)
    while open_connections:
        for connection in wait(open_connections):
            try:
                message = connection.recv()
            except EOFError:
                raise ClipError("a decoding process died without a word") from None
            if isinstance(message, str):
                raise ClipError(message)
            if message is None:
                open_connections.remove(connection)
            else:
                yield message
