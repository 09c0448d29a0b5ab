"""Videos that could not be read: named once each, kept in failures.jsonl, and only so many."""

import json
import sys
from pathlib import Path

from app.errors import UserError


class TooManyFailuresError(UserError):
    """More videos are unreadable than the run was told to bear."""


class FailureLog:
    """Writes down every unreadable video once and ends the run when there are too many.

    Args:
        path: failures.jsonl; what an earlier part of the run wrote there counts.
        limit: How many failed videos the run bears; None for any number.
    """

    def __init__(self, path, limit=None):
        self.path = Path(path)
        self.limit = limit
        self.failed = {}
        self._read()

    def _read(self):
        if self.path.exists():
            for line in self.path.read_text().splitlines():
                try:
                    record = json.loads(line)
                except ValueError:
                    # Half a line, from the moment the run was killed.
                    continue
                self.failed[record["path"]] = record["reason"]

    def record(self, failure):
        """
        Args:
            failure: ``datasets.clips.sample.Failure``.

        Raises:
            TooManyFailuresError: This is one failed video too many.
        """
        if failure.path in self.failed:
            return
        # Another process of the same run may have met it first.
        self._read()
        if failure.path in self.failed:
            return
        self.failed[failure.path] = failure.reason
        print(f"cannot read {failure.path}: {failure.reason}", file=sys.stderr, flush=True)
        with self.path.open("a") as file:
            file.write(json.dumps({"path": failure.path, "reason": failure.reason}) + "\n")
        if self.limit is not None and len(self.failed) > self.limit:
            raise TooManyFailuresError(
                f"{len(self.failed)} videos could not be read, --data.max_failures allows "
                f"{self.limit}; {self.path} names each with its reason"
            )


def failure_limit(max_failures, n_videos):
    """The number of failed videos that ``--data.max_failures`` allows.

    Args:
        max_failures: A whole number counts videos, a float is a share of them.
        n_videos: Number of videos of the run.
    """
    return max_failures if isinstance(max_failures, int) else int(max_failures * n_videos)
