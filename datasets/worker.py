"""What a loader's worker process does before its first clip.

It ties its life to its parent's, and keeps the memory that one clip frees for the next.
"""

import ctypes
import os
import signal
import sys

from datasets.allocator import keep_freed_memory

PR_SET_PDEATHSIG = 1


def prepare_worker(worker):
    """Make the worker end when the main process ends, and not before.

    A Ctrl-C or a launcher's SIGTERM goes to the whole process group, but workers must outlive it,
    so that the main process can finish its batch and save: they leave the group. Their end then
    hangs on the parent's: Paddle's own watchdog waits for ever where the parent was killed with
    batches still in the queue, so the kernel is asked to send a signal.

    Args:
        worker: Number of the worker; Paddle passes it, nothing depends on it.
    """
    keep_freed_memory()
    os.setpgid(0, 0)
    parent = os.getppid()
    signal.signal(signal.SIGTERM, _end)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            # The parent went away before the kernel knew.
            _end(signal.SIGTERM, None)


def _end(signal_number, frame):
    # Python terminates workers in this way when the main process leaves; any other exit code
    # would make Paddle call it an error.
    os._exit(0)
