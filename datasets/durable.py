"""Files that survive an interruption: files written whole or not at all, and a journal of work."""

import os
import secrets
from contextlib import contextmanager, suppress

try:
    import fcntl
except ImportError:
    fcntl = None


class InUseError(OSError):
    """Another process is writing what this one wants to write."""


def write_atomically(path, write):
    """Write a file that is complete or, after any error, as it was before.

    Args:
        path: The file; its folder exists.
        write: Called with a binary file to write to.

    Raises:
        OSError: The file cannot be written, as on a full disk.
    """
    with written_aside(path) as aside, open(aside, "wb") as file:
        write(file)


def write_text(path, text):
    """Write a UTF-8 text file as `write_atomically` does; bytes of a path that are no text stay."""
    write_atomically(path, lambda file: file.write(text.encode("utf-8", "surrogateescape")))


@contextmanager
def written_aside(path, sync=True):
    """A file beside the wanted one, which takes its place when the block has written it.

    For writers that need a path; others use `write_atomically`. The name is hidden, and short
    whatever the wanted one is: a file system holds only so many bytes. An error in the block
    leaves nothing behind.

    Args:
        path: The file wanted; its folder exists.
        sync: Whether to wait until it is on the disk. A cache, which can be made again and notices
            damage, need not.

    Yields:
        The path to write to, an empty file.

    Raises:
        OSError: The file cannot be written.
    """
    folder = os.path.dirname(path)
    aside = os.path.join(folder, f".{secrets.token_hex(6)}.partial")
    # Not by tempfile, whose files nobody but their owner may read.
    os.close(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        yield aside
        if sync:
            _sync(aside)
        os.replace(aside, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(aside)
        raise
    if sync and os.name == "posix":
        # The new name, too.
        _sync(folder or ".")


def _sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def open_journal(path):
    """A file of lines, open for reading and appending, without a half-written last line.

    One process at a time has it open; the lock ends with the process, however that ends.

    Raises:
        InUseError: Another process has it open.
        OSError: It cannot be read or written.
    """
    with open(path, "a+", encoding="ascii", errors="replace") as journal:
        if not lock(journal):
            raise InUseError("another process is writing there")
        journal.seek(0)
        complete = 0
        while (line := journal.readline()).endswith("\n"):
            complete = journal.tell()
        if line:
            journal.truncate(complete)
        journal.seek(0)
        yield journal


def lock(file):
    """Lock an open file until it is closed.

    Returns:
        False where another process holds the lock. True, without a lock, where the system or the
        file system has none.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # Some network file systems know no locks.
        return True
    return True
