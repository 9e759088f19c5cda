"""The keys that apps and identity providers keep at a URL of their own: fetched when needed, kept as HTTP says, within bounds.

Whoever sends a token that names a key nobody has heard of can make us look again, but not more than once a minute. While
the server is away the last keys stay good for a day: an outage of theirs is not to log their people out, but a key that
they took back must not be good for ever either.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from gatepost.flows.remote_json import lifetime_of, parse_remote_json
from gatepost.oauth.client_keys import usable_keys
from gatepost.oauth.foreign_jwt import UnknownKeyError, UnverifiedJwt, check_signature
from gatepost.outbound import Fetched, Fetcher, OutboundError

LEAST_KEEP_SECONDS = 60

AGAIN_SECONDS = 60
"""How long after a look the next one is at the earliest."""

LAST_COPY_SECONDS = 86_400
"""How long the last keys are good while no new ones can be had."""

MOST = 1000
"""How many URLs are remembered; the one that was looked at longest ago makes room."""

_log = logging.getLogger(__name__)


class _Kept(NamedTuple):
    keys: tuple[dict[str, Any], ...]
    fetched_at: int
    stale_at: int
    tried_at: int


_NOTHING = _Kept((), 0, 0, 0)


class RemoteKeys:
    """Keys by their URL, in one process."""

    def __init__(self, fetcher: Fetcher, clock: Callable[[], int]) -> None:
        self._fetcher = fetcher
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        self._looking: dict[str, asyncio.Task[None]] = {}

    async def check_signature(self, jwt: UnverifiedJwt, uri: str, algorithms: Collection[str]) -> None:
        """As in `oauth.foreign_jwt`, by the keys at a URL; they are looked up anew for one that is not among them."""
        if self._clock() >= self._kept.get(uri, _NOTHING).stale_at:
            await self._look(uri)
        try:
            check_signature(jwt, self._good(uri), algorithms)
        except UnknownKeyError:
            await self._look(uri)
            check_signature(jwt, self._good(uri), algorithms)

    def _good(self, uri: str) -> tuple[dict[str, Any], ...]:
        kept = self._kept.get(uri, _NOTHING)
        return kept.keys if self._clock() < max(kept.stale_at, kept.fetched_at + LAST_COPY_SECONDS) else ()

    async def _look(self, uri: str) -> None:
        if uri not in self._looking:
            if self._clock() < self._kept.get(uri, _NOTHING).tried_at + AGAIN_SECONDS:
                return
            # A task of its own: all who wait share it, and none of them takes it along when they leave.
            self._looking[uri] = asyncio.create_task(self._fetch(uri))
        await asyncio.shield(self._looking[uri])

    async def _fetch(self, uri: str) -> None:
        now = self._clock()
        kept = self._kept.pop(uri, _NOTHING)._replace(tried_at=now)
        try:
            fetched = await self._fetcher.get(uri)
            kept = _Kept(_parse(fetched), now, now + lifetime_of(fetched, LEAST_KEEP_SECONDS), now)
        except (OutboundError, ValueError) as fault:
            _log.warning("the keys at a URL could not be had", extra={"detail": f"{uri}: {fault}"})
        finally:
            while len(self._kept) >= MOST:
                del self._kept[next(iter(self._kept))]
            self._kept[uri] = kept
            del self._looking[uri]


def _parse(fetched: Fetched) -> tuple[dict[str, Any], ...]:
    if fetched.status != 200:
        raise ValueError(f"the status is {fetched.status}")
    return usable_keys(parse_remote_json(fetched))
