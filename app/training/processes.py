"""The processes that train together: they wait for each other, and notice when one is gone."""

import contextlib
import secrets
from multiprocessing.connection import Client, Listener

import paddle
import paddle.distributed as dist

from app.errors import UserError

YES, NO = b"1", b"0"


class ProcessLostError(UserError):
    """Another process of the training has ended, or does not come along."""


class Processes:
    """All processes of a training, seen from one of them; used as a context manager around it.

    Before they exchange anything through Paddle, they meet over connections of their own. Paddle's
    transport for the CPU gives up on whoever is 30 s late, which a slow disk easily is, without a
    way to change that; and a process that is gone ends the others with a dump of C++.

    Args:
        timeout: Seconds to wait for the others.
    """

    def __init__(self, timeout):
        self.rank = dist.get_rank()
        self.number = dist.get_world_size()
        self.timeout = timeout
        # The others by rank; only process 0 knows all, the rest know it alone.
        self._links = {}

    def __enter__(self):
        if self.number > 1:
            dist.init_parallel_env()
            self._connect()
        return self

    def __exit__(self, *_):
        for link in self._links.values():
            link.close()
        self._links = {}

    def _connect(self):
        if self.rank == 0:
            host = dist.ParallelEnv().trainer_endpoints[0].rpartition(":")[0]
            key = secrets.token_bytes(32)
            with Listener((host, 0), backlog=self.number, authkey=key) as listener:
                dist.broadcast_object_list([(listener.address, key)], src=0)
                for _ in range(1, self.number):
                    link = listener.accept()
                    self._links[int(link.recv_bytes())] = link
        else:
            told = [None]
            dist.broadcast_object_list(told, src=0)
            address, key = told[0]
            self._links[0] = Client(address, authkey=key)
            self._links[0].send_bytes(str(self.rank).encode())

    def any(self, mine):
        """Meet, and find out whether any process says yes.

        Args:
            mine: Whether this one does.

        Raises:
            ProcessLostError: One of them is gone, or does not come in time.
        """
        word = YES if mine else NO
        if self.rank > 0:
            self._send(0, word)
            return self._receive(0) == YES
        words = [word, *(self._receive(rank) for rank in self._links)]
        answer = YES in words
        for rank in self._links:
            self._send(rank, YES if answer else NO)
        return answer

    def average(self, tensors):
        """Make tensors the means over all processes, in place.

        Args:
            tensors: List of tensors, of the same shapes everywhere.

        Raises:
            ProcessLostError: As for `any`.
        """
        if self.number == 1:
            return
        flat = paddle.concat([tensor.reshape([-1]) for tensor in tensors])
        with self.exchanging():
            dist.all_reduce(flat)
        flat.scale_(1.0 / self.number)
        for tensor, mean in zip(tensors, flat.split([t.size for t in tensors]), strict=True):
            paddle.assign(mean.reshape(tensor.shape), tensor)

    @contextlib.contextmanager
    def exchanging(self):
        """Meet before a block in which Paddle exchanges something between the processes.

        Raises:
            ProcessLostError: As for `any`; or one of them is lost in the block.
        """
        if self.number == 1:
            yield
            return
        self.any(False)
        try:
            yield
        except RuntimeError as error:
            words = str(error).strip().splitlines()[0]
            raise ProcessLostError(
                f"a process of this training was lost in the middle of an exchange ({words}); "
                f"{_WHAT_TO_DO}"
            ) from None

    def _send(self, rank, word):
        try:
            self._links[rank].send_bytes(word)
        except OSError:
            raise self._lost(rank, "has ended") from None

    def _receive(self, rank):
        link = self._links[rank]
        try:
            if link.poll(self.timeout):
                return link.recv_bytes()
        except (EOFError, OSError):
            raise self._lost(rank, "has ended") from None
        raise self._lost(rank, f"has not come along for {self.timeout} s (--train.process_timeout)")

    def _lost(self, rank, what):
        return ProcessLostError(f"process {rank} of {self.number} {what}; {_WHAT_TO_DO}")


_WHAT_TO_DO = (
    "its log in the launcher's --log_dir says why, and where it says nothing, it was most likely "
    "killed because memory ran out; go on with --resume"
)
