"""The server under the application: uvicorn listens, takes signals and drains; each connection is one of ours."""

import gc
import socket
import time
from collections.abc import Callable
from typing import Any

import uvicorn

from gatepost.web.connection import Connection

DRAIN_SECONDS = 10


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
            if isinstance(connection, Connection):
                connection.check_deadline(now)


def serve(
    app: Any, listener: socket.socket, on_listening: Callable[[], None], *, tls_cert: str = "", tls_key: str = ""
) -> None:
    """Serve on a listening socket until SIGTERM or SIGINT; then answer what is in flight, and return."""
    config = uvicorn.Config(
        app,
        http=Connection,
        loop="uvloop",
        ws="none",
        lifespan="off",
        log_config=None,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        ssl_certfile=tls_cert or None,
        ssl_keyfile=tls_key or None,
    )
    Server(config, on_listening).run(sockets=[listener])
