"""Text files that survive an interruption: a journal of finished work, and files written whole."""

import os
import tempfile
from contextlib import contextmanager


@contextmanager
def open_journal(path):
    """A file of lines, open for reading and appending, without a half-written last line."""
    with open(path, "a+", encoding="ascii", errors="replace") as journal:
        journal.seek(0)
        complete = 0
        while (line := journal.readline()).endswith("\n"):
            complete = journal.tell()
        if line:
            journal.truncate(complete)
        journal.seek(0)
        yield journal


def write_text(path, text):
    """Writes a text file: complete or not at all."""
    with tempfile.NamedTemporaryFile(
        "w",
        dir=os.path.dirname(path),
        suffix=".partial",
        delete=False,
        encoding="utf-8",
        errors="surrogateescape",
    ) as file:
        file.write(text)
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)
