"""Videos that could not be read: named once each, kept in failures.jsonl, and only so many."""

import json
import sys
from pathlib import Path

from tqdm import tqdm

from app.errors import UserError
from datasets.shown import counted, shown


class TooManyFailuresError(UserError):
    """More videos are unreadable than the run was told to bear."""


class FailureLog:
    """Writes down every unreadable video once and ends the run when there are too many.

    The processes of a run share the file: what one of them writes, each of them names.

    Args:
        path: failures.jsonl; what an earlier part of the run wrote there counts.
        limit: How many failed videos the run bears; None for any number.

    Attributes:
        failed: Path -> reason of the videos known to have failed.
    """

    def __init__(self, path, limit=None):
        self.path = Path(path)
        self.limit = limit
        self.failed = {}
        self._bytes_read = 0
        self.failed.update(self._read_new())

    def record(self, failure):
        """Write a failure down, unless it was.

        Args:
            failure: `datasets.clips.sample.Failure`.

        Raises:
            TooManyFailuresError: This is one failed video too many.
        """
        # Another process of the same run may have met it first.
        self.update()
        if failure.path in self.failed:
            return
        record = {"path": failure.path, "reason": failure.reason}
        with self.path.open("ab", buffering=0) as file:
            # Half a line is left where a process died while it wrote.
            ending = b"" if file.tell() == self._bytes_read else b"\n"
            file.write(ending + json.dumps(record).encode() + b"\n")
        self.update()

    def update(self):
        """Name the videos that were written down since, by this or by another process.

        Raises:
            TooManyFailuresError: They are too many.
        """
        found = {path: reason for path, reason in self._read_new() if path not in self.failed}
        for path, reason in found.items():
            tqdm.write(f"cannot read {shown(path)}: {shown(reason)}", file=sys.stderr)
        sys.stderr.flush()
        self.failed.update(found)
        if found and self.limit is not None and len(self.failed) > self.limit:
            raise TooManyFailuresError(
                f"{counted(len(self.failed), 'video')} could not be read, "
                f"--data.max_failures allows {self.limit}; {self.path} names each with its reason"
            )

    def _read_new(self):
        """Yield path and reason of each whole line behind what was read before."""
        if not self.path.exists() or self.path.stat().st_size == self._bytes_read:
            return
        with self.path.open("rb") as file:
            file.seek(self._bytes_read)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._bytes_read += len(line)
                try:
                    record = json.loads(line)
                    yield record["path"], record["reason"]
                except (ValueError, TypeError, KeyError):
                    # Half a line, from the moment the run was killed.
                    continue


def failure_limit(max_failures, n_videos):
    """The number of failed videos that `--data.max_failures` allows.

    Args:
        max_failures: A whole number counts videos, a float is a share of them.
        n_videos: Number of videos of the run.
    """
    return max_failures if isinstance(max_failures, int) else int(max_failures * n_videos)
