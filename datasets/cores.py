"""How many cores there are to work on."""

import os


def available_cores():
    """The number of cores this process may use; of the machine where the system does not tell."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
