"""The processes that do one command together: they meet, share work, and notice a loss."""

import contextlib
import itertools
import math
import os
import queue
import secrets
import signal
import socket
import sys
import threading
from dataclasses import dataclass
from multiprocessing.connection import Client, Listener, Pipe, wait

from app.errors import UserError
from app.stop_signals import Stopped, stop_signals
from datasets.index.probing import file_state
from datasets.shown import shown

# Seconds without a word from a machine, after which it is taken for lost: asked every so often,
# for so many times.
SILENCE, QUESTIONS = 10, 3
# Seconds that a stopped process leaves process 0 to stop, too, before it hangs up.
PATIENCE = 10


class ProcessLostError(UserError):
    """Another process of the command has ended, or does not come along."""


class _Ready:
    """The message of a process before its results."""


@dataclass(frozen=True)
class _Ended:
    """The last message of a process that fails."""

    words: str


@dataclass(frozen=True)
class Helped:
    """The result of a command in all processes but process 0, which has the whole.

    Args:
        exit_code: 0, or 128 + the number of the signal that ended it.
    """

    exit_code: int

    def __str__(self):
        return ""


class Processes:
    """All processes of a command, seen from one of them; used as a context manager around it.

    `paddle.distributed.launch` starts them. They have connections of their own: Paddle's transport
    for the CPU gives up on whoever is 30 s late, which a slow disk easily is, without a way to
    change that; and a process that is gone ends the others with a dump of C++.

    Only process 0 prints results.

    Args:
        go_on: What to do when one of them was lost, for the user.
        timeout: Seconds that `any` waits for the others; None for ever.

    Attributes:
        rank: Number of this process.
        number: Number of processes.
    """

    def __init__(self, go_on, timeout=None):
        self.rank = int(os.environ.get("PADDLE_TRAINER_ID", 0))
        self.number = int(os.environ.get("PADDLE_TRAINERS_NUM", 1))
        self.go_on = go_on
        self.timeout = timeout
        # The others by rank; only process 0 knows all, the rest know it alone.
        self._links = {}
        self._cleanup = contextlib.ExitStack()
        self._watch = contextlib.ExitStack()

    def __enter__(self):
        if self.number > 1:
            self._connect()
            for link in self._links.values():
                self._cleanup.callback(link.close)
                _notice_silence(link)
        if self.rank > 0:
            nowhere = self._cleanup.enter_context(open(os.devnull, "w"))
            self._cleanup.enter_context(contextlib.redirect_stdout(nowhere))
        return self

    def __exit__(self, kind, error, _):
        self._watch.close()
        if error is not None:
            words = " ".join(str(error).split()) or kind.__name__
            if not isinstance(error, UserError):
                words = f"{kind.__name__}: {words}"
            if not isinstance(error, ProcessLostError):
                words = f"process {self.rank} of {self.number} has ended: {words}"
            for link in self._links.values():
                with contextlib.suppress(OSError):
                    link.send(_Ended(words))
        self._links = {}
        self._cleanup.close()

    def _connect(self):
        # Here, because it takes seconds, which one process alone can do without.
        import paddle.distributed as dist

        dist.init_parallel_env()
        if self.rank == 0:
            host = dist.ParallelEnv().trainer_endpoints[0].rpartition(":")[0]
            key = secrets.token_bytes(32)
            with Listener((host, 0), backlog=self.number, authkey=key) as listener:
                dist.broadcast_object_list([(listener.address, key)], src=0)
                for _ in range(1, self.number):
                    link = listener.accept()
                    self._links[link.recv()] = link
        else:
            told = [None]
            dist.broadcast_object_list(told, src=0)
            address, key = told[0]
            self._links[0] = Client(address, authkey=key)
            self._links[0].send(self.rank)

    def any(self, mine):
        """Meet, and find out whether any process says yes.

        Args:
            mine: Whether this one does.

        Raises:
            ProcessLostError: One of them is gone, or does not come in time.
        """
        if self.rank > 0:
            self._send(0, mine)
            return self._receive(0)
        answer = any([mine, *(self._receive(rank) for rank in self._links)])
        for rank in self._links:
            self._send(rank, answer)
        return answer

    def share(self, work, items, facts=None):
        """Have all processes do a part of a work; for process 0, while the others `help`.

        Args:
            work: Called with a list of items, yields as many results, which can be pickled.
            items: List of them.
            facts: Called with a list of items, gives a dict name -> value of what all processes
                must find alike before they begin, such as `seen`; or None.

        Yields:
            The results: those of any process in the order in which it gives them, and one of each
            process in turn. Where every process gives them in the order of its items, they are in
            the order of the items.

        Raises:
            ProcessLostError: One of them is gone, or finds other facts.
        """
        if self.number == 1:
            return work(items)
        return self._share(work, items, facts or _no_facts)

    def _share(self, work, items, facts):
        shares = [items[rank :: self.number] for rank in range(self.number)]
        owed = {rank: 1 + len(shares[rank]) for rank in self._links}
        inboxes = self._watch.enter_context(self._watching(owed))
        for rank in self._links:
            self._send(rank, (shares[rank], facts(shares[rank])))
        for inbox in inboxes.values():
            assert isinstance(inbox.get(), _Ready)
        with contextlib.closing(work(shares[0])) as own:
            for number in range(len(items)):
                rank = number % self.number
                yield inboxes[rank].get() if rank else next(own)

    def help(self, work, facts=None):
        """Do this process's part of what process 0 shares.

        Args:
            work, facts: As of `share`, and the same.

        Returns:
            `Helped`.

        Raises:
            ProcessLostError: Process 0 is gone.
            UserError: It found other facts.
        """
        try:
            with stop_signals():
                inboxes = self._watch.enter_context(self._watching({0: math.inf}))
                items, wanted = inboxes[0].get()
                self._compare(wanted, (facts or _no_facts)(items))
                with contextlib.closing(work(items)) as results:
                    for number, message in enumerate(itertools.chain([_Ready()], results)):
                        if number == len(items):
                            # With the last one, process 0 may end.
                            self._watch.close()
                        self._send(0, message)
        except Stopped as stop:
            self._watch.close()
            # Process 0 was told to stop, too, and says what is kept.
            self._links[0].poll(PATIENCE)
            return Helped(128 + stop.signal_number)
        return Helped(0)

    def _compare(self, wanted, mine):
        for name in {**wanted, **mine}:
            if wanted.get(name) != mine.get(name):
                raise UserError(
                    f"{shown(name)}: {wanted.get(name)} for process 0, {mine.get(name)} for this "
                    "one; all processes need the same files, in a folder that they share"
                )

    @contextlib.contextmanager
    def _watching(self, owed):
        """Take in what the others send, and interrupt what is done here when one of them is lost.

        Args:
            owed: Rank -> number of messages, after which a process may end.

        Yields:
            Rank -> queue of its messages.
        """
        inboxes = {rank: queue.SimpleQueue() for rank in self._links}
        ranks = {link: rank for rank, link in self._links.items()}
        hung_up, hang_up = Pipe(duplex=False)
        losses = []
        main = threading.main_thread().ident

        def watch():
            while ranks:
                for link in wait([*ranks, hung_up]):
                    if link is hung_up:
                        return
                    try:
                        message = self._read(ranks[link])
                    except ProcessLostError as error:
                        losses.append(error)
                        signal.pthread_kill(main, signal.SIGUSR1)
                        return
                    inboxes[ranks[link]].put(message)
                    owed[ranks[link]] -= 1
                    if not owed[ranks[link]]:
                        del ranks[link]

        def interrupt(number, frame):
            if losses:
                raise losses.pop()

        before = signal.signal(signal.SIGUSR1, interrupt)
        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield inboxes
        finally:
            hang_up.close()
            watcher.join()
            hung_up.close()
            signal.signal(signal.SIGUSR1, before)

    def _send(self, rank, message):
        try:
            self._links[rank].send(message)
        except OSError:
            raise self._lost(rank, "has ended") from None

    def _receive(self, rank):
        with contextlib.suppress(OSError):
            if not self._links[rank].poll(self.timeout):
                late = f"has not come along for {self.timeout} s (--train.process_timeout)"
                raise self._lost(rank, late)
        return self._read(rank)

    def _read(self, rank):
        try:
            message = self._links[rank].recv()
        except (EOFError, OSError):
            raise self._lost(rank, "has ended") from None
        if isinstance(message, _Ended):
            raise ProcessLostError(message.words)
        return message

    def _lost(self, rank, what):
        return ProcessLostError(
            f"process {rank} of {self.number} {what}; its log in the launcher's --log_dir says "
            "why, and where it says nothing, it was most likely killed because memory ran out; "
            f"{self.go_on}"
        )


def seen(paths):
    """What files are on the disk, as facts for `Processes.share`."""
    facts = {}
    for path in paths:
        size, modified = file_state(path)
        facts[str(path)] = "not there" if size < 0 else f"{size} bytes of {modified}"
    return facts


def _no_facts(items):
    return {}


def _notice_silence(link):
    """Have the system end a connection where the other machine does not answer any more."""
    if sys.platform != "linux":
        return
    with socket.socket(fileno=os.dup(link.fileno())) as end:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, SILENCE)
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, SILENCE)
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, QUESTIONS)
        milliseconds = SILENCE * (QUESTIONS + 1) * 1000
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
