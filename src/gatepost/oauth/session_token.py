"""The session cookie: computed from the session's row, never stored, like a refresh token; see `oauth/refresh_token.py`.

A session moves through generations. The newest is good; the one before it still is for a while, because a page and what
it loads ask at the same time; an older one is a stolen copy or a very old tab, and ends the session.
"""

import hmac
from typing import NamedTuple

from gatepost.secrets import SESSION, Keyring, parse_text, render_text

PREVIOUS_SECONDS = 600
"""How long the previous generation's cookie is still good."""

_PURPOSE = b"session"
_FIELDS = 2 + 16 + 4


class SessionClaim(NamedTuple):
    """What a session cookie says of itself. `repr` hides it all."""

    version: int
    id: bytes
    generation: int
    mac: bytes

    def __repr__(self) -> str:
        return "SessionClaim(***)"


def parse_session_token(text: str) -> SessionClaim | None:
    """Shape only; None for any other text."""
    payload = parse_text(SESSION, text)
    if payload is None or len(payload) != _FIELDS + 32:
        return None
    version, generation = int.from_bytes(payload[:2], "big"), int.from_bytes(payload[18:22], "big")
    return SessionClaim(version, payload[2:18], generation, payload[_FIELDS:])


def is_authentic(claim: SessionClaim, salt: bytes, keyring: Keyring) -> bool:
    """Whether we made this cookie for the session with this salt."""
    mac = keyring.mac(claim.version, _fields(claim.version, claim.id, claim.generation) + salt, _PURPOSE)
    return mac is not None and hmac.compare_digest(mac, claim.mac)


def render_session_token(id: bytes, generation: int, salt: bytes, keyring: Keyring) -> str:
    """The cookie of this generation of the session."""
    fields = _fields(keyring.current, id, generation)
    mac = keyring.mac(keyring.current, fields + salt, _PURPOSE)
    assert mac is not None
    return render_text(SESSION, fields + mac)


def _fields(version: int, id: bytes, generation: int) -> bytes:
    return version.to_bytes(2, "big") + id + generation.to_bytes(4, "big")
