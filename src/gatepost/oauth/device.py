"""The device grant's two codes, and what a poll is told. RFC 8628 §3.2, §3.5, §6.1.

The user code is short, because a person types it: it finds the request and proves nothing. The device code is what the
device holds: it is sealed, stored nowhere, and names the request that it may ask about.
"""

import re
import unicodedata
from typing import NamedTuple

import orjson

from gatepost.errors import OAuthError
from gatepost.records import App, DeviceRequest

DEVICE_TTL = 600
INTERVAL = 5
"""Seconds that a device waits between two polls, until it is told to wait longer."""

PENDING, APPROVED, DENIED = "pending", "approved", "denied"

ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, so that no code is a word, and nothing that is read as something else. RFC 8628 §6.1."""

_LETTERS = 8
_USER_CODE = re.compile(f"[{ALPHABET}]{{{_LETTERS}}}")


class DeviceCode(NamedTuple):
    """What a device code says, once it is known to be ours."""

    user_code: str
    client_id: str
    created_at: int
    expires_at: int


def make_user_code(entropy: bytes) -> str:
    """One of the 20^8 user codes, which is 34 bits, from more entropy than that."""
    number = int.from_bytes(entropy, "big")
    letters = []
    for _ in range(_LETTERS):
        number, digit = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[digit])
    return "".join(letters)


def render_user_code(user_code: str) -> str:
    """The code as a device shows it: XXXX-XXXX."""
    return f"{user_code[:4]}-{user_code[4:]}"


def parse_user_code(text: str) -> str | None:
    """The code that somebody typed, in upper or lower case, with any spaces and dashes; None if it cannot be one."""
    letters = re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text[:100])).upper()
    return letters if _USER_CODE.fullmatch(letters) else None


def dump_device_code(code: DeviceCode) -> bytes:
    """The device code as it is sealed."""
    return orjson.dumps(list(code))


def load_device_code(plain: bytes) -> DeviceCode:
    """The device code that was sealed."""
    return DeviceCode._make(orjson.loads(plain))


def check_device_code(code: DeviceCode | None, app: App, now: int) -> DeviceCode:
    """The code, if this app may ask with it now. Raises `invalid_grant`, `expired_token`.

    Possession before its age: only the app that was given the code learns that it expired.
    """
    if code is None:
        raise refused("it is not a device code of ours")
    if code.client_id != app.client_id:
        raise refused("it belongs to another app")
    if now >= code.expires_at:
        raise OAuthError("expired_token", "The device_code expired. Start again, and show the new code.")
    return code


def check_answer(request: DeviceRequest) -> str:
    """The approval, once the person gave it. Raises `authorization_pending`, `access_denied`."""
    if request.state == DENIED:
        raise OAuthError("access_denied", "The person said no.", status=400)
    if request.approval is None:
        raise OAuthError("authorization_pending", "The person has not answered yet.")
    return request.approval


def refused(why: str) -> OAuthError:
    """The one refusal, whatever the reason."""
    return OAuthError("invalid_grant", "The device_code is invalid, or was used.", detail=why)
