"""The clips of an evaluation as a stream: decoded ahead in worker processes, memory bounded.

A video is decoded once from beginning to end, and a window is sent on as soon as it is complete,
so memory does not grow with the length of a video. Processes of our own, for two reasons:
``paddle.inference`` holds Python's interpreter lock while it computes, which stops decoding
threads; and the items of a ``paddle.io.DataLoader`` are whole.
"""

import multiprocessing
import traceback
from contextlib import closing
from multiprocessing.connection import wait
from typing import NamedTuple

import numpy as np

from datasets.clips.loader import ClipError
from datasets.clips.sample import Failure, open_row
from datasets.clips.shared_slots import SharedSlots
from datasets.clips.worker import prepare_worker
from datasets.decoding.errors import VideoError

# Pieces that each worker keeps ready.
PIECES_AHEAD = 2


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
        index: ``datasets.index.video_index.VideoIndex``.
        views: ``datasets.clips.views.Views``.
        frames: Frames per clip.
        stride: Step between the frames of a clip.
        size: Width and height of a clip in pixels.
        piece_clips: Up to how many clips make a piece.
        workers: Number of worker processes; 0 decodes in this one.
        done: Rows that are not needed any more.
        packet_indexes: ``datasets.decoding.packet_index_store.PacketIndexStore``, or None.
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
        packet_indexes=None,
    ):
        self.index = index
        self.views = views
        self.frames = frames
        self.stride = stride
        self.size = size
        self.piece_clips = piece_clips
        self.workers = workers
        self.packet_indexes = packet_indexes
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
        if self.workers == 0 or not self._groups:
            for group in self._groups:
                yield from self._read_group(group)
            return
        fork = multiprocessing.get_context("fork")
        n_workers = min(self.workers, len(self._groups))
        slot_bytes = self.piece_clips * 3 * self.frames * self.size**2
        slots = SharedSlots(n_workers, PIECES_AHEAD, slot_bytes)
        free_slots = [fork.Semaphore(PIECES_AHEAD) for _ in range(n_workers)]
        connections, processes = [], []
        try:
            for number in range(n_workers):
                ours, theirs = fork.Pipe(duplex=False)
                # A worker must not hold the reading ends open, or it would outlive the reader.
                sender = _Sender(number, theirs, slots, free_slots[number])
                worker = fork.Process(
                    target=self._work, args=(number, sender, [*connections, ours]), daemon=True
                )
                worker.start()
                theirs.close()
                connections.append(ours)
                processes.append(worker)
            for number, slot, shape, piece in _receive(connections):
                if slot is None:
                    yield piece
                    continue
                clips = slots.array(slot, shape).copy()
                slots.release(slot)
                free_slots[number].release()
                yield piece._replace(clips=clips)
        finally:
            for connection in connections:
                connection.close()
            for process in processes:
                process.terminate()
                process.join()

    def _work(self, number, sender, not_ours):
        prepare_worker(number)
        for other in not_ours:
            other.close()
        try:
            for group in self._groups[number :: self.workers]:
                with closing(self._read_group(group)) as pieces:
                    for piece in pieces:
                        sender.send(piece)
            sender.end()
        except BrokenPipeError:
            return
        except Exception:
            sender.end(traceback.format_exc())

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
        with open_row(self.index, row, self.packet_indexes) as (reader, first, n_frames):
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


class _Sender:
    """A worker's way to the main process: clips through shared memory, the rest through a pipe."""

    def __init__(self, number, connection, slots, free_slots):
        self._number = number
        self._connection = connection
        self._slots = slots
        self._free_slots = free_slots

    def send(self, piece):
        """Hand over a piece, once there is room for it."""
        slot = shape = None
        if piece.clips is not None:
            self._free_slots.acquire()
            shape = piece.clips.shape
            slot, room = self._slots.claim(self._number, shape)
            room[:] = piece.clips
        self._connection.send((self._number, slot, shape, piece._replace(clips=None)))

    def end(self, mistake=None):
        """Say that this was all, or what mistake in the program ended it."""
        self._connection.send(mistake)


def _receive(connections):
    """What the workers send, whichever has something ready."""
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
