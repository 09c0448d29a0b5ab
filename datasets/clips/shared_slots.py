"""Memory in which worker processes hand arrays to the main process, again and again.

Paddle's loader makes a file in /dev/shm for every array: the kernel clears each of its pages
first, which is most of what its loader costs; the 64 MB that a container often has there are soon
full; and the files of a run that was killed stay. These pages have no name: they come from before
the fork, serve one batch after the other, and are gone with the last process.
"""

import math
import mmap

import numpy as np


class SharedSlots:
    """Some slots of equal size for each worker. Make it before the workers are forked.

    A slot belongs to its worker until it is handed over, by whatever carries its number, and to
    the main process from then until its release.

    Args:
        workers: Number of workers.
        per_worker: Slots of each.
        slot_bytes: Size of a slot.
    """

    def __init__(self, workers, per_worker, slot_bytes):
        self._per_worker = per_worker
        # Pages that no array ever reaches cost nothing.
        self._size = -(-slot_bytes // mmap.PAGESIZE) * mmap.PAGESIZE
        number = workers * per_worker
        memory = np.frombuffer(mmap.mmap(-1, number * self._size + number), np.uint8)
        self._slots = memory[: number * self._size].reshape(number, self._size)
        self._taken = memory[number * self._size :]

    def claim(self, worker, shape):
        """Find room for an array.

        Args:
            worker: Number of the worker that asks.
            shape: Of a uint8 array.

        Returns:
            The number of the slot and the array in it, to be filled; None where all slots of the
            worker are taken, or the array is too large for one.
        """
        first = worker * self._per_worker
        free = np.flatnonzero(self._taken[first : first + self._per_worker] == 0)
        if len(free) == 0 or math.prod(shape) > self._size:
            return None
        slot = first + int(free[0])
        self._taken[slot] = 1
        return slot, self.array(slot, shape)

    def array(self, slot, shape):
        """What a worker has put in a slot; good until its release."""
        return self._slots[slot, : math.prod(shape)].reshape(shape)

    def release(self, slot):
        """Give a slot back to its worker."""
        self._taken[slot] = 0
