"""One function over many items in worker processes that end with their parent."""

import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait

# A fresh interpreter per worker: a fork would copy the threads' locks of whatever is loaded.
START_METHOD = "spawn"
# Items handed out per worker before the next are: bounds what a crash makes us look at again.
BATCH = 256


def call(work, items):
    """Call a work with its items: nobody else does a part of it."""
    return work(items)


def map_in_processes(function, items, workers, crashed, chunk=1):
    """Yield `function(item)` for every item, in their order.

    Args:
        function: Can be pickled, as can its results.
        items: List of what it is called with.
        workers: Number of processes; 1 stays in this one.
        crashed: Called with an item whose process died of it; gives the result in its place.
        chunk: How many items travel to a worker at once; more than one when they are quick.
    """
    if workers == 1 or len(items) < 2:
        yield from map(function, items)
        return
    pool = _new_pool(workers)
    try:
        for begin in range(0, len(items), BATCH * workers):
            batch = items[begin : begin + BATCH * workers]
            done = 0
            try:
                for result in pool.map(function, batch, chunksize=chunk):
                    done += 1
                    yield result
            except BrokenProcessPool:
                pool.shutdown()
                yield from _map_singly(function, batch[done:], crashed)
                pool = _new_pool(workers)
    finally:
        pool.shutdown(cancel_futures=True)


def _map_singly(function, items, crashed):
    """One after the other, since one of them ends its process, to tell which."""
    pool = _new_pool(1)
    try:
        for item in items:
            try:
                yield pool.submit(function, item).result()
            except BrokenProcessPool:
                pool.shutdown()
                pool = _new_pool(1)
                yield crashed(item)
    finally:
        pool.shutdown(cancel_futures=True)


def _new_pool(workers):
    return ProcessPoolExecutor(
        workers, mp_context=get_context(START_METHOD), initializer=_end_with_parent
    )


def _end_with_parent():
    """Tie a worker's life to its parent's: killed, the parent cannot tell it to stop.

    Ctrl-C reaches the whole group of processes; what to do about it the parent alone decides.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch():
        wait([parent_process().sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
