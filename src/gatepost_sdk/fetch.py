"""One HTTP request and its answer, with the standard library: bounded in time and size, and never redirected."""

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from email.message import Message
from typing import IO, NamedTuple, TypeAlias
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 10.0
MAX_BODY = 1 << 20

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class Ask(NamedTuple):
    """A request. Without a body it is a GET."""

    url: str
    headers: Mapping[str, str] = {}
    body: bytes | None = None
    timeout: float = TIMEOUT_SECONDS


class Answer(NamedTuple):
    """What came back, whatever its status. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Fetch: TypeAlias = Callable[[Ask], Answer]
"""How this package speaks HTTP. It raises OSError when there is no answer; another one may be handed in."""


def fetch(ask: Ask) -> Answer:
    """Send a request and read the answer. Raises OSError when there is none, ValueError when the URL is not safe.

    >>> fetch(Ask("http://auth.acme.dev/jwks.json"))
    Traceback (most recent call last):
    ValueError: http://auth.acme.dev/jwks.json is neither https nor on this machine
    """
    check_url(ask.url)
    request = urllib.request.Request(ask.url, ask.body, dict(ask.headers))  # noqa: S310  # checked in the line above
    try:
        with _OPENER.open(request, timeout=ask.timeout) as response:
            return _read(response.status, response.headers, response)
    except urllib.error.HTTPError as answer:
        with answer:
            return _read(answer.code, answer.headers, answer)
    except http.client.HTTPException as fault:
        raise OSError(f"not an answer in HTTP: {fault}") from fault


def check_url(url: str) -> None:
    """Raise ValueError unless this is an https URL, or an http one on this machine."""
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        return
    raise ValueError(f"{url} is neither https nor on this machine")


def _read(status: int, headers: Message, body: IO[bytes]) -> Answer:
    data = body.read(MAX_BODY + 1)
    if len(data) > MAX_BODY:
        raise OSError(f"the answer is longer than {MAX_BODY} bytes")
    return Answer(status, {name.lower(): value for name, value in headers.items()}, data)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Keys and tokens come from where they were asked for, or not at all."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)
