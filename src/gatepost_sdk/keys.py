"""An issuer's metadata and keys: read when first needed, kept as its headers say, refreshed once for all who ask.

RFC 8414, OpenID Connect Discovery, RFC 7517, RFC 9111 §5.2. Under traffic nobody waits: a refresh starts when four fifths
of the time are over. When the issuer cannot be reached, its last good keys go on for a day: an outage there is none here,
and whoever could cause one would gain nothing but time for a key that was withdrawn.
"""

import re
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from gatepost_sdk.errors import TokenError
from gatepost_sdk.fetch import Answer, Ask, Fetch, check_url
from gatepost_sdk.flight import Flight
from gatepost_sdk.jws import ES256, RS256, Key, load_keys, parse_object

UNKNOWN_KEY_SECONDS = 60
"""How long after a refresh an unknown key is not asked for again: strangers send such tokens as fast as they like."""
RETRY_SECONDS = 5
EARLY = 0.8
"""The share of their time after which documents are read anew, while those that are known go on."""
OUTAGE_SECONDS = 86_400
MIN_AGE, USUAL_AGE, MAX_AGE = 60, 300, 86_400

_MAX_AGE = re.compile(r"max-age=\"?(\d{1,10})")


class Document(NamedTuple):
    """A JSON object of the issuer's, as it was read at `at` and may be kept for `age` seconds."""

    content: dict[str, Any]
    etag: str
    at: float
    age: int

    def is_older(self, now: float, share: float) -> bool:
        """Whether this share of its time is over."""
        return now >= self.at + self.age * share


class IssuerKeys:
    """What one issuer publishes. `on_change` is called when its keys have changed."""

    def __init__(self, issuer: str, fetch: Fetch, clock: Callable[[], float] = time.time) -> None:
        check_url(issuer)
        self.issuer = issuer
        self.on_change: Callable[[], object] = lambda: None
        self._fetch = fetch
        self._clock = clock
        self._metadata: Document | None = None
        self._jwks: Document | None = None
        self._keys: dict[str, Key] = {}
        self._tried_at = float("-inf")
        self._fault = ""
        self._lock = threading.Lock()
        self._flight = Flight(self._refresh)

    def find(self, kid: str) -> Key | None:
        """The key of this name, as far as is known. Raises `unavailable` when the issuer was not heard of for a day."""
        if self._jwks is None or self._clock() >= self._jwks.at + OUTAGE_SECONDS + self._jwks.age:
            raise TokenError("unavailable", f"The keys of {self.issuer} cannot be read: {self._fault}.")
        return self._keys.get(kid)

    def due(self, kid: str) -> "Future[None] | None":
        """The refresh to wait for before a token of this key is judged; None when what is known will do."""
        if not self._is_due(kid):
            return None
        with self._lock:
            # Somebody else's refresh may have ended since: its outcome is known before its flight is over.
            if not self._is_due(kid):
                return None
            flight = self._flight.join()
        fresh = self._jwks is not None and not self._jwks.is_older(self._clock(), 1)
        return None if fresh and kid in self._keys else flight

    def _is_due(self, kid: str) -> bool:
        now, jwks = self._clock(), self._jwks
        if jwks is None or jwks.is_older(now, EARLY):
            return now >= self._tried_at + RETRY_SECONDS
        return kid not in self._keys and now >= self._tried_at + UNKNOWN_KEY_SECONDS

    def metadata(self) -> Mapping[str, Any]:
        """The issuer's metadata, read now if it is not known. Raises `unavailable`."""
        if self._metadata is None:
            self._flight.join().result()
        if self._metadata is None:
            raise TokenError("unavailable", f"The metadata of {self.issuer} cannot be read: {self._fault}.")
        return self._metadata.content

    def _refresh(self) -> None:
        try:
            self._metadata = self._read_metadata()
            jwks = self._read(str(self._metadata.content["jwks_uri"]), self._jwks)
            self._take(jwks, self._metadata.content)
        except Exception as fault:  # whatever the document or the transport holds: the last good one goes on
            self._fault = str(fault) or type(fault).__name__
        finally:
            self._tried_at = self._clock()

    def _take(self, jwks: Document, metadata: Mapping[str, Any]) -> None:
        known = self._jwks
        if known is None or known.content != jwks.content:
            algorithms = _algorithms(metadata)
            keys = {kid: key for kid, key in load_keys(jwks.content).items() if key.alg in algorithms}
            if not keys:
                raise ValueError("it publishes no key that verifies access tokens")
            self._keys = keys
            self.on_change()
        self._jwks = jwks

    def _read_metadata(self) -> Document:
        known = self._metadata
        if known and not known.is_older(self._clock(), 1):
            return known
        parts = urlsplit(self.issuer)
        origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
        try:
            document = self._read(f"{origin}/.well-known/oauth-authorization-server{path}", known)
        except FileNotFoundError:
            document = self._read(f"{origin}{path}/.well-known/openid-configuration", known)
        if document.content.get("issuer") != self.issuer:
            raise ValueError(f"it calls itself {document.content.get('issuer')!r}")
        return document

    def _read(self, url: str, known: Document | None) -> Document:
        headers = {"accept": "application/json"} | ({"if-none-match": known.etag} if known and known.etag else {})
        answer = self._fetch(Ask(url, headers))
        if answer.status == 304 and known:
            return known._replace(at=self._clock(), age=_age(answer))
        if answer.status == 404:
            raise FileNotFoundError(f"{url} is not there")
        if answer.status != 200:
            raise OSError(f"{url} answers {answer.status}")
        return Document(parse_object(answer.body), answer.headers.get("etag", ""), self._clock(), _age(answer))


def _algorithms(metadata: Mapping[str, Any]) -> set[str]:
    """ES256, and RS256 if the issuer says that it signs with it."""
    said = metadata.get("id_token_signing_alg_values_supported")
    return {ES256, RS256} if isinstance(said, list) and RS256 in said else {ES256}


def _age(answer: Answer) -> int:
    found = _MAX_AGE.search(answer.headers.get("cache-control", ""))
    return min(max(int(found[1]), MIN_AGE), MAX_AGE) if found else USUAL_AGE
