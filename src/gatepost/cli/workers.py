"""Several server processes on one socket, for a database on a server: started, kept at their number, stopped together.

The processes share nothing but the listening socket, which is open before the first of them starts; the database keeps
them in step, as it keeps machines in step. One that dies costs the requests that it was answering, and is replaced. They
are in process groups of their own, so that the terminal's Ctrl-C reaches the parent alone, which tells them once.
"""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import NamedTuple, TypeAlias

from gatepost.cli.output import say

SETTLED_SECONDS = 1.0
"""How long a process must have lived to be replaced at once; one that dies sooner is not started again and again."""

STOPPING = (signal.SIGTERM, signal.SIGINT)

ServeOne: TypeAlias = Callable[[int, Callable[[], None]], int]
"""Serves in this process until it is told to stop, and answers the exit code; calls what it is given once it listens.

The number tells it from those that serve at the same time; one that takes another's place takes its number.
"""


class _Worker(NamedTuple):
    pid: int
    number: int
    started_at: float
    listens: int
    """A pipe out of which a byte comes when it listens."""


class Workers:
    """The processes of one server."""

    def __init__(self, count: int, listener: socket.socket, serve_one: ServeOne) -> None:
        self._count = count
        self._listener = listener
        self._serve_one = serve_one
        self._workers: dict[int, _Worker] = {}
        self._is_stopping = False
        # Whoever reads this gets to its end when the parent is gone, however it went.
        self._lifeline, self._alive = os.pipe()

    def run(self, on_listening: Callable[[], None]) -> int:
        """Serve until told to stop. Answers the exit code: of the first process that cannot start, else 0."""
        for each in STOPPING:
            signal.signal(each, self._stop)
        for _ in range(self._count):
            self._start()
        if all(os.read(worker.listens, 1) for worker in list(self._workers.values())):
            on_listening()
        elif not self._is_stopping:
            self._stop(signal.SIGTERM, None)
        code = 0
        while self._workers:
            code = self._wait() or code
        return code

    def _start(self) -> None:
        """One process more, unless all are to end."""
        # A signal in the middle would miss the new process, or be taken by it as if it were the parent.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
        try:
            if self._is_stopping:
                return
            listens, tell = os.pipe()
            number = min(set(range(self._count)) - {each.number for each in self._workers.values()})
            pid = os.fork()
            if pid == 0:
                self._be_worker(number, tell)
            os.close(tell)
            self._workers[pid] = _Worker(pid, number, time.monotonic(), listens)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)

    def _be_worker(self, number: int, tell: int) -> None:
        for each in STOPPING:
            signal.signal(each, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
        os.setpgrp()
        os.close(self._alive)
        threading.Thread(target=_end_with_parent, args=(self._lifeline,), daemon=True).start()
        code = 1
        try:
            code = self._serve_one(number, lambda: _tell(tell))
        finally:
            # Nothing of the parent's may be cleaned up here.
            os._exit(code)

    def _wait(self) -> int:
        """Wait until a process ends, and replace it unless all are to. Answers the code with which the server must end."""
        pid, status = os.wait()
        worker = self._workers.pop(pid, None)
        if worker is None:
            return 0
        os.close(worker.listens)
        code = os.waitstatus_to_exitcode(status)
        if self._is_stopping:
            return max(code, 0)
        say(f"A server process ended with {code}; another takes its place.")
        time.sleep(max(0.0, worker.started_at + SETTLED_SECONDS - time.monotonic()))
        self._start()
        return 0

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        """Pass a signal on. The second one makes a process stop at once."""
        self._is_stopping = True
        # Who connects now must not wait for a process that will not come.
        self._listener.close()
        for pid in self._workers:
            os.kill(pid, signal.SIGTERM)


def _tell(pipe: int) -> None:
    os.write(pipe, b".")
    os.close(pipe)


def _end_with_parent(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGTERM)
