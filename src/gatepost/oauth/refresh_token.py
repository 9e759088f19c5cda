"""The refresh token: a text that is computed, never stored. RFC 6749 §6, RFC 9700 §4.14.

It names its grant and a generation of it, and carries a MAC over both, made with the instance key and the grant's own
salt. So every generation's token can be written again at any time from the grant's row, no row can be written from a
token, and neither the database alone nor the instance key alone yields one. The version says which instance key made it:
the key can be changed while older tokens go on. How generations decide stands at the head of `store/grants.py`.
"""

import hmac

from gatepost.light import Light
from gatepost.secrets import REFRESH_TOKEN, Keyring, parse_start, render_text

_FIELDS = 2 + 16 + 16 + 5


class RefreshClaim(Light, frozen=True):
    """What a refresh token says of itself, before anyone has checked it. `text` is the whole of it."""

    text: str
    version: int
    org: bytes
    grant: bytes
    generation: int

    def __repr__(self) -> str:
        return f"RefreshClaim(***, generation={self.generation})"


NOBODYS = RefreshClaim("", 0, bytes(16), bytes(16), 0)
"""Stands for a text that is no refresh token, so that refusing it takes the same steps as refusing a forged one."""


def parse_refresh_token(text: str) -> RefreshClaim:
    """Shape only; NOBODYS when it is wrong."""
    fields = parse_start(REFRESH_TOKEN, text, _FIELDS) if text.isascii() else None
    if fields is None:
        return NOBODYS
    return RefreshClaim(
        text=text,
        version=int.from_bytes(fields[:2], "big"),
        org=fields[2:18],
        grant=fields[18:34],
        generation=int.from_bytes(fields[34:], "big"),
    )


def is_authentic(claim: RefreshClaim, salt: bytes, keyring: Keyring) -> bool:
    """Whether this is, to the last character, the text that we would write for the grant with this salt."""
    written = render_refresh_token(claim.org, claim.grant, claim.generation, salt, keyring, claim.version)
    return written != "" and hmac.compare_digest(written, claim.text)


def render_refresh_token(
    org: bytes, grant: bytes, generation: int, salt: bytes, keyring: Keyring, version: int = 0
) -> str:
    """The token of this generation of the grant; the same one every time. `version` 0 is the newest instance key's.

    Empty for a version that the ring does not have: nobody ever wrote such a token.
    """
    version = version or keyring.current
    fields = version.to_bytes(2, "big") + org + grant + generation.to_bytes(5, "big")
    mac = keyring.mac(version, fields + salt)
    return render_text(REFRESH_TOKEN, fields + mac) if mac else ""
