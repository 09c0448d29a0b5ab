"""How weights and app put files on the disk: complete or absent, even if the power goes."""

import contextlib
import hashlib
import os
import secrets
import shutil
from pathlib import Path

try:
    import fcntl
except ImportError:  # not a Unix
    fcntl = None

# What is not finished yet; no final name is part of it, so it fits wherever that one does.
_PART = ".part"


def write_atomically(path, write):
    """Write a file so that it is complete or absent.

    Args:
        path: The file.
        write: Called with the open binary file.

    Raises:
        OSError: The disk is full, or the folder cannot be written; the file is as it was.
    """
    write_together({path: write})


def write_together(writers):
    """Write several files, each complete or absent.

    All are written aside and reach the disk before the first takes its name: an error on the way
    leaves every file as it was.

    Args:
        writers: path -> a function that is called with the open binary file, in the order in
            which the files take their names.

    Raises:
        OSError: As for `write_atomically`.
    """
    aside = {Path(path): _new_name(Path(path).parent) for path in writers}
    try:
        for (path, part), write in zip(aside.items(), writers.values(), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(part, "xb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
        for path, part in aside.items():
            os.replace(part, path)
    finally:
        for part in aside.values():
            part.unlink(missing_ok=True)
    for folder in {path.parent for path in aside}:
        sync(folder)


@contextlib.contextmanager
def written_aside(folder, seal, stale=()):
    """A new folder that takes its name at the end of the block, or never exists.

    Where there is a folder of this name already, its files are replaced one by one: whatever else
    is in it stays, and while that goes on it has no seal, by which readers know that it is whole.

    Args:
        folder: The folder to be.
        seal: Name of the file that makes it whole; it must be written in the block.
        stale: Names of files that do not outlive a former folder, where the new one has none.

    Yields:
        Path of an empty folder beside it.

    Raises:
        OSError: The disk is full, or the place cannot be written; a folder that was there is as
            it was, unless this happened while its files were replaced.
    """
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = _new_name(folder.parent)
    aside.mkdir()
    try:
        yield aside
        for path in (*aside.iterdir(), aside):
            sync(path)
        if folder.is_dir():
            (folder / seal).unlink(missing_ok=True)
            names = [path.name for path in aside.iterdir() if path.name != seal]
            for name in set(stale) - {*names, seal}:
                (folder / name).unlink(missing_ok=True)
            for name in (*names, seal):
                os.replace(aside / name, folder / name)
            sync(folder)
        else:
            os.rename(aside, folder)
        sync(folder.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def append_whole(path, data):
    """Append to a file; where that fails, it ends as it did before.

    Args:
        path: The file, made where it is missing.
        data: Bytes.

    Raises:
        OSError: The disk is full, or the file cannot be written.
    """
    with open(path, "ab", buffering=0) as file:
        end = file.seek(0, os.SEEK_END)
        try:
            while data:
                # A disk that fills up takes the first part without complaint.
                data = data[file.write(data) :]
            os.fsync(file.fileno())
        except OSError:
            file.truncate(end)
            raise


def remove_unfinished(folder):
    """Remove what killed processes left unfinished in a folder that nobody else writes to."""
    for path in Path(folder).glob(f".*{_PART}"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(path):
    """Hold a lock that the kernel releases when this process ends in any way.

    Where the system or the file system has no locks, nothing is locked.

    Args:
        path: The file to lock, made where it is missing.

    Raises:
        BlockingIOError: Another process holds it.
        OSError: The file cannot be made.
    """
    with open(path, "ab") as file:
        if fcntl is not None:
            try:
                # Not flock: a forked worker that outlives this process would go on holding it.
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError):
                raise BlockingIOError(f"{path}: locked by another process") from None
            except OSError:
                pass
        yield


def sha256(path, progress=None):
    """SHA-256 of a file's content, in hexadecimal.

    Args:
        path: The file.
        progress: A `ByteProgress` to move on, or None.
    """
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
            if progress:
                progress.advance(len(block))
    return digest.hexdigest()


def sync(path):
    """Make sure that a file, or a folder's list of names, has reached the disk."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:
        # Windows opens no folders.
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _new_name(folder):
    return Path(folder) / f".{secrets.token_hex(4)}{_PART}"
