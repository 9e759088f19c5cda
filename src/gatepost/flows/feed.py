"""The revocation feed: signed pages of what was revoked lately, and the wait for the next. docs/revocations.md is its format.

Any number of readers wait at once, and a revocation may come from any process. So one task looks for all of them, as often
as a reader may notice; it runs only while somebody waits.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from gatepost.errors import StoreUnavailableError
from gatepost.flows.instance import Instance
from gatepost.jose import REVOCATIONS_TYPE
from gatepost.records import Revocation
from gatepost.secrets import render_id
from gatepost.store.apps import longest_access_ttl
from gatepost.store.question import INSTANCE
from gatepost.store.revocations import NUMBERS_A_SECOND, list_revocations, newest_revocation

PAGE = 500
LOOK_SECONDS = 0.04

HEARTBEAT_SECONDS = 10
"""When a page comes that tells nothing but that the feed is alive."""


class Page(NamedTuple):
    """A signed page of the feed; `seq` is the number to go on behind."""

    seq: int
    is_empty: bool
    is_full: bool
    text: str


class _Reader(NamedTuple):
    after: int
    due_at: float
    is_ending: Callable[[], bool]
    future: "asyncio.Future[None]"


class Feed:
    """The feed of one process. Readers that ask for the same page at the same time share its signature."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._as_of = (0, 0)
        self._pages: dict[int, Page] = {}
        self._readers: list[_Reader] = []
        self._looking: asyncio.Task[None] | None = None
        self.looked_at = time.monotonic()

    @property
    def waiting(self) -> int:
        """How many readers wait."""
        return len(self._readers)

    async def page(self, after: int) -> Page:
        """What was revoked behind a number and may still matter."""
        now = self._instance.clock()
        as_of = (await self._instance.store.read(newest_revocation()), now)
        if as_of != self._as_of:
            self._as_of, self._pages = as_of, {}
        pages = self._pages
        if after not in pages:
            pages[after] = await self._make_page(after, *as_of)
        return pages[after]

    async def _make_page(self, after: int, newest: int, now: int) -> Page:
        bound = await longest_life(self._instance)
        oldest = (now - bound) * NUMBERS_A_SECOND - 1
        lines = await self._instance.store.read(list_revocations(max(after, oldest), PAGE))
        # Without a line, nothing up to the newest matters any more.
        seq = lines[-1].seq if lines else max(after, newest)
        claims = {
            "iss": self._instance.issuer,
            "iat": now,
            "bound": bound,
            "after": after,
            "seq": seq,
            "more": len(lines) == PAGE,
            "entries": [_entry(line) for line in lines],
        }
        key = await self._instance.signing.active()
        return Page(seq, not lines, len(lines) == PAGE, key.mint(claims, REVOCATIONS_TYPE))

    async def wait(self, after: int, seconds: float, is_ending: Callable[[], bool]) -> None:
        """Come back when there is something behind a number, when the time is up, or when the reader is about to end."""
        loop = asyncio.get_running_loop()
        reader = _Reader(after, loop.time() + seconds, is_ending, loop.create_future())
        self._readers.append(reader)
        if self._looking is None:
            self.looked_at = time.monotonic()
            self._looking = loop.create_task(self._look())
        await reader.future

    async def _look(self) -> None:
        """Wake whoever need not wait any longer, again and again until nobody waits."""
        loop = asyncio.get_running_loop()
        newest = 0
        try:
            while self._readers:
                await asyncio.sleep(LOOK_SECONDS)
                # A reader whose page cannot be made is told so when it asks; here it just goes on waiting.
                with contextlib.suppress(StoreUnavailableError):
                    newest = await self._instance.store.read(newest_revocation())
                    self.looked_at = time.monotonic()
                waiting, self._readers = self._readers, []
                for reader in waiting:
                    if newest > reader.after or loop.time() >= reader.due_at or reader.is_ending():
                        if not reader.future.done():
                            reader.future.set_result(None)
                    else:
                        self._readers.append(reader)
        finally:
            self._looking = None


async def longest_life(instance: Instance) -> int:
    """The longest life of an access token, as the settings and the apps have it now."""
    place, facts = ("longest access_ttl",), await instance.policy.facts()
    longest: int | None = facts.get(place)
    if longest is None:
        longest = facts[place] = await instance.store.read(longest_access_ttl())
    return max(instance.tokens.access_ttl, longest)


def _entry(line: Revocation) -> dict[str, Any]:
    """A line as verifiers read it. A person's names the organization, unless it is about all of them."""
    entry = {"seq": line.seq, "kind": line.kind, "id": line.target, "at": line.at}
    if line.kind == "user" and line.org != INSTANCE:
        entry["org"] = render_id("org", line.org)
    return entry
