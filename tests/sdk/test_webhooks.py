"""Messages of webhooks: the server's are taken, and nothing else is."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from gatepost_sdk.webhooks import Event, WebhookError, sign, verify

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
OTHER = "whsec_" + base64.b64encode(b"x" * 32).decode()
BODY = json.dumps({"type": "grant.revoked", "timestamp": "2027-01-15T08:00:00Z", "data": {"result": "ok"}}).encode()
NOW = 1_800_000_000


def headers(**changes: Any) -> dict[str, str]:
    changed = sign(BODY, "evt_1", SECRET, at=NOW) | {f"webhook-{name}": value for name, value in changes.items()}
    return {name: value for name, value in changed.items() if value is not None}


def refusal(body: bytes = BODY, secret: str = SECRET, **changes: Any) -> str:
    with pytest.raises(WebhookError) as refused:
        verify(body, headers(**changes), secret, now=NOW)
    return refused.value.code


def test_a_message_of_the_server_is_taken() -> None:
    event = verify(BODY, headers(), SECRET, now=NOW)
    assert event == Event("evt_1", "grant.revoked", "2027-01-15T08:00:00Z", {"result": "ok"})
    upper = {name.title(): value for name, value in headers().items()}
    assert verify(BODY, upper, SECRET, now=NOW) == event


def test_the_signature_is_that_of_the_standard() -> None:
    """The vector of the reference implementations."""
    secret, id, at = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330
    signed = sign(b'{"test": 2432232314}', id, secret, at=at)
    assert signed["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    raw = hmac.digest(base64.b64decode(secret[6:]), f"{id}.{at}.".encode() + b'{"test": 2432232314}', hashlib.sha256)
    assert signed["webhook-signature"] == "v1," + base64.b64encode(raw).decode()


def test_one_of_several_signatures_is_enough() -> None:
    mine, other = headers()["webhook-signature"], sign(BODY, "evt_1", OTHER, at=NOW)["webhook-signature"]
    for signature in (f"{other} {mine}", f"v2,abc {mine}", f"{mine} junk"):
        verify(BODY, headers(signature=signature), SECRET, now=NOW)
        verify(BODY, headers(signature=f"{other} {mine}"), OTHER, now=NOW)


@pytest.mark.parametrize("signature", ["", "v1,", "junk", "v1,é", "v1a," + "A" * 44])
def test_another_signature_is_refused(signature: str) -> None:
    assert refusal(signature=signature) == "bad_signature"


def test_what_was_changed_is_refused() -> None:
    assert refusal(BODY + b" ") == "bad_signature"
    assert refusal(secret=OTHER) == "bad_signature"
    assert refusal(id="evt_2") == "bad_signature"
    assert refusal(timestamp=str(NOW + 1)) == "bad_signature"


@pytest.mark.parametrize("name", ["id", "timestamp", "signature"])
def test_a_missing_header_is_named(name: str) -> None:
    assert refusal(**{name: None})  # type: ignore[arg-type]  # a header that is left out == "missing"


@pytest.mark.parametrize("age", [-301, 301])
def test_what_is_not_fresh_is_refused(age: int) -> None:
    with pytest.raises(WebhookError) as refused:
        verify(BODY, headers(), SECRET, now=NOW + age)
    assert refused.value.code == "stale"
    verify(BODY, headers(), SECRET, now=NOW + age, tolerance=302)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"null", b'{"type":"a","timestamp":"b"}'])
def test_what_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(WebhookError) as refused:
        verify(body, sign(body, "evt_1", SECRET, at=NOW), SECRET, now=NOW)
    assert refused.value.code == "malformed"


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!", "hello world"])
def test_what_is_no_secret_is_a_fault_of_the_program(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_"):
        verify(BODY, headers(), secret)
