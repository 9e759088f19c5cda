"""Signing keys from the command line: published, activated, retired, each when it is safe."""

import time
from datetime import datetime
from typing import Any

import pytest

from cli.conftest import Gatepost, Shop
from gatepost.flows.signing import NOTICED_SECONDS
from gatepost.records import MAX_ACCESS_TTL


def states(keys: list[dict[str, Any]]) -> dict[str, list[str]]:
    by_state: dict[str, list[str]] = {}
    for key in keys:
        by_state.setdefault(key["state"], []).append(key["kid"])
    return by_state


def test_an_instance_has_an_active_key_and_a_next_one(gatepost: Gatepost, acme: str) -> None:
    keys = gatepost.json("signing-key", "list")
    assert set(states(keys)) == {"next", "active"}
    for key in keys:
        assert key["published_at"]
        assert (key["retired_at"], key["remove_at"]) == (None, None)


def test_rotation_waits_until_verifiers_have_seen_the_next_key(
    gatepost: Gatepost, monkeypatch: pytest.MonkeyPatch
) -> None:
    gatepost.json("org", "create", "Acme")
    before = gatepost.json("signing-key", "list")
    document = gatepost.refused(5, "signing-key", "rotate")
    assert "300 s" in document["message"]
    assert "--force" in document["fix"]
    assert gatepost.json("signing-key", "list") == before
    monkeypatch.setenv("GATEPOST_TOKENS__JWKS_MAX_AGE", "0")
    gatepost.refused(5, "signing-key", "rotate")
    time.sleep(NOTICED_SECONDS)
    assert gatepost.json("signing-key", "rotate") != before


def test_rotation_moves_every_key_one_place_on(gatepost: Gatepost, shop: Shop) -> None:
    before = states(gatepost.json("signing-key", "list"))
    rotated = gatepost.json("signing-key", "rotate", "--force")
    after = states(rotated)
    assert after["active"] == before["next"]
    assert after["retired"] == before["active"]
    assert not set(after["next"]) & {kid for kids in before.values() for kid in kids}
    retired = next(key for key in rotated if key["state"] == "retired")
    lasts = datetime.fromisoformat(retired["remove_at"]) - datetime.fromisoformat(retired["retired_at"])
    assert lasts.total_seconds() >= MAX_ACCESS_TTL, "an app may give its tokens as long a life"
    assert gatepost.json("signing-key", "list") == rotated
    assert gatepost.json("token", "inspect", stdin=shop.tokens.access_token)["accepted"] is True
    gatepost.refresh(shop.tokens.refresh_token)


def test_people_see_the_three_states(gatepost: Gatepost, acme: str) -> None:
    gatepost("signing-key", "rotate", "--force")
    out = gatepost("signing-key", "list").out
    assert out.splitlines()[0].split()[0] == "KID"
    for state in ("next", "active", "retired"):
        assert state in out
