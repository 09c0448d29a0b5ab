"""Keeps the memory that one clip frees for the next."""

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST_KEPT = 32 << 20
MOST_KEPT = 256 << 20


def keep_freed_memory():
    """Let the C library of this process keep memory that is freed, up to 256 MiB.

    Every clip opens a decoder, whose frames are large enough for glibc to ask the system for them
    and to give them back at once: hundreds of page faults per clip of h264, about a twentieth of
    its time (``benchmarks/decoding.py``). Other C libraries have no such setting; nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT)
        mallopt(M_TRIM_THRESHOLD, MOST_KEPT)
