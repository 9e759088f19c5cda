"""Redirect URIs: which may be registered, and how one that is not is shown. RFC 6749 §3.1.2, RFC 8252 §7, RFC 9700 §4.1.

They are compared byte for byte and never parsed for comparison; the grammar here only decides what may be registered.
"""

import re
from collections.abc import Iterable

from gatepost.errors import OAuthError

MAX_LENGTH = 2048

NATIVE_KINDS = ("native", "device")
"""Kinds that listen on a port of the moment."""

_PORT = r"(?P<port>:[1-9][0-9]{0,4})?"
_REST = r"(/[!-~]*)?(\?[!-~]*)?"
_HTTPS = re.compile(rf"https://([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]){_PORT}{_REST}")
_LOOPBACK = re.compile(rf"http://(127\.0\.0\.1|\[::1\]|localhost){_PORT}{_REST}")
_PRIVATE_USE = re.compile(r"[A-Za-z][A-Za-z0-9+-]*(\.[A-Za-z0-9+-]+)+:/?/?[!-~]+")
_REFUSED = re.compile(r"""[^!-~]|[#*\\<>"^`{|}]|%(?![0-9A-Fa-f]{2})|%(?:[01][0-9A-Fa-f]|23|7[Ff])""")


def check_redirect_uri(uri: str, kind: str | None = None, field: str = "redirection_url") -> str:
    """The URI, if it may be registered for an app of this kind (None: kind not said). Raises `invalid_request`.

    https; http on a loopback host; for native apps a private-use scheme with a dot in it.
    """
    why = _fault(uri, kind)
    if why:
        raise OAuthError("invalid_request", f"{field} cannot be registered: {why}.", field=field)
    return uri


def _fault(uri: str, kind: str | None) -> str:
    if not uri:
        return "it is empty"
    if len(uri) > MAX_LENGTH:
        return f"it is longer than {MAX_LENGTH:,} characters"
    refused = _REFUSED.search(uri)
    if refused:
        return _character_fault(refused[0], refused.start())
    match = _HTTPS.fullmatch(uri) or _LOOPBACK.fullmatch(uri)
    if match:
        port = match["port"]
        return "its port is over 65535" if port and int(port[1:]) > 65_535 else ""
    if _PRIVATE_USE.fullmatch(uri):
        return "" if kind in (None, "native") else "a private-use scheme is for native apps; use https"
    if uri.lower().startswith(("http://", "https://")):
        return "it needs https (or http on 127.0.0.1, [::1] or localhost), a plain host and no user info"
    return "it needs https, or for a native app a scheme with a dot in it, such as com.example.app:/callback"


def _character_fault(character: str, index: int) -> str:
    if character in ("#", "%23"):
        return f"it has a fragment at character {index}, which never reaches a server"
    if character == "*":
        return f"it has a wildcard at character {index}; register each URI on its own"
    return f"character {index} is not allowed in a URI"


def is_registered(uri: str, registered: Iterable[str], kind: str) -> bool:
    """Whether the URI is one of the registered ones: byte for byte, but for the port of a native app's loopback address.

    RFC 8252 §7.3, RFC 9700 §4.1.3.
    """
    if uri in registered:
        return True
    portless = _without_loopback_port(uri) if kind in NATIVE_KINDS else None
    return portless is not None and any(_without_loopback_port(each) == portless for each in registered)


def _without_loopback_port(uri: str) -> str | None:
    """A loopback URI that could be registered, its port left out; None for any other text."""
    match = _LOOPBACK.fullmatch(uri)
    if match is None or _fault(uri, None):
        return None
    return uri[: match.start("port")] + uri[match.end("port") :] if match["port"] else uri


def nearest(received: str, registered: list[str]) -> tuple[str, int]:
    """The registered URI most like the received one, and the index of the first character in which they differ.

    Without any registered one: an empty text and 0.
    """
    best = max(registered, key=lambda uri: (_common(received, uri), -abs(len(uri) - len(received))), default="")
    return best, _common(received, best)


def _common(one: str, other: str) -> int:
    index = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        index += 1
    return index
