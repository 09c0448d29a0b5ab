"""Batches of clips from worker processes, with failures and waiting time accounted for."""

import signal
import threading
import time
from collections import deque
from contextlib import contextmanager, nullcontext

from paddle.io import DataLoader

from datasets.clips.device_copy import DeviceCopies
from datasets.clips.errors import ClipError, WorkerLostError
from datasets.clips.sample import Collate, Failure
from datasets.clips.shared_slots import SharedSlots
from datasets.clips.worker import check_shared_memory, garbage_kept, prepare_worker

# Batches of each worker under way.
PREFETCH = 2


class ClipLoader(DataLoader):
    """A `paddle.io.DataLoader` over a clip dataset.

    It must be a `DataLoader` (hapi asks), but adds what training needs: failed videos reach
    `on_failure` in the main process, and the time spent waiting for batches is measured.

    Args:
        dataset: `TrainingClips` or `EvaluationClips`.
        sampler: `TrainingSampler` or `EvaluationSampler`.
        workers: Number of worker processes; 0 decodes in the main process.
        on_failure: Called with each `Failure`; what it raises ends the iteration.
    """

    def __init__(self, dataset, sampler, workers, on_failure):
        self.sampler = sampler
        self.on_failure = on_failure
        self.wait_seconds = 0.0
        self.first_batch = None
        super().__init__(
            dataset,
            batch_sampler=sampler,
            num_workers=workers,
            collate_fn=Collate(),
            # Clips travel in slots of our own; the few numbers beside them need none of it.
            use_shared_memory=False,
            prefetch_factor=PREFETCH,
            worker_init_fn=prepare_worker,
            return_list=True,
        )

    def __iter__(self):
        """Yield tensors `[clips uint8 [N, 3, T, S, S], labels, rows int64 [N]]`.

        Labels are int64 `[N]`, or float32 `[N, n_classes]` where a video may have several.
        """
        self.first_batch = None
        # Anew for every iteration: one that was left early has taken slots with it.
        slots = None
        if self.num_workers:
            check_shared_memory(self.num_workers)
            slots = self._make_slots()
        self.collate_fn = Collate(slots)
        with _own_child_handler() if self.num_workers else nullcontext(), garbage_kept():
            batches = super().__iter__()
        copies = DeviceCopies()
        under_way = deque()
        for batch in self._received(batches):
            under_way.append((_start_copy(batch, slots, copies), batch["labels"], batch["rows"]))
            if len(under_way) > copies.ahead:
                yield self._arrived(under_way.popleft())
        while under_way:
            yield self._arrived(under_way.popleft())

    def _arrived(self, batch):
        finish_copy, *others = batch
        arrays = [finish_copy(), *others]
        if self.first_batch is None:
            self.first_batch = arrays
        return arrays

    def _received(self, batches):
        """The batches that have clips, as `Collate` makes them."""
        while True:
            began = time.perf_counter()
            try:
                batch = next(batches, None)
            except (SystemError, RuntimeError):
                # Paddle's words for it name neither what happened nor to what.
                _raise_if_lost(batches)
                raise
            self.wait_seconds += time.perf_counter() - began
            if batch is None:
                return
            if batch["errors"]:
                raise ClipError(batch["errors"][0])
            for failure in batch["failures"]:
                self.on_failure(Failure(*failure))
            if batch["clips_shape"] is not None:
                yield batch

    def _make_slots(self):
        clips = self.sampler.largest_batch * self.dataset.most_clips
        slot_bytes = clips * self.dataset.shape.n_bytes
        # Paddle keeps as many batches under way as two workers would even where there is one;
        # one more is being copied.
        under_way = PREFETCH * max(self.num_workers, 2)
        return SharedSlots(self.num_workers, under_way // self.num_workers + 1, slot_bytes)


@contextmanager
def _own_child_handler():
    """Keep what is to be done when a child process ends.

    Paddle's answer to the end of a worker is an error in the midst of whatever the main thread is
    doing then, be it a training step; its loader notices by itself, within seconds.
    """
    before = signal.getsignal(signal.SIGCHLD)
    try:
        yield
    finally:
        # Only the main thread may, and only there does Paddle.
        if threading.current_thread() is threading.main_thread() and before is not None:
            signal.signal(signal.SIGCHLD, before)


def _raise_if_lost(batches):
    """Raise `WorkerLostError` if a worker process of an iteration has ended before its time."""
    workers = getattr(batches, "_workers", ())
    ended = [worker.exitcode for worker in workers if not worker.is_alive()]
    if ended:
        for worker in workers:
            # They may wait for ever for a lock of the one that is gone.
            worker.kill()
            worker.join()
        raise WorkerLostError(min(ended)) from None


def _start_copy(batch, slots, copies):
    """What waits for the clips of a batch as a tensor of their own, and returns it."""
    if batch["slot"] is None:
        return lambda: batch["clips"]
    finish_copy = copies.start(slots.array(batch["slot"], batch["clips_shape"]))
    slots.release(batch["slot"])
    return finish_copy
