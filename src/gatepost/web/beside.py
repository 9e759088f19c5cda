"""A second, small application on a socket of its own, in the event loop of the first: what is not for everybody's eyes."""

import asyncio
import socket
import time
from types import SimpleNamespace

from uvicorn.server import ServerState

from gatepost.web.app import App
from gatepost.web.connection import Connection

LOOK_SECONDS = 1.0


class Beside:
    """Serves an application until it is cancelled. Its connections are those of `connection`, with the same bounds."""

    def __init__(self, app: App, listener: socket.socket) -> None:
        self._config = SimpleNamespace(app=app)
        self._state = ServerState()
        self._listener = listener

    async def run(self) -> None:
        """Serve; at the end, whoever is connected is cut off."""
        server = await asyncio.get_running_loop().create_server(
            lambda: Connection(self._config, self._state, {}), sock=self._listener
        )
        try:
            while True:
                await asyncio.sleep(LOOK_SECONDS)
                for each in self._connections():
                    each.check_deadline(time.monotonic())
        finally:
            server.close()
            for each in self._connections():
                each.abort()

    def _connections(self) -> list[Connection]:
        return [each for each in self._state.connections if isinstance(each, Connection)]
