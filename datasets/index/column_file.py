"""One compact file of numpy arrays by name: what an index is kept in."""

import zipfile
import zlib
from functools import partial

import numpy as np

from datasets.annotations.errors import AnnotationError
from datasets.durable import write_atomically

FILE_FORMAT = 1
# What numpy raises on files that are no archive, or a damaged one.
DAMAGE = (
    ValueError,
    EOFError,
    KeyError,
    AttributeError,
    NotImplementedError,
    RuntimeError,
    MemoryError,
    OverflowError,
    zipfile.BadZipFile,
    zlib.error,
)


def write_columns(path, columns):
    """Write arrays to a file: complete or not at all.

    Args:
        path: The file.
        columns: Arrays by name.

    Raises:
        OSError: It cannot be written.
    """
    format_ = np.int32(FILE_FORMAT)
    write_atomically(path, partial(np.savez_compressed, format=format_, **columns))


def read_columns(path):
    """Read the arrays of a file that `write_columns` wrote.

    Returns:
        Arrays by name.

    Raises:
        AnnotationError: It is missing, damaged or no such file.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            columns = {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise AnnotationError(f"{path}: there is no such index file") from None
    except OSError as error:
        raise AnnotationError(f"{path}: cannot be read: {error.strerror or error}") from error
    except DAMAGE as error:
        raise AnnotationError(f"{path}: not an index file, or a damaged one: {error}") from error
    if columns.get("format") != FILE_FORMAT:
        raise AnnotationError(f"{path}: not an index file of format {FILE_FORMAT}; make it anew")
    return columns
