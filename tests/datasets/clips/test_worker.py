import multiprocessing
import os
import select
import signal
import time

from datasets.clips.worker import prepare_worker

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
