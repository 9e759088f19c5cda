"""Outcomes that many requests ask for again and again, kept for a second at most, and dropped when somebody notifies.

The database tells every process when policy changed, usually within a millisecond; but a notification can be lost with its
connection, and some databases have none. The second is what is promised, the notification is what makes it better.
"""

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeVar

from gatepost.errors import StoreUnavailableError
from gatepost.store.figures import Figures
from gatepost.store.postgres.link import Link
from gatepost.store.postgres.opening import Opened
from gatepost.store.postgres.pool import Pool
from gatepost.store.question import SQL, Question

T = TypeVar("T")

KEPT_SECONDS = 1.0
RENEWED_SECONDS = 0.5
"""From this age on an outcome is read again in the background, so that requests do not wait for it."""

KEPT = 1000

CHANNEL = "gatepost"


class _Kept(NamedTuple):
    outcome: Any
    read_at: float


class Recent:
    """The outcomes that one event loop keeps."""

    def __init__(
        self, read: Callable[[Question[Any]], Awaitable[Any]], connect: Callable[[], Opened], figures: Figures
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._read = read
        self._figures = figures
        self._kept: dict[Question[Any], _Kept] = {}
        self._renewing: dict[Question[Any], asyncio.Task[None]] = {}
        self._changes = 0
        self._listener = Pool(connect, 1, self._listen, on_notify=self._forget)
        self._listen_at = -math.inf

    async def read(self, question: Question[T]) -> T:
        """The outcome of the question, a second old at most."""
        now = self._loop.time()
        self._keep_listening(now)
        kept = self._kept.get(question)
        if kept is None or now >= kept.read_at + KEPT_SECONDS:
            self._figures.looked_up += 1
            return await self._read_now(question)
        self._figures.kept += 1
        if now >= kept.read_at + RENEWED_SECONDS and question not in self._renewing:
            self._renewing[question] = self._loop.create_task(self._renew(question))
        outcome: T = kept.outcome
        return outcome

    def close(self) -> None:
        self._listener.close()

    async def _read_now(self, question: Question[T]) -> T:
        began, changes = self._loop.time(), self._changes
        outcome: T = await self._read(question)
        if changes == self._changes:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[question] = _Kept(outcome, began)
        return outcome

    async def _renew(self, question: Question[Any]) -> None:
        try:
            with contextlib.suppress(StoreUnavailableError):
                await self._read_now(question)
        finally:
            del self._renewing[question]

    def _forget(self) -> None:
        """Something changed. What is being read at this moment may be from before it, and is not kept either."""
        self._changes += 1
        self._kept.clear()

    def _keep_listening(self, now: float) -> None:
        """Connect the listener again if it is gone; once a second at most."""
        if not self._listener.links and now >= self._listen_at:
            self._listen_at = now + KEPT_SECONDS
            self._listener.grow()

    def _listen(self, link: Link) -> None:
        # What changed while nobody listened is forgotten once the server has confirmed that somebody does.
        link.send(SQL(f"listen {CHANNEL}"), lambda _: self._forget(), math.inf)
        link.sync()
