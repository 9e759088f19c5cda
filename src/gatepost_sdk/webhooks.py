"""Webhooks: whether a message is the server's, whole and fresh. Standard Webhooks 1.0, "Signature scheme".

from gatepost_sdk.webhooks import verify

event = verify(request.body, request.headers, "whsec_…")
"""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from gatepost_sdk.errors import GatepostError

TOLERANCE = 300
"""Seconds by which a message may be old, and clocks may differ."""

_PREFIX = "whsec_"
_VERSION = "v1,"


class Event(NamedTuple):
    """What happened. `id` is the same whenever the message comes again, so it tells a second time from a first.

    >>> verify(body, headers, secret).type
    'grant.revoked'
    """

    id: str
    type: str
    timestamp: str
    data: dict[str, Any]


class WebhookError(GatepostError):
    """A message is refused: `code` is missing, malformed, bad_signature or stale. Answer it with 400.

    >>> WebhookError("stale", "The message is an hour old.").code
    'stale'
    """


def verify(
    body: bytes,
    headers: Mapping[str, str],
    secret: str,
    *,
    tolerance: float = TOLERANCE,
    now: float | None = None,
) -> Event:
    """The event in a message, if it is the server's. `body` is what came, byte for byte, before any parsing.

    Keep the ids that you have acted on: a message comes again when your answer was lost. Raises WebhookError, and
    ValueError for a secret that is malformed.

    >>> verify(body, headers, secret).data["result"]
    'ok'
    >>> verify(body + b" ", headers, secret)
    Traceback (most recent call last):
    WebhookError: The signature does not match this message and secret.
    """
    sent = {name.lower(): value for name, value in headers.items()}
    try:
        id, stamp, signatures = (sent[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
    except KeyError as missing:
        raise WebhookError("missing", f"The header {missing.args[0]} is missing.") from None
    wanted = _signature(body, id, stamp, secret)
    # Every one is compared, and each in the same time: nothing tells how near a forgery came.
    found = [
        hmac.compare_digest(each.removeprefix(_VERSION).encode(), wanted)
        for each in signatures.split(" ")
        if each.startswith(_VERSION)
    ]
    if not any(found):
        raise WebhookError("bad_signature", "The signature does not match this message and secret.")
    return _checked(body, id, stamp, tolerance, time.time() if now is None else now)


def sign(body: bytes, id: str, secret: str, *, at: int | None = None) -> dict[str, str]:
    """The headers of a message, as the server sends them: for the tests of whoever receives it.

    >>> sorted(sign(b"{}", "evt_1", secret))
    ['webhook-id', 'webhook-signature', 'webhook-timestamp']
    """
    stamp = str(int(time.time()) if at is None else at)
    signature = _signature(body, id, stamp, secret).decode()
    return {"webhook-id": id, "webhook-timestamp": stamp, "webhook-signature": _VERSION + signature}


def _signature(body: bytes, id: str, stamp: str, secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not key:
        raise ValueError("a webhook's secret is whsec_ and base64 behind it")
    return base64.b64encode(hmac.digest(key, f"{id}.{stamp}.".encode() + body, hashlib.sha256))


def _checked(body: bytes, id: str, stamp: str, tolerance: float, now: float) -> Event:
    try:
        at, content = int(stamp), json.loads(body)
        event = Event(id, content["type"], content["timestamp"], content["data"])
    except (KeyError, TypeError, ValueError):
        raise WebhookError("malformed", "The message is not an event.") from None
    if abs(now - at) > tolerance:
        raise WebhookError("stale", "The message is too old, or the clocks of both machines differ.")
    return event
