"""The server under the application: uvicorn listens and takes signals; each connection is one of ours.

# How it stops

The first SIGTERM or SIGINT turns `/readyz` red and, after the delay that is set, closes the listening socket. A connection
that is being answered gets its answers, one whose request is arriving may finish it, and an idle one stays a moment longer:
its client may be sending the next request just now, and gets an answer that says it is the last. What is left after the drain
time is cut off; a second signal does not wait for it. What runs beside the requests is cancelled with the last of them and
ends in its own way. The store is closed after that, and the exit code is 0.
"""

import asyncio
import contextlib
import gc
import resource
import socket
import time
from collections.abc import Callable, Coroutine, Iterator
from types import FrameType
from typing import Any

import uvicorn

from gatepost.web.app import App
from gatepost.web.connection import Connection

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2: keys that are forgotten, ciphers that authenticate. TLS 1.3 has no others. RFC 9325 §4.2."""

DRAIN_SECONDS = 10

_DRAIN_TICK = 0.02


class Server(uvicorn.Server):
    """uvicorn's server: tells when it listens, closes connections that dawdle, and stops as the head of this file says."""

    def __init__(
        self,
        config: uvicorn.Config,
        app: App,
        on_listening: Callable[[], None],
        beside: Callable[[], Coroutine[Any, Any, None]],
        stop_delay: float,
    ) -> None:
        super().__init__(config)
        self._beside = beside
        self._running: asyncio.Task[None] | None = None
        self._app = app
        self.server_state.connections = app.connections
        self._on_listening = on_listening
        self._stop_delay = stop_delay
        self._stop_at = 0.0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            # What is alive now lives as long as the process; the collector need not look at it again.
            gc.collect()
            gc.freeze()
            gc.set_threshold(50_000, 50, 50)
            self._running = asyncio.create_task(self._beside())
            self._on_listening()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Note a signal. uvicorn's own way would raise it again at the end: killed, instead of stopped."""
        self.force_exit = self.should_exit
        self._stop_at = 0.0 if self.should_exit else time.monotonic() + self._stop_delay
        self.should_exit = True
        self._app.is_stopping = True

    async def on_tick(self, counter: int) -> bool:
        if counter % 10 == 0:
            self._close_dawdlers()
        return await super().on_tick(counter) and time.monotonic() >= self._stop_at

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, let each connection finish what it began, and cut off what takes too long."""
        for listener in (*self.servers, *(sockets or ())):
            listener.close()
        for connection in self._connections():
            connection.shutdown()
        cut_at = time.monotonic() + DRAIN_SECONDS
        while self.server_state.connections and not self.force_exit and time.monotonic() < cut_at:
            await asyncio.sleep(_DRAIN_TICK)
            self._close_dawdlers()
        for connection in self._connections():
            connection.abort()
        if self._running:
            self._running.cancel()
            await asyncio.wait([self._running])

    def _connections(self) -> Iterator[Connection]:
        return (each for each in list(self.server_state.connections) if isinstance(each, Connection))

    def _close_dawdlers(self) -> None:
        now = time.monotonic()
        for connection in self._connections():
            connection.check_deadline(now)


def serve(
    app: App,
    listener: socket.socket,
    on_listening: Callable[[], None],
    beside: Callable[[], Coroutine[Any, Any, None]],
    *,
    tls_cert: str = "",
    tls_key: str = "",
    stop_delay: float = 0,
) -> None:
    """Serve on a listening socket until SIGTERM or SIGINT, with `beside` running; then answer what is in flight, and return."""
    config = uvicorn.Config(
        app,
        http=Connection,
        loop="uvloop",
        ws="none",
        lifespan="off",
        log_config=None,
        proxy_headers=False,
        server_header=False,
        ssl_certfile=tls_cert or None,
        ssl_keyfile=tls_key or None,
        ssl_ciphers=CIPHERS if tls_cert else None,
    )
    _allow_many_connections()
    Server(config, app, on_listening, beside, stop_delay).run(sockets=[listener])


def _allow_many_connections() -> None:
    """As many open files as the system lets this process have: the usual soft limit is below what slow clients can hold."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
