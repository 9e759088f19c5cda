"""A request and a reply, as everything above HTTP sees them."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeAlias

import orjson

from gatepost.errors import OAuthError
from gatepost.light import Light, Struct

Header = tuple[bytes, bytes]
More: TypeAlias = Callable[[], Coroutine[Any, Any, bytes]]

FORM = b"application/x-www-form-urlencoded"
"""The media type of a form."""

MAX_HEAD = 16 * 1024
MAX_HEADERS = 200
MAX_BODY = 64 * 1024

_NO_NAMES: Mapping[str, str] = {}

_CLOSED = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
JSON: tuple[Header, ...] = (
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    (b"cross-origin-resource-policy", b"same-origin"),
    *_CLOSED,
)
ANY_ORIGIN: tuple[Header, ...] = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"WWW-Authenticate, DPoP-Nonce, Retry-After, X-Event-Id"),
)
CLOSE: Header = (b"connection", b"close")
BODILESS = (204, 304)
"""Answers that have no body and so no length of one. RFC 9110 §8.6."""
EMPTY: tuple[Header, ...] = tuple(header for header in JSON if header[0] != b"content-type")


class Request(Struct, gc=False):
    """One request, its body read and bounded. `caller` is set once somebody has proved who they are.

    `address` is whose request it is, once that is known; `peer` is who sent it. `repeated` names a header that was
    sent twice and must not be; other repeated headers are joined with commas. `is_cut` says that the body is longer than may
    be and not here as a whole. `is_ending` is set once the client seems to have left or the server stops: whoever waits for
    news to answer with waits no longer.
    """

    method: str
    raw_path: bytes
    query: bytes
    headers: dict[bytes, bytes]
    peer: str
    body: bytes
    repeated: bytes = b""
    is_cut: bool = False
    is_ending: bool = False
    address: str = ""
    caller: Any = None
    names: Mapping[str, str] = _NO_NAMES

    def __repr__(self) -> str:
        return f"Request({self.method}, ***)"

    @property
    def path(self) -> str:
        """The path, for the log: only ever one of ours."""
        return self.raw_path.decode("ascii", "backslashreplace")

    def header(self, name: bytes) -> str | None:
        """A header's value. Raises `invalid_request` when it is not ASCII."""
        value = self.headers.get(name)
        if value is None:
            return None
        if not value.isascii():
            raise OAuthError("invalid_request", f"The header {name.decode()} is not ASCII.")
        return value.decode()

    def check_media_type(self, wanted: bytes) -> None:
        """Raises `unsupported_media_type` unless the body says it is what this route reads."""
        given = self.headers.get(b"content-type", b"")
        if given != wanted and given.partition(b";")[0].strip().lower() != wanted:
            raise OAuthError("unsupported_media_type", f"Send the body with Content-Type: {wanted.decode()}.")

    @property
    def wants_page(self) -> bool:
        """Whether a browser is asking, for a person to read."""
        return b"text/html" in self.headers.get(b"accept", b"")


class Reply(Light, frozen=True):
    """An answer. `headers` is one of the few sets that are used again and again; `extra` is this answer's own.

    `more`, if there is one, is called for the next piece of the body again and again, until a piece is empty; such an answer
    is the last on its connection. What it hands out may be a secret, so `repr` hides it.
    """

    status: int
    headers: tuple[Header, ...]
    body: bytes
    extra: tuple[Header, ...] = ()
    more: More | None = None

    def __repr__(self) -> str:
        return f"Reply({self.status}, ***)"


def json_reply(
    content: object, status: int = 200, extra: tuple[Header, ...] = (), headers: tuple[Header, ...] = JSON
) -> Reply:
    """An answer that is never cached."""
    return Reply(status, headers, orjson.dumps(content), extra)


def empty_reply(extra: tuple[Header, ...] = ()) -> Reply:
    """200 without a body and without a type: some clients refuse a body where the RFC asks for none. RFC 7009 §2.2."""
    return Reply(200, EMPTY, b"", extra)
