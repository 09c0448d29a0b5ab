"""What a loader's worker process does before its first clip.

It ties its life to its parent's, leaves alone what it inherited, and keeps the memory that one clip
frees for the next.
"""

import ctypes
import gc
import multiprocessing
import os
import signal
import sys
from contextlib import contextmanager

PR_SET_PDEATHSIG = 1
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST_KEPT = 32 << 20
MOST_KEPT = 256 << 20


def can_work_apart():
    """Whether this system has what worker processes need: a fork, and an end with their parent."""
    return sys.platform == "linux" and hasattr(os, "fork") and hasattr(ctypes.CDLL(None), "prctl")


def prepare_worker(worker):
    """Make the worker end when the main process ends, and not before.

    A Ctrl-C or a launcher's SIGTERM goes to the whole process group, but workers must outlive it,
    so that the main process can finish its batch and save: they leave the group. Their end then
    hangs on the parent's: Paddle's own watchdog waits for ever where the parent was killed with
    batches still in the queue, so the kernel is asked to send a signal, one that no state of the
    worker can hold up.

    Args:
        worker: Number of the worker; Paddle passes it, nothing depends on it.
    """
    # The end of `garbage_kept`: what was inherited is never collected here, what is made here is.
    gc.freeze()
    gc.enable()
    keep_freed_memory()
    os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, _end)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != multiprocessing.parent_process().pid:
        # The parent went away before the kernel knew, or before this was called.
        _end(signal.SIGTERM, None)


@contextmanager
def garbage_kept():
    """Keep Python from collecting garbage while workers are forked, until `prepare_worker`.

    What the parent left behind is not the worker's to destroy: an object of Paddle's that threads
    of the parent waited for would wait for them for ever.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def check_shared_memory(workers):
    """Find out whether there is room for the locks of worker processes, before any is started.

    Paddle's loader fails in the middle of its beginning where there is none.

    Args:
        workers: Number of worker processes.

    Raises:
        OSError: There is none; it names /dev/shm, where the C library keeps them.
    """
    try:
        # As many as it makes: three for each worker, eight for what they share.
        locks = [multiprocessing.Semaphore() for _ in range(8 + 3 * workers)]
    except OSError as error:
        raise OSError(error.errno, error.strerror, "/dev/shm") from None
    del locks


def keep_freed_memory():
    """Let the C library of this process keep memory that is freed, up to 256 MiB.

    Every clip opens a decoder, whose frames are large enough for glibc to ask the system for them
    and to give them back at once: hundreds of page faults per clip of h264, about a twentieth of
    its time (`benchmarks/decoding.py`). Other C libraries have no such setting; nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT)
        mallopt(M_TRIM_THRESHOLD, MOST_KEPT)


def _end(signal_number, frame):
    # Python terminates workers in this way when the main process leaves; any other exit code
    # would make Paddle call it an error.
    os._exit(0)
