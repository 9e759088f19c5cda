"""Scopes: their grammar, and how a request is held under its ceiling. RFC 6749 §3.3."""

import re

from gatepost.errors import OAuthError

MAX_LENGTH = 2048

OPENID = "openid"
OFFLINE_ACCESS = "offline_access"
STANDARD = (OPENID, "profile", "email", "address", "phone", OFFLINE_ACCESS)
"""Scopes that every organization has. OpenID Connect Core §5.4, §11."""

_SCOPE = re.compile(r"[!#-\[\]-~]+( [!#-\[\]-~]+)*")


def parse_scope(text: str) -> tuple[str, ...]:
    """The tokens of a scope value, each once, in their order. An empty text has none. Raises `invalid_scope`."""
    if not text:
        return ()
    if len(text) > MAX_LENGTH or not _SCOPE.fullmatch(text):
        raise OAuthError(
            "invalid_scope",
            "A scope value is words of printable ASCII without quotes or backslashes, with one space between them,"
            f" and at most {MAX_LENGTH:,} characters.",
        )
    return tuple(dict.fromkeys(text.split(" ")))


def check_ceiling(asked: tuple[str, ...], ceiling: tuple[str, ...]) -> tuple[str, ...]:
    """The asked scopes, if all are under the ceiling. Raises `invalid_scope`, naming those that are not.

    Every app may ask to stay connected: many do so always, and whether it holds is for the grant to say.
    """
    over = [token for token in asked if token not in ceiling and token != OFFLINE_ACCESS]
    if over:
        raise OAuthError("invalid_scope", f"This app may not have: {' '.join(over)}.", allowed=list(ceiling))
    return asked


def lowered(scope: str, ceiling: str) -> str:
    """What is left of a granted scope under the ceiling of today; an empty ceiling is none."""
    if not ceiling or scope == ceiling:
        return scope
    allowed = ceiling.split(" ")
    return " ".join(token for token in scope.split(" ") if token in allowed or token == OFFLINE_ACCESS)
