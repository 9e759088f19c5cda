"""A TCP proxy before a database, that cuts and stalls connections when a test says so. It runs in a thread of its own.

It knows just enough of PostgreSQL's protocol to see a commit: a flight that ends with a Sync, on a connection whose flight
before ended with a Flush.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator

SYNC, FLUSH = b"S\x00\x00\x00\x04", b"H\x00\x00\x00\x04"
COMMITTED = b"COMMIT\x00"
HOST = "127.0.0.1"


class Proxy:
    """What a test may do to the connections that go through `port`."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._connections: set[asyncio.Task[None]] = set()
        self._connecting: set[asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.port = 0
        self.delay = 0.0
        """Seconds by which every answer comes later from now on."""
        self.lost_commits = 0
        """How many of the next commits never arrive: the connection is cut before."""
        self.lost_answers = 0
        """How many of the next commits arrive, but the connection is cut before their answer does."""

    def cut(self) -> None:
        """Cut every connection, whatever is on its way."""
        self._run(lambda: [task.cancel() for task in self._connections])

    def stall(self) -> None:
        """Let nothing through, either way. New connections are accepted, and hang."""
        self._run(self._flowing.clear)

    def resume(self) -> None:
        """Let everything through again."""
        self._run(self._flowing.set)

    @contextlib.contextmanager
    def running(self) -> Iterator["Proxy"]:
        """The proxy at work, until the end of the block."""
        listening, stop = threading.Event(), asyncio.Event()
        thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(listening, stop),))
        thread.start()
        listening.wait(10)
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(stop.set)
            thread.join()
            self._loop.close()

    def _run(self, what: Callable[[], object]) -> None:
        """Run something in the proxy's thread, and wait until it has."""
        done = threading.Event()
        self._loop.call_soon_threadsafe(what)
        self._loop.call_soon_threadsafe(done.set)
        done.wait(10)

    async def _serve(self, listening: threading.Event, stop: asyncio.Event) -> None:
        server = await asyncio.start_server(self._accept, HOST, 0)
        self.port = server.sockets[0].getsockname()[1]
        listening.set()
        await stop.wait()
        server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, *self._connecting, return_exceptions=True)
        # A turn of the loop for what that leaves to do, and one for the transports it aborts.
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._connect(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        # Also of one that is cut before it has begun.
        task.add_done_callback(lambda _: writer.transport.abort())

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry bytes both ways until one side ends, or it is cut; then cut the other."""
        with contextlib.suppress(OSError, asyncio.CancelledError), contextlib.ExitStack() as stack:
            await self._flowing.wait()
            # Shielded: one that is cut while it connects must still be closed when it has.
            connecting = asyncio.ensure_future(asyncio.open_connection(HOST, self._target))
            self._connecting.add(connecting)
            stack.callback(connecting.add_done_callback, self._abort)
            there, back = await asyncio.shield(connecting)
            is_doomed = asyncio.Event()
            directions = [
                asyncio.ensure_future(self._ask(reader, back, is_doomed)),
                asyncio.ensure_future(self._answer(there, writer, is_doomed)),
            ]
            try:
                await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for direction in directions:
                    direction.cancel()
                await asyncio.gather(*directions, return_exceptions=True)

    def _abort(self, connected: "asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]]") -> None:
        self._connecting.discard(connected)
        if not connected.cancelled() and connected.exception() is None:
            connected.result()[1].transport.abort()

    async def _ask(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, is_doomed: asyncio.Event) -> None:
        is_open = False
        while data := await source.read(1 << 16):
            await self._flowing.wait()
            is_commit, is_open = is_open and data.endswith(SYNC), data.endswith(FLUSH)
            if is_commit and self.lost_commits:
                self.lost_commits -= 1
                return
            if is_commit and self.lost_answers:
                self.lost_answers -= 1
                is_doomed.set()
            sink.write(data)
            await sink.drain()

    async def _answer(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, is_doomed: asyncio.Event) -> None:
        while data := await source.read(1 << 16):
            await self._flowing.wait()
            if is_doomed.is_set() and COMMITTED in data:
                return
            await asyncio.sleep(self.delay)
            sink.write(data)
            await sink.drain()
