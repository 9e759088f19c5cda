"""One-time passwords by time, as authenticator apps make them: six digits, SHA-1, every 30 seconds. RFC 6238, RFC 4226 §5."""

import base64
import hmac
import os
from urllib.parse import quote, urlencode

STEP_SECONDS = 30
DIGITS = 6

_KEY_BYTES = 20
_DRIFT = (0, -1, 1)
"""Steps that a phone's clock may be off by, the likeliest first. RFC 6238 §5.2."""


def new_totp_key() -> bytes:
    """A fresh key, as long as the hash. RFC 4226 §4."""
    return os.urandom(_KEY_BYTES)


def render_code(key: bytes, step: int) -> str:
    """The code of a step. RFC 4226 §5.3."""
    digest = hmac.digest(key, step.to_bytes(8, "big"), "sha1")
    start = digest[-1] & 0x0F
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def find_step(key: bytes, code: str, now: int) -> int | None:
    """The step that this code is of, if it is one around now. Whether it was used before is the store's to say."""
    step = now // STEP_SECONDS
    given = code.encode()
    return next(
        (step + off for off in _DRIFT if hmac.compare_digest(render_code(key, step + off).encode(), given)), None
    )


def render_key(key: bytes) -> str:
    """The key as people type it into an app: base32 in groups of four."""
    text = base64.b32encode(key).decode()
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def render_uri(key: bytes, issuer: str, account: str) -> str:
    """The `otpauth:` URI that an app reads from a QR code."""
    secret = base64.b32encode(key).decode()
    return f"otpauth://totp/{quote(f'{issuer}:{account}')}?{urlencode({'secret': secret, 'issuer': issuer})}"
