"""A few values that serve any number of clips."""

from collections.abc import Sequence


class InTurn(Sequence):
    """Values taken in turn, the first one again after the last.

    Args:
        values: List of them.
        length: How many are given out.
    """

    def __init__(self, values, length):
        self.values = values
        self._length = length

    def __len__(self):
        return self._length

    def __getitem__(self, k):
        if not 0 <= k < self._length:
            raise IndexError(k)
        return self.values[k % len(self.values)]
