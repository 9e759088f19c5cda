"""The refresh token: a text that is computed, never stored. RFC 6749 §6, RFC 9700 §4.14.

It names its grant and a generation of it, and carries a MAC over both, made with the instance key and the grant's own
salt. So every generation's token can be written again at any time from the grant's row, no row can be written from a
token, and neither the database alone nor the instance key alone yields one. The version says which instance key made it:
the key can be changed while older tokens go on. How generations decide stands at the head of `store/grants.py`.
"""

import hmac
from typing import NamedTuple

from gatepost.secrets import REFRESH_TOKEN, Keyring, parse_text, render_text

_FIELDS = 2 + 16 + 16 + 5
_MAC = 32


class RefreshClaim(NamedTuple):
    """What a refresh token says of itself, before anyone has checked it."""

    org: bytes
    grant: bytes
    generation: int
    version: int
    fields: bytes
    mac: bytes


NOBODYS = RefreshClaim(bytes(16), bytes(16), 0, 0, b"", b"")
"""Stands for a text that is no refresh token, so that refusing it takes the same steps as refusing a forged one."""


def parse_refresh_token(text: str) -> RefreshClaim:
    """Shape and checksum only; NOBODYS when they are wrong."""
    payload = parse_text(REFRESH_TOKEN, text)
    if payload is None or len(payload) != _FIELDS + _MAC:
        return NOBODYS
    fields = payload[:_FIELDS]
    return RefreshClaim(
        org=fields[2:18],
        grant=fields[18:34],
        generation=int.from_bytes(fields[34:], "big"),
        version=int.from_bytes(fields[:2], "big"),
        fields=fields,
        mac=payload[_FIELDS:],
    )


def is_authentic(claim: RefreshClaim, salt: bytes, keyring: Keyring) -> bool:
    """Whether we made this token for the grant with this salt."""
    expected = keyring.mac(claim.version or keyring.current, claim.fields + salt)
    return expected is not None and hmac.compare_digest(expected, claim.mac)


def render_refresh_token(org: bytes, grant: bytes, generation: int, salt: bytes, keyring: Keyring) -> str:
    """The token of this generation of the grant; the same one every time."""
    fields = keyring.current.to_bytes(2, "big") + org + grant + generation.to_bytes(5, "big")
    mac = keyring.mac(keyring.current, fields + salt)
    assert mac is not None
    return render_text(REFRESH_TOKEN, fields + mac)
