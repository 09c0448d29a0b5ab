"""The clips of an evaluation as a stream: decoded ahead in worker processes, memory bounded.

A video is decoded once from beginning to end, and a window is sent on as soon as it is complete,
so memory does not grow with the length of a video. Processes of our own, for two reasons:
`paddle.inference` holds Python's interpreter lock while it computes, which stops decoding
threads; and the items of a `paddle.io.DataLoader` are whole.
"""

import copy
import multiprocessing
import traceback
from contextlib import closing
from multiprocessing.connection import wait
from typing import NamedTuple

import numpy as np

from datasets.clips.errors import ClipError, WorkerLostError
from datasets.clips.sample import Failure, open_row
from datasets.clips.shared_slots import SharedSlots
from datasets.clips.worker import garbage_kept, prepare_worker
from datasets.decoding.errors import VideoError

# Pieces that each worker keeps ready.
PIECES_AHEAD = 2


class Piece(NamedTuple):
    """Some of the clips of an evaluation.

    Attributes:
        clips: uint8 `[N, 3, T, S, S]`, or None where there are none.
        rows: int64 `[N]`, the row of the index that each clip belongs to.
        finished: Rows of which this was the last piece, failed ones included.
        failures: List of `Failure`; what came before of these videos does not count.
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
        index: `datasets.index.video_index.VideoIndex`.
        views: `datasets.clips.views.Views`.
        shape: `datasets.clips.clip_shape.ClipShape`.
        piece_clips: Up to how many clips make a piece.
        workers: Number of worker processes; 0 decodes in this one.
        packet_indexes: `datasets.decoding.packet_index_store.PacketIndexStore`, or None.

    Attributes:
        groups: Which videos are streamed: the first row of each group of them.
    """

    def __init__(self, index, views, shape, piece_clips, workers, packet_indexes=None):
        self.index = index
        self.views = views
        self.shape = shape
        self.piece_clips = piece_clips
        self.workers = workers
        self.packet_indexes = packet_indexes
        # Videos that fit into a piece together share one, as they do in the validation of a
        # training: not only their clips, but also the batches are then the same.
        self._together = max(1, piece_clips // (views.most_clips or piece_clips))
        self.groups = list(range(0, len(index), self._together))

    def only(self, groups):
        """A stream of some of the groups."""
        other = copy.copy(self)
        other.groups = groups
        return other

    def rows(self, group):
        """The rows of a group: several videos that share a piece, or one in as many as it takes."""
        return range(group, min(group + self._together, len(self.index)))

    def __iter__(self):
        """Yield `Piece`; the last of a group, and no other, finishes videos.

        Raises:
            ClipError: A mistake of the program, or a worker that died.
        """
        if self.workers == 0 or len(self.groups) == 0:
            for group in self.groups:
                yield from self._read_group(group)
            return
        fork = multiprocessing.get_context("fork")
        n_workers = min(self.workers, len(self.groups))
        slots = SharedSlots(n_workers, PIECES_AHEAD, self._largest_piece * self.shape.n_bytes)
        free_slots = [fork.Semaphore(PIECES_AHEAD) for _ in range(n_workers)]
        connections, processes = [], []
        try:
            for number in range(n_workers):
                ours, theirs = fork.Pipe(duplex=False)
                # A worker must not hold the reading ends open, or it would outlive the reader.
                sender = _Sender(number, theirs, slots, free_slots[number])
                share = self.groups[number::n_workers]
                worker = fork.Process(
                    target=self._work,
                    args=(number, share, sender, [*connections, ours]),
                    daemon=True,
                )
                with garbage_kept():
                    worker.start()
                theirs.close()
                connections.append(ours)
                processes.append(worker)
            for number, slot, shape, piece in _receive(connections, processes):
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

    @property
    def _largest_piece(self):
        """How many clips the largest piece can have."""
        most = self.views.most_clips
        return self.piece_clips if most is None else min(self.piece_clips, most * len(self.index))

    def _work(self, number, groups, sender, not_ours):
        prepare_worker(number)
        for other in not_ours:
            other.close()
        try:
            for group in groups:
                with closing(self._read_group(group)) as pieces:
                    for piece in pieces:
                        sender.send(piece)
            sender.end()
        except BrokenPipeError:
            return
        except Exception:
            sender.end(traceback.format_exc())

    def _read_group(self, group):
        """The pieces of a group: one of several videos, or all those of a single one."""
        rows = self.rows(group)
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
        """Parts of about equal length, none above `piece_clips`: pairs of clips and is-last."""
        with open_row(self.index, row, self.packet_indexes) as (reader, first, n_frames):
            size = reader.width, reader.height
            windows, crops = self.views.clips(n_frames, *size, self.shape, first)
            n_parts = -(-len(windows) // self.piece_clips)
            part, collected = 1, {}
            clips = reader.iterate_clips(windows, crops, self.shape.size)
            for received, (k, clip) in enumerate(clips, start=1):
                collected[k] = clip
                if received == len(windows) * part // n_parts:
                    yield np.stack([collected[k] for k in sorted(collected)]), part == n_parts
                    part, collected = part + 1, {}


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


def _receive(connections, processes):
    """What the workers send, whichever has something ready."""
    worker_of = dict(zip(connections, processes, strict=True))
    while worker_of:
        for connection in wait(list(worker_of)):
            try:
                message = connection.recv()
            except (EOFError, OSError):
                # The end of the pipe, or the middle of a message, without a word.
                worker = worker_of[connection]
                worker.join()
                raise WorkerLostError(worker.exitcode) from None
            if isinstance(message, str):
                raise ClipError(message)
            if message is None:
                del worker_of[connection]
            else:
                yield message
