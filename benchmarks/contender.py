"""Contenders that live in processes of their own and take steps in turn, when they are asked to.

In one process their libraries would share threads and memory; one after the other, a machine that
is not quiet would favour one of them.
"""

import argparse
import os
import subprocess
import sys
import time

from datasets.cores import available_cores


class Contender:
    """A process that takes a step whenever it is asked to; it runs `serve`.

    Args:
        words: What follows `python -m`.
        threads: Number of threads it is to compute with.
        environment: Further variables of its environment.

    Attributes:
        refusal: Why it cannot run here; None where it can.
    """

    def __init__(self, words, threads, environment=None):
        self._process = subprocess.Popen(
            [sys.executable, "-m", *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **(environment or {}), "OMP_NUM_THREADS": str(threads)},
            text=True,
        )
        self.refusal = None
        answer = self._process.stdout.readline().strip()
        if answer != "ready":
            self.refusal = answer or "it could not start"

    def step(self, word=""):
        """Take a step, of the kind that the word names; returns the numbers that it measured."""
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        return [float(number) for number in self._process.stdout.readline().split()]

    def close(self):
        """End the process."""
        self._process.stdin.close()
        self._process.wait()


def serve(prepare, clock):
    """Take a step for every line that comes in: what a contender's process does.

    Args:
        prepare: Makes the function that takes a step and is given the line. It returns the numbers
            that it measured; None for the milliseconds that it took.
        clock: Gives the time in seconds.
    """
    try:
        step = prepare()
    except Exception as error:  # A contender that cannot run here is a row that says so.
        print(str(error).splitlines()[0], flush=True)
        return
    print("ready", flush=True)
    for line in sys.stdin:
        began = clock()
        numbers = step(line.strip())
        if numbers is None:
            numbers = [(clock() - began) * 1e3]
        print(*numbers, flush=True)


def parse_timing(parser):
    """Parse the command line of a script of contenders, with the options that all of them have.

    Args:
        parser: An `argparse.ArgumentParser` with the options of its own.

    Returns:
        The options, among them `rounds`, `threads` and `serve`, the name of the contender that the
        process is; and the clock to time steps with.
    """
    parser.add_argument("--rounds", type=int, default=9, help="steps of each contender")
    parser.add_argument("--threads", type=int, default=available_cores())
    parser.add_argument(
        "--processor-time",
        action="store_true",
        help="for a machine that is not quiet: one thread, and the time that it was given",
    )
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.processor_time:
        options.threads = 1
    return options, time.process_time if options.processor_time else time.perf_counter
