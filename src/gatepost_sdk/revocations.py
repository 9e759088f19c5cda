"""The revocation feed, followed: what was taken back within an access token's life, in memory. docs/revocations.md.

A thread of the process asks for the next page and is answered when there is one, so a revocation is known here a moment after it
was answered there. An entry is kept until the last token that it refuses has expired.
"""

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from typing import Any, NamedTuple

from gatepost_sdk.fetch import MAX_BODY, TIMEOUT_SECONDS, Ask, Fetch
from gatepost_sdk.jws import is_signed_by, parse_jws, parse_object
from gatepost_sdk.keys import IssuerKeys
from gatepost_sdk.secret import basic, read_secret
from gatepost_sdk.token import Token

TYPE = "revocations+jwt"
MAX_WAIT = 20
RETRY_SECONDS, MAX_RETRY_SECONDS = 0.5, 10.0
SPARE_SECONDS = 60
"""By how much clocks may differ: an entry is kept for so long beyond the life of the tokens it refuses."""

_ALWAYS = float("inf")


class _Page(NamedTuple):
    made_at: int
    bound: int
    seq: int
    more: bool
    entries: list[dict[str, Any]]


class _Entry(NamedTuple):
    """Tokens that were issued up to `issued_until` are refused; after `over_at` there are none left."""

    issued_until: float
    over_at: float


class Revoked:
    """What was revoked, and still matters. Looking a token up takes a microsecond, however many entries there are."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, ...], _Entry] = {}
        self._in_order: deque[tuple[str, ...]] = deque()

    def __len__(self) -> int:
        return len(self._entries)

    def refuses(self, token: Token) -> bool:
        """Whether any entry matches the token."""
        entries, issued_at = self._entries, token.claims["iat"]
        return any((found := entries.get(name)) and issued_at <= found.issued_until for name in _names_of(token))

    def add(self, entry: dict[str, Any], bound: int) -> None:
        """Keep an entry of the feed. Raises ValueError if it is not one; of a kind that is not known it is passed over."""
        kind, subject, at = str(entry.get("kind")), entry.get("id"), entry.get("at")
        if not isinstance(subject, str) or not isinstance(at, int):
            raise ValueError("an entry has an id and an instant")
        if kind not in ("grant", "token", "app", "key", "user", "org"):
            return
        name = (kind, subject, entry["org"]) if "org" in entry else (kind, subject)
        known = self._entries.get(name)
        if known is None:
            self._in_order.append(name)
        until = _ALWAYS if kind in ("grant", "token") else float(at)
        over_at = at + bound + SPARE_SECONDS
        self._entries[name] = max(known, _Entry(until, over_at)) if known else _Entry(until, over_at)

    def drop(self, now: float) -> None:
        """Forget what has nothing left to refuse."""
        while self._in_order and self._entries[self._in_order[0]].over_at <= now:
            del self._entries[self._in_order.popleft()]


class Feed:
    """Follows one issuer's feed from its first use on, in a thread that ends with the process, or with `close`."""

    def __init__(
        self,
        keys: IssuerKeys,
        credentials_from: str,
        bound: float,
        fetch: Fetch,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.bound = bound
        self.fault = ""
        self._credentials_from = credentials_from
        self.revoked = Revoked()
        self._keys = keys
        self._fetch = fetch
        self._clock = clock
        self._whole_at = float("-inf")
        self._seq = 0
        self._ready: Future[None] = Future()
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def due(self) -> "Future[None] | None":
        """What to wait for before the feed can be asked: its first whole reading. None when that is over."""
        # Not alive: the first use, or the first after a fork.
        if self._thread is None or not self._thread.is_alive():
            self._start()
        return None if self._ready.done() else self._ready

    def age(self) -> float:
        """Seconds since the feed was known to be whole."""
        return self._clock() - self._whole_at

    def authorization(self) -> str:
        """The header of an API key, or of an app whose credentials are `client_id:client_secret`. Raises ValueError."""
        credentials = read_secret(self._credentials_from)
        client_id, colon, secret = credentials.partition(":")
        return basic(client_id, secret) if colon else f"Bearer {credentials}"

    def close(self) -> None:
        """Follow no longer."""
        self._closed.set()

    def _start(self) -> None:
        with self._lock:
            if self._closed.is_set() or (self._thread is not None and self._thread.is_alive()):
                return
            self._thread = threading.Thread(target=self._follow, name="gatepost-revocations", daemon=True)
            self._thread.start()

    def _follow(self) -> None:
        failures = 0
        while not self._closed.is_set():
            try:
                more = self._turn_page()
                failures = 0
            except Exception as fault:
                # Whatever the network or the document holds: the feed grows old, and there is a rule for that.
                self.fault = str(fault) or type(fault).__name__
                more = False
                failures += 1
            if not more and not self._ready.done():
                self._ready.set_result(None)
            if failures:
                longest = min(RETRY_SECONDS * 2 ** (failures - 1), MAX_RETRY_SECONDS)
                self._closed.wait(longest * random.uniform(0.5, 1))  # noqa: S311  # spreads load, keeps no secret

    def _turn_page(self) -> bool:
        """Read the next page; answer whether the one behind it is there already."""
        asked_at = self._clock()
        page = self._read_page(asked_at)
        for entry in page.entries:
            self.revoked.add(entry, page.bound)
        self._seq = page.seq
        self.revoked.drop(asked_at)
        if not page.more:
            self._whole_at = asked_at
        return page.more

    def _read_page(self, asked_at: float) -> _Page:
        endpoint = self._keys.metadata().get("revocation_feed_endpoint")
        if endpoint is None:
            raise ValueError(f"{self._keys.issuer} has no revocation feed")
        # While nothing comes the feed grows old; a third of the bound leaves time for a second try.
        patience = min(MAX_WAIT, self.bound / 3) if self._ready.done() else 0
        url = f"{endpoint}?after={self._seq}&wait={int(patience)}"
        answer = self._fetch(Ask(url, {"authorization": self.authorization()}, timeout=patience + TIMEOUT_SECONDS))
        if answer.status != 200:
            raise OSError(f"the revocation feed answers {answer.status}")
        return _parse_page(self._open(answer.body.decode().strip()), self._seq, asked_at)

    def _open(self, raw: str) -> dict[str, Any]:
        """The page's content, if the issuer signed it."""
        jws = parse_jws(raw, MAX_BODY)
        kid = str(jws.head.get("kid"))
        if due := self._keys.due(kid):
            wait([due])
        key = self._keys.find(kid)
        if key is None or jws.head.get("typ") != TYPE or jws.head.get("alg") != key.alg or not is_signed_by(key, jws):
            raise ValueError("the page is not signed by the issuer")
        content = parse_object(jws.payload)
        if content.get("iss") != self._keys.issuer:
            raise ValueError("the page is another issuer's")
        return content


def _parse_page(content: dict[str, Any], after: int, asked_at: float) -> _Page:
    page = _Page(content["iat"], content["bound"], content["seq"], content["more"], content["entries"])
    # An old page, sent again by somebody between, would hide what came after it.
    is_new = content["after"] == after and page.seq >= after and page.made_at >= asked_at - SPARE_SECONDS
    if not is_new or type(page.bound) is not int:
        raise ValueError("the page is not the one that was asked for")
    return page


def _names_of(token: Token) -> Iterator[tuple[str, ...]]:
    """The names under which an entry would refuse it."""
    if token.grant_id:
        yield ("grant", token.grant_id)
    claims = token.claims
    # The token, and those that it was exchanged from: the end of any of them is its own.
    for each in (claims, *claims.get("via", ())):
        yield ("token", str(each.get("jti")))
        yield ("app", str(each.get("client_id")))
    yield ("user", token.sub)
    if token.org:
        yield ("user", token.sub, token.org)
        yield ("org", token.org)
    if "key" in claims:
        yield ("key", claims["key"])
