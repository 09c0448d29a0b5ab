import gc
import multiprocessing
import os
import select
import signal
import time

from datasets.clips.worker import garbage_kept, prepare_worker

FORK = multiprocessing.get_context("fork")


def worker(parent, writing):
    while os.getppid() == parent:
        time.sleep(0.01)
    prepare_worker(0)
    os.write(writing, b"it works on for nobody")


def start_worker_and_die(writing):
    FORK.Process(target=worker, args=(os.getpid(), writing)).start()
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_whose_parent_was_killed_before_it_began_ends():
    reading, writing = os.pipe()
    parent = FORK.Process(target=start_worker_and_die, args=(writing,))
    parent.start()
    parent.join()
    os.close(writing)
    ready, _, _ = select.select([reading], [], [], 30)
    # The end of what nobody holds open any more.
    assert ready and os.read(reading, 100) == b""
    os.close(reading)


class Parents:
    """An object of the parent, in a circle, that must not be destroyed elsewhere."""

    def __init__(self, writing):
        self.circle, self.writing, self.owner = self, writing, os.getpid()

    def __del__(self):
        if os.getpid() != self.owner:
            os.write(self.writing, b"destroyed")


def collect():
    prepare_worker(0)
    gc.collect()
    os._exit(0 if gc.isenabled() else 1)


def test_a_worker_leaves_the_garbage_of_its_parent_alone():
    reading, writing = os.pipe()
    with garbage_kept():
        Parents(writing)
        process = FORK.Process(target=collect)
        process.start()
    process.join()
    os.close(writing)
    assert process.exitcode == 0 and gc.isenabled()
    assert os.read(reading, 100) == b""
    os.close(reading)
    gc.collect()
