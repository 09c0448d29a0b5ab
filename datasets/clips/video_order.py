"""In which order videos are visited; every choice follows from the seed and the epoch."""

import numpy as np
from paddle.io import BatchSampler

from datasets.clips.balance import balanced_order
from datasets.clips.training import Request


class TrainingSampler(BatchSampler):
    """Every video once per epoch in a new random order, startable in the middle of an epoch.

    With several processes the global batch is cut into equal parts, one per process: the clips of
    a step do not depend on how many processes share it.

    Args:
        n_videos: Number of rows of the index.
        batch_size: Videos per step, over all processes.
        seed: Seed of the order.
        rank: Number of this process.
        n_ranks: Number of processes; must divide `batch_size`.
        labels: int `[n_videos]`, the class of each video; needed for a balance only.
        balance: How often classes are visited, see `datasets.clips.balance`.
    """

    def __init__(self, n_videos, batch_size, seed, rank=0, n_ranks=1, labels=None, balance="none"):
        if batch_size % n_ranks:
            raise ValueError(f"batch size {batch_size} does not divide among {n_ranks} processes")
        self.n_videos = n_videos
        self.batch_size = batch_size
        self.seed = seed
        self.rank = rank
        self.n_ranks = n_ranks
        self.labels = np.zeros(n_videos, int) if labels is None else labels
        self.balance = balance
        self.epoch = 0
        self.first_batch = 0

    def start_at(self, epoch, batch):
        """Let the next iteration begin at a batch of an epoch, both counted from 0."""
        self.epoch = epoch
        self.first_batch = batch

    @property
    def batches_per_epoch(self):
        return -(-self.n_videos // self.batch_size)

    @property
    def largest_batch(self):
        """How many videos the largest batch of one process has."""
        return -(-min(self.batch_size, self.n_videos) // self.n_ranks)

    def __len__(self):
        return self.batches_per_epoch - self.first_batch

    def __iter__(self):
        generator = np.random.default_rng([self.seed, self.epoch])
        order = balanced_order(self.labels, self.balance, generator)
        for batch in range(self.first_batch, self.batches_per_epoch):
            begin = batch * self.batch_size
            end = min(begin + self.batch_size, self.n_videos)
            # An incomplete last batch is filled from the front so that every process has as many.
            end += -(end - begin) % self.n_ranks
            share = (end - begin) // self.n_ranks
            begin += self.rank * share
            yield [
                Request(self.epoch, position, int(order[position % self.n_videos]))
                for position in range(begin, begin + share)
            ]


class EvaluationSampler(BatchSampler):
    """Every video once, in the order of the index, spread over the processes.

    Args:
        n_videos: Number of rows of the index.
        batch_size: Videos per batch of one process.
        rank: Number of this process.
        n_ranks: Number of processes.
    """

    def __init__(self, n_videos, batch_size, rank=0, n_ranks=1):
        self.rows = range(rank, n_videos, n_ranks)
        self.batch_size = batch_size

    @property
    def largest_batch(self):
        """How many videos the largest batch of this process has."""
        return min(self.batch_size, len(self.rows))

    def __len__(self):
        return -(-len(self.rows) // self.batch_size)

    def __iter__(self):
        for begin in range(0, len(self.rows), self.batch_size):
            yield list(self.rows[begin : begin + self.batch_size])
