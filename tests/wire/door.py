"""The application behind real sockets: the server's own protocol on a loopback listener, spoken to in raw bytes."""

import asyncio
import contextlib
import time
from types import SimpleNamespace
from typing import NamedTuple

from uvicorn.server import ServerState

from gatepost.web.app import App
from gatepost.web.connection import Connection

TICK_SECONDS = 0.01
PATIENCE_SECONDS = 30
"""How long a test waits for what should come at once; only a fault makes it wait so long."""


class Answer(NamedTuple):
    """An answer as it came. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Line:
    """A client's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self, *, to_head: bool = False) -> Answer:
        """The next answer. Raises IncompleteReadError when the server closes before there is one."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            head = await self._reader.readuntil(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines)
            length = 0 if to_head else int(headers.get("content-length", "0"))
            return Answer(int(first.split()[1]), headers, await self._reader.readexactly(length))

    async def until(self, end: bytes) -> bytes:
        """What comes next, up to and with these bytes."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._reader.readuntil(end)

    async def until_closed(self) -> bytes:
        """Whatever comes until the server closes."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._reader.read()

    async def rest(self) -> list[Answer]:
        """Every further answer, until the server closes."""
        answers = []
        while not await self.is_closed():
            answers.append(await self.answer())
        return answers

    async def is_closed(self) -> bool:
        """Whether the server closes next; False as soon as it says something."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            try:
                first = await self._reader.read(1)
            except ConnectionResetError:
                return True
        # A stream has no way to look ahead.
        self._reader._buffer[:0] = first  # type: ignore[attr-defined]
        return not first

    def stop_reading(self) -> None:
        """Leave what comes in the system's buffers, until they are full."""
        # A socket's transport can; the type of a writer's is wider.
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]

    def end(self) -> None:
        """Say that nothing more will be sent."""
        self._writer.write_eof()

    def close(self) -> None:
        self._writer.close()

    def abort(self) -> None:
        """Leave without a word."""
        self._writer.transport.abort()

    async def closed(self) -> None:
        """Wait until this end has let go of its socket."""
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()


class Door:
    """The listener, and the connections that a test opened to it."""

    def __init__(self, app: App) -> None:
        self._config = SimpleNamespace(app=app)
        self._state = ServerState()
        self._is_empty = asyncio.Event()
        self._lines: list[Line] = []

    async def open(self) -> "Door":
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connection, "127.0.0.1", 0)
        self._tick()
        return self

    def _connection(self) -> Connection:
        return Connection(self._config, self._state, {})

    def _connections(self) -> list[Connection]:
        return [each for each in self._state.connections if isinstance(each, Connection)]

    def _tick(self) -> None:
        """What the server does once a second, done more often."""
        for connection in self._connections():
            connection.check_deadline(time.monotonic())
        if not self._state.connections:
            self._is_empty.set()
        self._ticking = asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)

    def shut_down(self) -> None:
        """What the server does with its connections when it stops."""
        for connection in self._connections():
            connection.shutdown()

    async def emptied(self) -> None:
        """Wait until the server has let go of every connection."""
        self._is_empty.clear()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._is_empty.wait()

    async def line(self) -> Line:
        port = self._server.sockets[0].getsockname()[1]
        self._lines.append(Line(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)))
        return self._lines[-1]

    async def ask(self, data: bytes) -> list[Answer]:
        """Send these bytes on a connection of their own; every answer until the server closes or has nothing to say."""
        line = await self.line()
        await line.send(data)
        line.end()
        answers = await line.rest()
        line.close()
        return answers

    async def close(self) -> None:
        self._server.close()
        for connection in self._connections():
            connection.abort()
        for line in self._lines:
            line.abort()
            await line.closed()
        await self.emptied()
        self._ticking.cancel()


def request(method: str, target: str, *lines: str, body: bytes = b"") -> bytes:
    """A request as a well-behaved client writes it, with further header lines."""
    head = [f"{method} {target} HTTP/1.1", "Host: gate.test", *lines]
    if body:
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body
