"""Memory that one training step frees is there for the next."""

import ctypes
from functools import lru_cache

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_NEVER = 2**31 - 1


@lru_cache(maxsize=1)
def keep_freed_memory():
    """Ask glibc to keep freed memory in the process instead of returning it to the kernel.

    Every large tensor of a step is otherwise mapped anew and filled with zeros page by page by
    the kernel: a tenth of a bfloat16 step. Another C library has no such switch, and then
    nothing changes.
    """
    switch = getattr(ctypes.CDLL(None), "mallopt", None)
    if switch is not None:
        switch(_MMAP_MAX, 0)
        switch(_TRIM_THRESHOLD, _NEVER)
