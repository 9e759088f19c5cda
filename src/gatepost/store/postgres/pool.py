"""Connections to one database, opened when they are wanted, up to a bound."""

import asyncio
from collections.abc import Callable

from gatepost.errors import StoreUnavailableError
from gatepost.store.postgres.link import Link
from gatepost.store.postgres.opening import Opened


class Pool:
    """Up to `size` links in one event loop. `on_ready` is called when one more is open, `on_lost` when one is gone."""

    def __init__(
        self,
        connect: Callable[[], Opened],
        size: int,
        on_ready: Callable[[Link], None],
        on_lost: Callable[[Link], None] = lambda _: None,
        on_notify: Callable[[], None] = lambda: None,
    ) -> None:
        self._connect = connect
        self._size = size
        self._on_ready = on_ready
        self._on_lost = on_lost
        self._on_notify = on_notify
        self._loop = asyncio.get_running_loop()
        self._opening = 0
        self._is_closed = False
        self.links: list[Link] = []
        self.fault = ""
        """Why the last attempt to connect failed."""

    def grow(self) -> None:
        """Open one more, unless there are enough."""
        if len(self.links) + self._opening < self._size and not self._is_closed:
            self._opening += 1
            self._loop.run_in_executor(None, self._connect).add_done_callback(self._opened)

    def close(self) -> None:
        """Let go of all of them."""
        self._is_closed = True
        for link in list(self.links):
            link.lose("the store was closed")

    def _opened(self, opening: "asyncio.Future[Opened]") -> None:
        self._opening -= 1
        if opening.cancelled():
            return
        fault = opening.exception()
        if fault:
            self.fault = fault.detail if isinstance(fault, StoreUnavailableError) else repr(fault)
        elif self._is_closed:
            opening.result().close()
        else:
            link = Link(opening.result(), self._loop, self._lost, self._on_notify)
            self.links.append(link)
            self._on_ready(link)

    def _lost(self, link: Link) -> None:
        self.links.remove(link)
        self._on_lost(link)
