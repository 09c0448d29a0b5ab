"""The records of an evaluation under way, in a file that outlives an interruption."""

import json
from pathlib import Path

import numpy as np

from app.errors import UserError
from app.evaluation.scores import record_type


class Progress:
    """The file.

    It begins with a line of JSON that says what is evaluated; the records follow as they are in
    memory. Half a record at the end, from the moment of a crash, is cut off.

    Args:
        path: The file.
        settings: Everything the records depend on, as plain values by name.
        n_classes: Number of classes.
    """

    def __init__(self, path, settings, n_classes):
        self.path = Path(path)
        self._settings = settings
        self._type = record_type(n_classes)

    def begin(self):
        """Start a new file."""
        self.path.write_bytes(json.dumps(self._settings).encode() + b"\n")

    def resume(self):
        """Read what an interrupted evaluation found.

        Returns:
            Its records; none where nothing was interrupted.

        Raises:
            UserError: It was the evaluation of something else.
        """
        if not self.path.is_file():
            self.begin()
            return np.empty(0, self._type)
        head, newline, body = self.path.read_bytes().partition(b"\n")
        try:
            before = json.loads(head)
        except ValueError:
            before = None
        if not newline or not isinstance(before, dict):
            self.begin()
            return np.empty(0, self._type)
        for name, value in self._settings.items():
            if before.get(name) != value:
                raise UserError(
                    f"--resume: the evaluation interrupted in {self.path} was of another {name} "
                    f"({before.get(name)}, now {value}); leave --resume out to begin anew"
                )
        whole = len(body) // self._type.itemsize * self._type.itemsize
        with self.path.open("r+b") as file:
            file.truncate(len(head) + 1 + whole)
        return np.frombuffer(body[:whole], self._type)

    def add(self, records):
        """Append records; they are in the file when this returns."""
        with self.path.open("ab") as file:
            file.write(records.tobytes())

    def remove(self):
        """Remove the file: the evaluation is complete."""
        self.path.unlink(missing_ok=True)
