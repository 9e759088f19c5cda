"""`gatepost webhook`: endpoints made and changed, and what was sent to them."""

from collections.abc import Iterator

import pytest

from gatepost_sdk.webhooks import verify
from receiver import Receiver, receiving

from .conftest import Gatepost


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setenv("GATEPOST_OUTBOUND__ALLOW_LOOPBACK", "true")
    with receiving() as there:
        yield there


def test_a_webhook_is_made_shown_changed_and_deleted(gatepost: Gatepost, acme: str, receiver: Receiver) -> None:
    made = gatepost.json("webhook", "create", receiver.url, "--org", "Acme", "--types", "grant app.deleted")
    assert made.pop("secret").startswith("whsec_")
    assert (made["types"], made["name"], made["disabled"]) == (["grant", "app.deleted"], "Webhook", False)
    assert gatepost.json("webhook", "list", "--org", acme) == [made]
    assert gatepost.json("webhook", "show", made["id"], "--org", acme) == made
    changed = gatepost.json("webhook", "edit", made["id"], "--org", acme, "--types", "", "--name", "All", "--disable")
    assert changed == made | {"types": [], "name": "All", "disabled": True}
    assert not gatepost.json("webhook", "edit", made["id"], "--org", acme, "--enable")["disabled"]
    assert gatepost.json("webhook", "delete", made["id"], "--org", acme) == {"id": made["id"], "deleted": True}
    assert "No webhooks yet" in gatepost("webhook", "list", "--org", acme).err


def test_a_test_is_sent_and_seen(gatepost: Gatepost, acme: str, receiver: Receiver) -> None:
    made = gatepost.json("webhook", "create", receiver.url, "--org", acme)
    found = gatepost.json("webhook", "test", made["id"], "--org", acme)
    assert (found["ok"], found["status"]) == (True, 204)
    event = verify(*receiver.sent[0], made["secret"])
    assert (event.type, event.data["org"]) == ("webhook.tested", acme)
    receiver.status = 500
    assert gatepost("webhook", "test", made["id"], "--org", acme).code == 1
    rows = gatepost.json("webhook", "deliveries", made["id"], "--org", acme)
    assert [(row["state"], row["status"]) for row in rows] == [("failed", 500), ("delivered", 204)]
    assert gatepost.json("webhook", "show", made["id"], "--org", acme)["failing_since"]
    again = gatepost.json("webhook", "resend", made["id"], rows[0]["event"], "--org", acme)
    assert again["resent"]
    gatepost.refused(5, "webhook", "resend", made["id"], rows[0]["event"], "--org", acme)


def test_a_renewed_secret_signs_beside_the_old_one(gatepost: Gatepost, acme: str, receiver: Receiver) -> None:
    made = gatepost.json("webhook", "create", receiver.url, "--org", acme)
    renewed = gatepost.json("webhook", "renew-secret", made["id"], "--org", acme, "--overlap", "1h")
    gatepost.json("webhook", "test", made["id"], "--org", acme)
    for secret in (made["secret"], renewed["secret"]):
        verify(*receiver.sent[0], secret)


def test_what_is_not_there_or_not_allowed_is_refused(gatepost: Gatepost, acme: str) -> None:
    for url in ("http://example.com/", "https://127.0.0.1/", "hello"):
        gatepost.refused(2, "webhook", "create", url, "--org", acme)
    gatepost.refused(4, "webhook", "show", "whk_" + 32 * "0", "--org", acme)
    gatepost.refused(4, "webhook", "list", "--org", "Nobody")
    gatepost.refused(2, "webhook", "create", "https://whsec_secret", "--org", acme, "--types", "grants")
