"""Ways to harm a server from outside, and to see how it takes it."""

import contextlib
import os
import resource
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from gatepost.store.sqlite import connect
from servers import Server

PATIENCE = 20
"""Seconds that a busy machine may take for what is done in a moment on an idle one."""

JWKS = b"GET /jwks.json HTTP/1.1\r\nhost: it-makes-this-sixty-four-long\r\n\r\n"
"""A request that ends where the server's reads end, however many follow each other."""

FLOOD = 64 << 20
"""Bytes that a client sends at most to see whether the server stops reading."""


@contextlib.contextmanager
def locked(data: Path) -> Iterator[None]:
    """Hold the database, as another process does that writes for long."""
    holder = connect(data / "gatepost.db")
    try:
        holder.execute("begin exclusive")
        yield
        holder.execute("rollback")
    finally:
        holder.close()


def is_sound(data: Path) -> bool:
    """What SQLite's own check says of the database, looked at beside the server."""
    with contextlib.closing(connect(data / "gatepost.db")) as connection:
        return connection.execute("pragma integrity_check").fetchall() == [("ok",)]


def wait_until(holds: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Return as soon as the condition holds."""
    deadline = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.01)


def is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except ConnectionRefusedError:
        return False
    return True


def dial(port: int, sent: bytes = b"") -> socket.socket:
    """A raw connection with something sent on it already."""
    dialled = socket.create_connection(("127.0.0.1", port), PATIENCE)
    dialled.sendall(sent)
    return dialled


def hear(dialled: socket.socket) -> bytes:
    """Everything the server sends until it closes the connection."""
    heard = b""
    while part := dialled.recv(65536):
        heard += part
    return heard


def flood(port: int, request: bytes) -> socket.socket:
    """A connection with so many requests sent and so few answers read that neither side can send any more."""
    dialled = dial(port)
    dialled.settimeout(1)
    with contextlib.suppress(TimeoutError):
        for _ in range(FLOOD >> 16):
            dialled.sendall(request * (65536 // len(request)))
        raise AssertionError(f"the server took {FLOOD >> 20} MiB of requests from a client that reads nothing")
    dialled.settimeout(PATIENCE)
    return dialled


def resident(process_id: int) -> int:
    """The bytes of memory that a process has resident."""
    status = Path(f"/proc/{process_id}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024


def cpu_seconds(process_id: int) -> float:
    """The processor time that a process has used."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def no_file_longer_than(server: Server, size: int) -> Iterator[None]:
    """For a while the server can write no byte of a file beyond this size: to it the disk is full."""
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    yield
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
