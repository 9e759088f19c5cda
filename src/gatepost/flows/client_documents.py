"""Client ID Metadata Documents, as they are now: fetched when first needed, kept as HTTP says, within bounds.

Three ways in which there is none, and each ends differently. The server cannot be reached, or refuses us: an outage or a
guard against robots, so the last good document goes on. It answers that there is no document, or with one that is unfit:
whoever publishes it changed something, so the app is refused until it is well again. No refusal is remembered.

An app's developer is told which it was, but of a server that we could not talk to no more than that: what is open on which
address is not for us to tell.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import NamedTuple

from gatepost.errors import OAuthError
from gatepost.flows.remote_json import lifetime_of, parse_remote_json
from gatepost.oauth.client_document import is_document_url, read_document
from gatepost.oauth.newcomers import Newcomer
from gatepost.outbound import Fetched, Fetcher, OutboundError
from gatepost.store.question import INSTANCE

MAX_DOCUMENT = 5 * 1024

LEAST_KEEP_SECONDS = 5
"""As long as it takes to redirect: one step of a login does not ask again for what the step before it was told."""

AGAIN_SECONDS = 60
"""How long the last good document goes on before we try again."""

LAST_COPY_SECONDS = 86_400
MOST = 1000

_GONE = (404, 410)

_log = logging.getLogger(__name__)


class DocumentError(OAuthError):
    """There is no app behind a URL. `is_outage` tells a server that is away from one that says so."""

    def __init__(self, why: str, *, detail: str = "", is_outage: bool = False) -> None:
        super().__init__("invalid_client", f"The document at the client_id {why}.", detail=detail)
        self.is_outage = is_outage


class _Kept(NamedTuple):
    newcomer: Newcomer
    fetched_at: int
    stale_at: int


class ClientDocuments:
    """Apps by the URL of their document, in one process."""

    def __init__(self, fetcher: Fetcher, clock: Callable[[], int]) -> None:
        self._fetcher = fetcher
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        self._looking: dict[str, asyncio.Task[Newcomer]] = {}

    async def get(self, url: str) -> Newcomer:
        """The app that publishes itself there. Raises `DocumentError`."""
        kept = self._kept.get(url)
        if kept and self._clock() < kept.stale_at:
            return kept.newcomer
        if url not in self._looking:
            # A task of its own: all who wait share it, and none of them takes it along when they leave.
            self._looking[url] = asyncio.create_task(self._look(url))
            self._looking[url].add_done_callback(lambda _: self._looking.pop(url))
        return await asyncio.shield(self._looking[url])

    async def _look(self, url: str) -> Newcomer:
        now = self._clock()
        kept = self._kept.pop(url, None)
        try:
            newcomer, lifetime = await self._fetch(url)
            kept = _Kept(newcomer, now, now + lifetime)
        except DocumentError as error:
            _log.warning("a client's document could not be had", extra={"detail": f"{url}: {error.detail or error}"})
            if not error.is_outage or kept is None or now >= kept.fetched_at + LAST_COPY_SECONDS:
                raise
            kept = kept._replace(stale_at=now + AGAIN_SECONDS)
        while len(self._kept) >= MOST:
            del self._kept[next(iter(self._kept))]
        self._kept[url] = kept
        return kept.newcomer

    async def _fetch(self, url: str) -> tuple[Newcomer, int]:
        if not is_document_url(url):
            raise DocumentError("has no address: it needs https, a path without dot segments, no fragment and no user")
        try:
            fetched = await self._fetcher.get(url, limit=MAX_DOCUMENT)
        except OutboundError as fault:
            if fault.reason == "size":
                raise DocumentError(f"has more than {MAX_DOCUMENT:,} bytes") from None
            raise DocumentError("could not be fetched", detail=str(fault), is_outage=True) from None
        return _read(url, fetched), lifetime_of(fetched, LEAST_KEEP_SECONDS)


def _read(url: str, fetched: Fetched) -> Newcomer:
    if fetched.status != 200:
        is_outage = fetched.status not in _GONE
        raise DocumentError(f"could not be fetched: the status is {fetched.status}", is_outage=is_outage)
    try:
        return read_document(INSTANCE, url, parse_remote_json(fetched))
    except ValueError as fault:
        raise DocumentError(f"is not one that we accept: {fault}") from None
