"""The server under the application: uvicorn, with bounds on what a connection may cost before a request is whole."""

import asyncio
import gc
import socket
import time
from collections.abc import Callable
from typing import Any

import orjson
import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

MAX_HEAD = 16 * 1024
HEAD_SECONDS = 10
BODY_SECONDS = 15
KEEP_ALIVE_SECONDS = 15
DRAIN_SECONDS = 10

_REFUSALS = {
    400: {"error": "invalid_request", "error_description": "This is not HTTP/1.1 as RFC 9112 writes it."},
    408: {"error": "invalid_request", "error_description": "The request did not arrive in time."},
    431: {"error": "headers_too_large", "error_description": f"The headers are over {MAX_HEAD // 1024} KiB."},
}


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a cap on the head of a request and a deadline for its parts.

    Per request it costs two assignments; the deadlines are looked at once a second for all connections together.
    """

    waiting_since = 0.0
    deadline = HEAD_SECONDS
    head_bytes = -1
    chunk = 0
    refusal = 400

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.waiting_since = time.monotonic()

    def data_received(self, data: bytes) -> None:
        self.chunk = len(data)
        if self.head_bytes >= 0:
            self.head_bytes += self.chunk
            if self.head_bytes > MAX_HEAD:
                self.refuse(431)
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.head_bytes = 0
        self.waiting_since = time.monotonic()
        self.deadline = HEAD_SECONDS

    def on_headers_complete(self) -> None:
        self.head_bytes = -1
        self.deadline = BODY_SECONDS
        if self.chunk > MAX_HEAD and len(self.url) + sum(len(n) + len(v) + 4 for n, v in self.headers) > MAX_HEAD:
            self.refusal = 431
            raise ValueError("the head is too large")
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self.waiting_since = 0.0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self.refuse(self.refusal)

    def refuse(self, status: int) -> None:
        """Answer what never became a request, and close."""
        if self.transport.is_closing():
            return
        body = orjson.dumps(_REFUSALS[status])
        self.transport.write(
            STATUS_LINE[status]
            + b"content-type: application/json\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\n"
            + b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
            + body
        )
        self.transport.close()


class Server(uvicorn.Server):
    """uvicorn's server: tells when it listens, closes connections that dawdle, closes the store when all is answered."""

    def __init__(self, config: uvicorn.Config, on_listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_listening = on_listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            # What is alive now lives as long as the process; the collector need not look at it again.
            gc.collect()
            gc.freeze()
            gc.set_threshold(50_000, 50, 50)
            self._on_listening()

    async def on_tick(self, counter: int) -> bool:
        if counter % 10 == 0:
            self._close_dawdlers()
        return await super().on_tick(counter)

    def _close_dawdlers(self) -> None:
        now = time.monotonic()
        for connection in list(self.server_state.connections):
            since = getattr(connection, "waiting_since", 0.0)
            if since and now - since > connection.deadline:  # type: ignore[union-attr]
                connection.refuse(408)  # type: ignore[union-attr]


def serve(
    app: Any, listener: socket.socket, on_listening: Callable[[], None], *, tls_cert: str = "", tls_key: str = ""
) -> None:
    """Serve on a listening socket until SIGTERM or SIGINT; then answer what is in flight, and return."""
    config = uvicorn.Config(
        app,
        http=BoundedProtocol,
        loop="uvloop",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        ssl_certfile=tls_cert or None,
        ssl_keyfile=tls_key or None,
    )
    Server(config, on_listening).run(sockets=[listener])
