"""Batches of clips from worker processes, with failures and waiting time accounted for."""

import shutil
import time

from paddle.io import DataLoader

from datasets.sample import Failure, collate
from datasets.worker import prepare_worker


class ClipError(Exception):
    """A mistake of the program while a clip was made; the message is the worker's traceback."""


class ClipLoader(DataLoader):
    """A ``paddle.io.DataLoader`` over a clip dataset.

    It must be a ``DataLoader`` (hapi asks), but adds what training needs: failed videos reach
    ``on_failure`` in the main process, and the time spent waiting for batches is measured.

    Args:
        dataset: ``TrainingClips`` or ``EvaluationClips``.
        sampler: ``TrainingSampler`` or ``EvaluationSampler``.
        workers: Number of worker processes; 0 decodes in the main process.
        on_failure: Called with each ``Failure``; what it raises ends the iteration.
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
            collate_fn=collate,
            use_shared_memory=workers > 0 and _shared_memory_fits(dataset, sampler, workers),
            worker_init_fn=prepare_worker,
            return_list=True,
        )

    def __iter__(self):
        """Yields ``[clips uint8 [N, 3, T, S, S], labels int64 [N], rows int64 [N]]`` tensors."""
        self.first_batch = None
        batches = super().__iter__()
        while True:
            began = time.perf_counter()
            batch = next(batches, None)
            self.wait_seconds += time.perf_counter() - began
            if batch is None:
                return
            if batch["errors"]:
                raise ClipError(batch["errors"][0])
            for failure in batch["failures"]:
                self.on_failure(Failure(*failure))
            if batch["n_clips"] == 0:
                continue
            arrays = [batch["clips"], batch["labels"], batch["rows"]]
            if self.first_batch is None:
                self.first_batch = arrays
            yield arrays


def _shared_memory_fits(dataset, sampler, workers):
    # Each worker has up to two batches under way. A container often has only 64 MB of /dev/shm,
    # and overrunning it kills the worker with SIGBUS.
    clips = sampler.batch_size * dataset.clips
    batch_bytes = clips * 3 * dataset.frames * dataset.size**2
    try:
        free = shutil.disk_usage("/dev/shm").free
    except OSError:
        return False
    return free > 2 * (workers + 1) * batch_bytes
