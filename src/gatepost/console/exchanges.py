"""Requests that an app could send, sent through the server's own front door, and shown with their answers: as curl, masked."""

import base64
import shlex
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import quote, urlencode, urlsplit

import orjson

from gatepost.web.message import FORM, Header, Reply, Request

Ask: TypeAlias = Callable[[Request], Awaitable[Reply]]
"""The front door."""

SECRETS = (
    *("access_token", "refresh_token", "id_token", "token", "code", "device_code"),
    *("code_verifier", "client_secret", "state"),
)
"""Fields whose values are shown by their ends alone."""

_SHOWN_HEADERS = ("content-type", "cache-control", "www-authenticate", "retry-after", "x-event-id")
_SHOWN_PREFIX = "x-auth-"


class Exchange(NamedTuple):
    """A request and its answer: as they are shown, and, hidden from `repr`, the answer's own members."""

    title: str
    curl: str
    status: int
    headers: list[str]
    body: str
    ms: int
    content: dict[str, Any]

    def __repr__(self) -> str:
        return f"Exchange({self.title!r}, {self.status}, ***)"

    @property
    def error(self) -> str:
        """The code of the refusal; empty when it was answered. A token that is not active was refused too. RFC 7662 §2.2."""
        if self.content.get("active") is False:
            return "invalid_token"
        return str(self.content.get("error", self.status)) if self.status >= 400 else ""


class Sender:
    """Sends what an app would, from one address."""

    def __init__(self, ask: Ask, issuer: str, address: str) -> None:
        self._ask = ask
        self._issuer = issuer.rstrip("/")
        self._address = address

    async def post(self, path: str, fields: dict[str, str], user: str = "", secret: str = "") -> Exchange:
        """A form; with a user, it is the app that proves itself by the secret. RFC 6749 §2.3.1."""
        headers = {b"content-type": FORM}
        shown = [f"-d {shlex.quote(f'{name}={_masked(name, value)}')}" for name, value in fields.items()]
        if user:
            pair = f"{quote(user, safe='')}:{quote(secret, safe='')}".encode()
            headers[b"authorization"] = b"Basic " + base64.b64encode(pair)
            shown.insert(0, f"-u {shlex.quote(f'{user}:{mask(secret)}')}")
        return await self._send("POST", path, "", headers, urlencode(fields).encode(), shown)

    async def get(self, path: str, token: str, query: str = "") -> Exchange:
        """A request with an access token. RFC 6750 §2.1."""
        shown = [f"-H {shlex.quote(f'Authorization: Bearer {mask(token)}')}"]
        return await self._send("GET", path, query, {b"authorization": b"Bearer " + token.encode()}, b"", shown)

    async def _send(
        self, method: str, path: str, query: str, headers: dict[bytes, bytes], body: bytes, shown: list[str]
    ) -> Exchange:
        place = urlsplit(self._issuer)
        request = Request(
            method,
            (place.path + path).encode(),
            query.encode(),
            {b"host": place.netloc.encode(), **headers},
            self._address,
            body,
        )
        begun = perf_counter()
        reply = await self._ask(request)
        ms = round((perf_counter() - begun) * 1000)
        content = _members(reply.body)
        url = shlex.quote(f"{self._issuer}{path}{'?' + query if query else ''}")
        curl = " \\\n  ".join((f"curl {url}", *shown))
        return Exchange(
            f"{method} {path}", curl, reply.status, _shown(reply), _pretty(content, reply.body), ms, content
        )


def mask(text: str) -> str:
    """A secret's two ends: enough to tell it from another, too little to use."""
    return f"{text[:6]}…{text[-4:]}" if len(text) > 20 else "…"


def masked_lines(fields: dict[str, str]) -> list[str]:
    """Fields as they are shown, one on each line."""
    return [f"{name}={_masked(name, value)}" for name, value in fields.items()]


def _masked(name: str, value: Any) -> Any:
    return mask(value) if name in SECRETS and isinstance(value, str) else value


def _members(body: bytes) -> dict[str, Any]:
    try:
        content = orjson.loads(body)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _pretty(content: dict[str, Any], body: bytes) -> str:
    masked = {name: _masked(name, value) for name, value in content.items()}
    return orjson.dumps(masked, option=orjson.OPT_INDENT_2).decode() if content else mask(body.decode()) if body else ""


def _shown(reply: Reply) -> list[str]:
    def is_shown(header: Header) -> bool:
        name = header[0].decode()
        return name in _SHOWN_HEADERS or name.startswith(_SHOWN_PREFIX)

    return [
        f"{name.decode()}: {value.decode()}"
        for name, value in (*reply.headers, *reply.extra)
        if is_shown((name, value))
    ]
