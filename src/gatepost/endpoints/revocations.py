"""The revocation feed: `/revocations`, page by page or as a stream of server-sent events. docs/revocations.md."""

import time

from gatepost.endpoints.apps import read_form
from gatepost.endpoints.callers import Callers
from gatepost.errors import OAuthError, StoreUnavailableError
from gatepost.flows.feed import HEARTBEAT_SECONDS, Feed
from gatepost.oauth.form import parse_form
from gatepost.web.message import EMPTY, Header, Reply, Request

MOST_WAIT = 30
STREAM_SECONDS = 300
"""How long a stream lasts: after that its reader proves again who it is."""

_PAGE: tuple[Header, ...] = ((b"content-type", b"application/revocations+jwt"), *EMPTY)
_EVENTS: tuple[Header, ...] = (
    (b"content-type", b"text/event-stream"),
    # nginx would keep events back until there are many.
    (b"x-accel-buffering", b"no"),
    *EMPTY,
)
_HIGHEST = 2**53


class Revocations:
    """The handler of the feed."""

    def __init__(self, feed: Feed, callers: Callers) -> None:
        self._feed = feed
        self._callers = callers

    async def revocations(self, request: Request) -> Reply:
        form = read_form(request) if request.method == "POST" else {}
        await self._callers.authenticate(request, form, allow_public=False)
        asked = form or parse_form(request.query)
        after = _number("after", asked.get("after", "0"))
        if b"text/event-stream" in request.headers.get(b"accept", b""):
            after = _number("Last-Event-ID", request.header(b"last-event-id") or str(after))
            return Reply(200, _EVENTS, b"", more=_Stream(self._feed, request, after).next_event)
        page = await self._feed.page(after)
        wait = min(_number("wait", asked.get("wait", "0")), MOST_WAIT)
        if page.is_empty and wait:
            await self._feed.wait(page.seq, wait, lambda: request.is_ending)
            page = await self._feed.page(after)
        return Reply(200, _PAGE, page.text.encode())


class _Stream:
    """A reader that is told page after page."""

    def __init__(self, feed: Feed, request: Request, after: int) -> None:
        self._feed = feed
        self._request = request
        self._after = after
        self._waits = False
        self._ends_at = time.monotonic() + STREAM_SECONDS

    async def next_event(self) -> bytes:
        """The next page as an event; empty at the end of the stream."""
        if self._waits:
            await self._feed.wait(self._after, HEARTBEAT_SECONDS, lambda: self._request.is_ending)
        if self._request.is_ending or time.monotonic() >= self._ends_at:
            return b""
        try:
            page = await self._feed.page(self._after)
        except StoreUnavailableError:
            return b""  # Whoever comes back is told why.
        self._after, self._waits = page.seq, not page.is_full
        return b"id: %d\ndata: %s\n\n" % (page.seq, page.text.encode())


def _number(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 16 or int(text) >= _HIGHEST:
        raise OAuthError("invalid_request", f"{name} is not a number of the feed, or of seconds.", field=name)
    return int(text)
