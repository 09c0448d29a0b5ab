"""A progress bar over bytes, for files that take more than a moment."""

import sys

from tqdm import tqdm

LARGE_FILE = 64 * 2**20


class ByteProgress:
    """A bar that is shown for large files in a terminal, and otherwise costs nothing.

    Args:
        total: Bytes to come, all steps together.
        show: True or False, or None for: a large file and a terminal.
    """

    def __init__(self, total, show=None):
        if show is None:
            show = total >= LARGE_FILE and sys.stderr.isatty()
        self._bar = tqdm(
            total=total, unit="B", unit_scale=True, leave=False, disable=not show, ncols=80
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._bar.close()

    def begin(self, step):
        """Name the step that comes now."""
        self._bar.set_description(step)

    def advance(self, n_bytes):
        """Count bytes that are done."""
        self._bar.update(n_bytes)
