"""Many strings in one block of bytes: what 650,000 paths cost when they are not Python objects."""

import os

import numpy as np

from datasets.annotations.errors import AnnotationError

# Rows gathered at a time by `take`, so that its temporary arrays stay small.
GATHER_ROWS = 65536


class TextColumn:
    """An immutable list of strings held as one block of bytes and the offsets into it.

    Args:
        block: uint8 `[n_bytes]`, the strings one after another as the file system spells them.
        offsets: int64 `[n + 1]`; string `i` is `block[offsets[i]:offsets[i + 1]]`.
    """

    def __init__(self, block, offsets):
        self.block = block
        self.offsets = offsets

    @classmethod
    def from_strings(cls, strings):
        """Build a column from an iterable of strings, read once."""
        block = bytearray()
        lengths = []
        for text in strings:
            encoded = os.fsencode(text)
            block += encoded
            lengths.append(len(encoded))
        return cls.from_lengths(np.frombuffer(bytes(block), np.uint8), lengths)

    @classmethod
    def from_lengths(cls, block, lengths):
        """Build a column from its bytes and the length of every string, in bytes."""
        offsets = np.zeros(len(lengths) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        return cls(block, offsets)

    @classmethod
    def joined(cls, columns):
        """The strings of several columns, one after the other."""
        return cls.from_lengths(
            np.concatenate([column.block for column in columns]),
            np.concatenate([column.lengths for column in columns]),
        )

    @classmethod
    def from_columns(cls, path, columns, name):
        """Take a column out of the arrays of a file.

        Args:
            path: The file, for messages.
            columns: Arrays by name.
            name: Of the column; its arrays are `<name>.bytes` and `<name>.lengths`.

        Raises:
            AnnotationError: They are missing, or do not fit together.
        """
        try:
            block, lengths = columns[f"{name}.bytes"], columns[f"{name}.lengths"]
        except KeyError as error:
            raise AnnotationError(f"{path}: no index file, {error} is missing") from error
        column = cls.from_lengths(block, lengths)
        if block.dtype != np.uint8 or (lengths < 0).any() or column.offsets[-1] != len(block):
            raise AnnotationError(f"{path}: a damaged index file, {name} does not fit together")
        return column

    def __len__(self):
        return len(self.offsets) - 1

    def __getitem__(self, row):
        if not -len(self) <= row < len(self):
            raise IndexError(f"row {row} of a column of {len(self)}")
        row = int(row) % len(self)
        # fsencode and fsdecode carry names that are not valid UTF-8 through unharmed.
        return os.fsdecode(self.block[self.offsets[row] : self.offsets[row + 1]].tobytes())

    def __iter__(self):
        return (self[row] for row in range(len(self)))

    @property
    def lengths(self):
        """int64 `[n]`, the length of every string in bytes."""
        return np.diff(self.offsets)

    def take(self, rows):
        """Return the column of the given rows, in their order.

        Args:
            rows: int `[k]`, each from 0 to `len(self) - 1`.
        """
        taken = TextColumn.from_lengths(None, self.lengths[rows])
        taken.block = np.empty(taken.offsets[-1], np.uint8)
        for begin in range(0, len(rows), GATHER_ROWS):
            end = min(begin + GATHER_ROWS, len(rows))
            lengths = taken.lengths[begin:end]
            first_byte, last_byte = taken.offsets[begin], taken.offsets[end]
            # Byte j of the result lies as far from its string's start as in the source.
            shifts = self.offsets[rows[begin:end]] - taken.offsets[begin:end]
            source = np.arange(first_byte, last_byte) + np.repeat(shifts, lengths)
            taken.block[first_byte:last_byte] = self.block[source]
        return taken
