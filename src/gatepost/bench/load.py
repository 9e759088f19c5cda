"""The load generator: keep-alive connections with one request in flight each, on raw sockets and one poll.

It has to be faster than any server it measures, so it knows just enough HTTP to read an answer of the two it meets: a
status line, a lower-case `content-length`, a body; or a 204 without those. Everything else was built before the clock started.
"""

import select
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import NamedTuple, Protocol

from gatepost.bench.machine import HOST
from gatepost.errors import GatepostError

PATIENCE = 10.0
"""Seconds without any answer after which the server counts as gone."""

_LENGTH = b"content-length: "
_EMPTY = b"204"


class Work(Protocol):
    """What is asked on the connections, and which answers are right."""

    def request(self, connection: int) -> bytes:
        """The next request on this connection."""
        ...

    def accept(self, connection: int, answer: "Answer") -> bool:
        """Whether this is a right answer to this connection's last request."""
        ...


class Answer(NamedTuple):
    """A whole answer as it came: the three digits of its status, its head and its body."""

    status: bytes
    head: bytes
    body: bytes

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The header lines, as names and values."""
        lines = (line.partition(": ") for line in self.head.decode("latin-1").split("\r\n")[1:])
        return [(name, value) for name, _, value in lines]


class Sample(NamedTuple):
    """What was seen: the time each right answer took, in seconds, the wrong answers, and how long was looked.

    `answered` counts the right answers before and after that time too.
    """

    latencies: list[float]
    errors: int
    seconds: float
    answered: int

    @property
    def rate(self) -> float:
        """Requests per second."""
        return len(self.latencies) / self.seconds

    @classmethod
    def joined(cls, samples: "Iterable[Sample]") -> "Sample":
        """All of them as one."""
        latencies, errors, seconds, answered = zip(*samples, strict=True)
        return cls(list(chain.from_iterable(latencies)), sum(errors), sum(seconds), sum(answered))

    def quantile_ms(self, share: float) -> float:
        """The time that this share of the answers stayed under, in milliseconds."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0


class _Connection:
    __slots__ = ("buffer", "number", "port", "sent_at", "socket")

    def __init__(self, number: int, port: int) -> None:
        self.number = number
        self.port = port
        self.socket = _open(port)
        self.buffer = b""
        self.sent_at = 0.0


def drive(ports: Sequence[int], work: Work, connections: int, seconds: float, warm_up: float) -> Sample:
    """Ask as fast as the answers come, for `seconds` after a warm-up of which only the errors count.

    The connections are dealt out to the ports. Every request is answered before this returns. Raises
    `temporarily_unavailable` when a server is gone.
    """
    opened = [_Connection(number, ports[number % len(ports)]) for number in range(connections)]
    try:
        return _drive(work, opened, seconds, warm_up)
    finally:
        for each in opened:
            each.socket.close()


def _drive(work: Work, opened: list[_Connection], seconds: float, warm_up: float) -> Sample:
    clock = time.perf_counter
    watched = {each.socket.fileno(): each for each in opened}
    poll = _poller(list(watched))
    latencies: list[float] = []
    answered = errors = 0
    starts_at = clock() + warm_up
    ends_at = starts_at + seconds
    for each in opened:
        _send(each, work)
    in_flight = len(opened)
    while in_flight:
        ready = poll(PATIENCE)
        if not ready:
            raise _gone(opened[0].port, f"no answer for {PATIENCE:.0f} s")
        for fd in ready:
            each = watched[fd]
            data = each.buffer + each.socket.recv(65536)
            if not data or data is each.buffer:
                raise _gone(each.port, "it closed a connection")
            found = _read(data)
            if found is None:
                each.buffer = data
                continue
            now = clock()
            each.buffer = b""
            if not work.accept(each.number, found):
                errors += 1
            else:
                answered += 1
                if starts_at <= now < ends_at:
                    latencies.append(now - each.sent_at)
            if now < ends_at:
                _send(each, work)
            else:
                in_flight -= 1
    return Sample(latencies, errors, seconds, answered)


def _send(connection: _Connection, work: Work) -> None:
    request = work.request(connection.number)
    connection.sent_at = time.perf_counter()
    connection.socket.send(request)


def _read(data: bytes) -> Answer | None:
    """An answer; None while a part of it is missing."""
    head = data.find(b"\r\n\r\n")
    if head < 0:
        return None
    at = data.find(_LENGTH, 0, head) + len(_LENGTH)
    body = data[head + 4 :]
    if data[9:12] == _EMPTY:
        return Answer(_EMPTY, data[:head], body)
    return Answer(data[9:12], data[:head], body) if len(body) >= int(data[at : data.find(b"\r", at)]) else None


def ask_once(port: int, request: bytes) -> Answer:
    """One request on a connection of its own."""
    with _open(port) as connection:
        connection.settimeout(PATIENCE)
        connection.sendall(request)
        data = b""
        while (found := _read(data)) is None:
            more = connection.recv(65536)
            if not more:
                raise _gone(port, "it closed a connection")
            data += more
    return found


def _open(port: int) -> socket.socket:
    try:
        connection = socket.create_connection((HOST, port), PATIENCE)
    except OSError as fault:
        raise _gone(port, fault.strerror or str(fault)) from None
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _poller(fds: list[int]) -> Callable[[float], Iterable[int]]:
    """A function that waits for answers and tells on which sockets there are some; none after the time given."""
    if hasattr(select, "epoll"):
        epoll = select.epoll()
        for fd in fds:
            epoll.register(fd, select.EPOLLIN)
        return lambda timeout: [fd for fd, _ in epoll.poll(timeout)]
    watching = select.poll()
    for fd in fds:
        watching.register(fd, select.POLLIN)
    return lambda timeout: [fd for fd, _ in watching.poll(timeout * 1000)]


def _gone(port: int, why: str) -> GatepostError:
    return GatepostError(
        "temporarily_unavailable",
        f"The server under measurement on port {port} is gone: {why}.",
        fix="run again; `gatepost bench --data DIR` says where there is room for its data",
    )
