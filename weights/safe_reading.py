"""Reads ``.pdparams`` and ``.pdopt`` files without running anything they contain.

These files are pickles, and a pickle may call any function when it is opened; ``paddle.load``
lets it. The reader here knows the handful of names that Paddle writes and answers each of them
with a stand-in of its own. Not even NumPy's unpickling code is handed a byte of the file: an
array is built only after its shape, its type and its number of bytes agree.
"""

import math
import os
import pickle
import reprlib

import numpy as np

from weights.errors import WeightsError
from weights.pickle_scan import HostilePickleError, scan

# Deeper than any state dict; a file made to exhaust the stack ends here.
DEEPEST_NESTING = 20
MOST_AXES = 32
PLAIN_VALUES = (str, int, float, bool, bytes, type(None))
# What paddle.save adds beside the tensors: their internal names, and how protocol 2 and 3 cut
# arrays above 1 GiB into pieces.
NAME_TABLE = "StructuredToParameterName@@"
PIECES_TABLE = "UnpackBigParamInfor@@"


def read_pdparams(path):
    """Read what ``paddle.save`` wrote for a network or an optimizer, safely.

    Args:
        path: A ``.pdparams`` or ``.pdopt`` file of any size, from Paddle 2.0 on.

    Returns:
        A dict from name to ``numpy.ndarray``, or to plain containers and values where the file
        has them (the learning-rate schedule of an optimizer). The arrays are read-only.

    Raises:
        WeightsError: The file cannot be opened, is damaged or no state dict, or holds anything
            but arrays and plain containers. Nothing of it has been executed then.
    """
    try:
        with open(path, "rb") as file:
            scan(file, os.fstat(file.fileno()).st_size)
            file.seek(0)
            loaded = _ArraysOnly(file, encoding="latin1").load()
        state = _plain(loaded, {})
        if not isinstance(state, dict) or not all(isinstance(key, str) for key in state):
            raise _NotAdmittedError("not a state dict: no names of tensors in it")
        return _join_pieces(state)
    except OSError as error:
        raise WeightsError(path, error.strerror or str(error)) from None
    except (_NotAdmittedError, HostilePickleError) as error:
        raise WeightsError(path, str(error)) from None
    except (
        # All that a damaged or forged pickle has been seen to end in.
        *(pickle.UnpicklingError, EOFError, AttributeError, LookupError, TypeError),
        *(ValueError, ArithmeticError, MemoryError, RecursionError, ImportError),
    ) as error:
        reason = f"not a Paddle weight file, or a damaged one ({type(error).__name__}: {error})"
        raise WeightsError(path, reason) from None


class _NotAdmittedError(Exception):
    """The file holds something that is neither an array nor a plain container."""


class _ArrayType:
    """Stands in for ``numpy.dtype``."""

    __slots__ = ("dtype",)

    def __init__(self, name, *_):
        if not isinstance(name, str) or name not in (
            *("f2", "f4", "f8", "b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"),
        ):
            raise _NotAdmittedError(f"an array of type {reprlib.repr(name)} is not admitted")
        self.dtype = np.dtype(name)

    def __setstate__(self, state):
        byte_order = state[1]
        if byte_order not in ("<", ">", "|", "="):
            raise _NotAdmittedError("an array with an impossible byte order")
        self.dtype = self.dtype.newbyteorder(byte_order)


class _Array:
    """Stands in for an array while its parts arrive."""

    __slots__ = ("value",)

    def __init__(self, *_):
        self.value = None

    def __setstate__(self, state):
        _, shape, array_type, column_major, data = state
        if isinstance(data, str):
            # Written by Python 2.
            data = data.encode("latin1")
        if type(array_type) is not _ArrayType or type(data) is not bytes:
            raise _NotAdmittedError("an array that is not made of numbers")
        # The bounds keep the product of forged lengths from taking hours.
        if not isinstance(shape, tuple) or len(shape) > MOST_AXES:
            raise _NotAdmittedError("an array with an impossible shape")
        if not all(type(n) is int and 0 <= n < 1 << 63 for n in shape):
            raise _NotAdmittedError("an array with an impossible shape")
        if math.prod(shape) * array_type.dtype.itemsize != len(data):
            raise _NotAdmittedError("an array whose size and shape differ")
        # A view: the bytes read from the file are the only copy.
        self.value = np.frombuffer(data, array_type.dtype).reshape(
            shape, order="F" if column_major else "C"
        )


def _scalar(array_type, data):
    array = _Array()
    array.__setstate__((1, (), array_type, False, data))
    return array.value.item()


def _latin1_bytes(text, encoding):
    # How pickle protocol 2 spells bytes.
    if encoding != "latin1":
        raise _NotAdmittedError(f"bytes in the encoding {reprlib.repr(encoding)} are not admitted")
    return text.encode("latin1")


# Stands in for ``numpy.ndarray``, which is named in the file but never called.
_ARRAY_CLASS = object()

_ADMITTED = {
    ("collections", "OrderedDict"): dict,
    ("builtins", "tuple"): tuple,
    ("__builtin__", "tuple"): tuple,
    ("numpy", "ndarray"): _ARRAY_CLASS,
    ("numpy", "dtype"): _ArrayType,
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("_codecs", "encode"): _latin1_bytes,
}


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module, name):
        try:
            return _ADMITTED[module, name]
        except KeyError:
            found = reprlib.repr(f"{module}.{name}")[1:-1]
            raise _NotAdmittedError(
                f"holds a {found}, and a weight file may hold arrays and plain "
                "containers only; it was not executed, do not open it elsewhere"
            ) from None


_UNFINISHED = object()


def _plain(value, seen, depth=0):
    """Replace the stand-ins by arrays, and refuse whatever else is left."""
    if depth > DEEPEST_NESTING:
        raise _NotAdmittedError("nested too deeply for a weight file")
    if type(value) in PLAIN_VALUES:
        return value
    if type(value) is _Array:
        if value.value is None:
            raise _NotAdmittedError("an array without content")
        return value.value
    # A container may be referred to many times: look at each once.
    if id(value) in seen:
        if seen[id(value)] is _UNFINISHED:
            raise _NotAdmittedError("a container that contains itself")
        return seen[id(value)]
    seen[id(value)] = _UNFINISHED
    if type(value) is dict:
        result = {key: _plain(item, seen, depth + 1) for key, item in value.items()}
        if not all(type(key) in PLAIN_VALUES for key in result):
            raise _NotAdmittedError("a dictionary with keys that are not plain values")
    elif type(value) in (list, tuple):
        result = type(value)(_plain(item, seen, depth + 1) for item in value)
        if type(value) is tuple and [type(item) for item in result] == [str, np.ndarray]:
            # paddle.save writes a nested tensor as a pair of its name and its array.
            result = result[1]
    else:
        raise _NotAdmittedError(f"holds a {type(value).__name__}, which is not plain data")
    seen[id(value)] = result
    return result


def _join_pieces(state):
    state.pop(NAME_TABLE, None)
    for name, pieces in state.pop(PIECES_TABLE, {}).items():
        parts = [state.pop(part) for part in pieces["slices"]]
        if not all(isinstance(part, np.ndarray) for part in parts):
            raise _NotAdmittedError(f"pieces of {reprlib.repr(name)} that are no arrays")
        state[name] = np.concatenate(parts).reshape(pieces["OriginShape"])
    return state
