"""One request to the API, once it was let in: who calls, what the path names, and what every answer needs of it."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec

from gatepost import base64url
from gatepost.api.documents import Page
from gatepost.errors import GatepostError, OAuthError
from gatepost.flows.instance import Instance
from gatepost.flows.roles import Actor
from gatepost.oauth.expiry import may_expire

T = TypeVar("T")
D = TypeVar("D")

_CURSOR = b"api cursor"
_INSTANTS = ("since", "until")


@dataclass(frozen=True, slots=True)
class Call:
    """A request that was let in. `names` are what the path names, `query` is what stands behind it."""

    instance: Instance
    actor: Actor
    org: bytes
    path: str
    names: Mapping[str, str]
    query: Mapping[str, str]
    if_match: str | None

    def check_unchanged(self, document: msgspec.Struct) -> None:
        """Raises `precondition_failed` when the caller has seen another state of this. RFC 9110 §13.1.1."""
        if self.if_match is None or self.if_match.strip() == "*":
            return
        if etag_of(msgspec.json.encode(document)) not in [each.strip() for each in self.if_match.split(",")]:
            raise GatepostError("precondition_failed", "It has changed since you read it. Read it again.")

    def position(self, cursor: str | None) -> bytes:
        """Where a cursor of this list leads; the beginning without one. Raises `invalid_request`."""
        if cursor is None:
            return b""
        try:
            sealed = base64url.decode(cursor.encode())
        except ValueError:
            sealed = b""
        found = self.instance.keyring.unseal(_CURSOR, sealed, self._bound)
        if found is None:
            raise OAuthError("invalid_request", "after is not a cursor of this list. Start without one.", field="after")
        return found

    def page(self, found: list[T], limit: int, render: Callable[[T], D], place: Callable[[T], bytes]) -> Page[D]:
        """The part of a list; `found` has one more than `limit` if the list goes on, and `place` is where each stands."""
        following = None
        if len(found) > limit:
            sealed = self.instance.keyring.seal(_CURSOR, place(found[limit - 1]), self._bound)
            after = base64url.encode(sealed).decode()
            url = self.instance.issuer.rstrip("/") + self.path
            following = f"{url}?{urlencode({**self.query, 'after': after})}"
        return Page([render(each) for each in found[:limit]], following)

    def expiry(self, at: datetime | None) -> int | None:
        """Epoch seconds of an instant ahead. Raises `invalid_request`."""
        if at is None:
            return None
        now, seconds = self.actor.act.at, int(at.timestamp())
        if not may_expire(seconds, now):
            raise OAuthError(
                "invalid_request", "expires_at lies ahead, by a hundred years at most.", field="expires_at"
            )
        return seconds

    @property
    def _bound(self) -> bytes:
        """A cursor is good for whoever got it, in their organization, for the same list."""
        return b"\0".join((self.org, self.actor.act.actor.encode(), self.path.encode()))


def etag_of(body: bytes) -> str:
    """The entity tag of an answer. RFC 9110 §8.8.3."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def read_ask(shape: type[Any], content: Mapping[str, Any], *, is_text: bool) -> Any:
    """The ask in a body or, where all is text, in a query. Raises `invalid_request`, naming the field."""
    for name in _INSTANTS if is_text else ():
        # Where all is text the library would read a number as an instant.
        if "T" not in content.get(name, "T").upper():
            raise OAuthError("invalid_request", "Say an instant as 2026-01-31T12:00:00Z.", field=name)
    try:
        return msgspec.convert(content, shape, strict=not is_text)
    except msgspec.ValidationError as fault:
        why, _, where = str(fault).partition(" - at `$.")
        raise OAuthError("invalid_request", f"{why[:200]}.", field=where.rstrip("`") or "body") from None
