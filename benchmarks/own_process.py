"""Times functions that each live in a process of their own, as readers live in a loader's workers.

In one process they would disturb each other: one's large arrays change how the allocator serves
the next, and libraries bring settings of their own.
"""

import multiprocessing
import time


class OwnProcess:
    """A process that runs one function again and again, on the core of its parent.

    Args:
        function: What it runs.
        prepare: Called once, before the first run; None for nothing.
    """

    def __init__(self, function, prepare=None):
        fork = multiprocessing.get_context("fork")
        self._connection, theirs = fork.Pipe()
        self._process = fork.Process(target=_serve, args=(function, prepare, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def time(self, calls):
        """Run the function several times in a row, as a worker does.

        Args:
            calls: List of its arguments, a tuple per run.

        Returns:
            Processor seconds of each run: those that the function returns, or those it took when
            it returns None; NaN where it failed. And what it failed with last, or None.
        """
        self._connection.send(calls)
        return self._connection.recv()

    def close(self):
        """End the process."""
        self._connection.close()
        self._process.terminate()
        self._process.join()


def _serve(function, prepare, connection):
    if prepare is not None:
        prepare()
    while True:
        try:
            calls = connection.recv()
        except EOFError:
            return
        seconds, error = [], None
        for args in calls:
            began = time.process_time()
            try:
                own = function(*args)
            except Exception as raised:  # A way that fails on a file is reported, not the end.
                error = f"{type(raised).__name__}: {str(raised)[:80]}"
                own = float("nan")
            seconds.append(time.process_time() - began if own is None else own)
        connection.send((seconds, error))
