"""API keys from the command line: shown once, with the powers asked for, ended for good."""

import functools
from datetime import datetime

import pytest

from cli.conftest import Gatepost, Shop, is_refused
from gatepost.flows.callers import DEFAULT_POWERS, POWERS, authenticate_key

USUAL = list(DEFAULT_POWERS)


@pytest.mark.parametrize(
    ("scope", "scopes"),
    [
        ([], USUAL),
        (["--scope", "tokens:introspect"], ["tokens:introspect"]),
        (["--scope", "users:act apps:read users:act"], ["users:act", "apps:read"]),
        (["--scope", " ".join(POWERS)], list(POWERS)),
    ],
)
def test_a_key_has_the_scopes_asked_for(gatepost: Gatepost, acme: str, scope: list[str], scopes: list[str]) -> None:
    made = gatepost.json("key", "create", "--org", acme, *scope)
    assert made["api_key"].startswith("gp_key_")
    assert made["scopes"] == scopes
    assert (made["org"], made["expires_at"], made["revoked"]) == (acme, None, False)


def test_the_usual_scopes_are_all_but_acting_for_people(gatepost: Gatepost, acme: str) -> None:
    assert USUAL == ["apps:read", "apps:write", "tokens:issue", "tokens:introspect", "grants:read", "grants:revoke"]
    assert "users:act" not in gatepost.json("key", "create", "--org", "Acme")["scopes"]


def test_a_key_is_shown_once_and_never_again(gatepost: Gatepost, acme: str) -> None:
    made = gatepost.json("key", "create", "--org", acme, "--name", "Gateway")
    listed = gatepost("key", "list", "--org", acme, "--json")
    assert made["api_key"] not in listed.out + listed.err
    assert listed.json == [{name: value for name, value in made.items() if name != "api_key"}]
    shown = gatepost("key", "create", "--org", acme).out
    assert "only time" in shown
    assert "gp_key_" in shown


@pytest.mark.parametrize(
    "scope", ["", " ", "apps:delete", "apps:read,apps:write", "APPS:READ", "tokens:issue gatepost"]
)
def test_a_scope_that_no_key_has_is_refused(gatepost: Gatepost, acme: str, scope: str) -> None:
    document = gatepost.refused(2, "key", "create", "--org", acme, "--scope", scope)
    assert document["error"] == "invalid_scope"
    assert "tokens:introspect" in document["fix"]


def test_a_key_of_all_organizations_has_no_power_that_needs_one(gatepost: Gatepost, shop: Shop) -> None:
    made = gatepost.json("key", "create", "--all-orgs")
    assert (made["org"], made["scopes"]) == (None, ["tokens:introspect", "grants:read", "grants:revoke"])
    assert gatepost.refused(2, "key", "create", "--all-orgs", "--scope", "tokens:issue")["error"] == "invalid_scope"
    assert is_refused(lambda: gatepost.verify(made["api_key"], shop.client_id))
    assert made["id"] in [key["id"] for key in gatepost.json("key", "list")]
    assert made["id"] not in [key["id"] for key in gatepost.json("key", "list", "--org", shop.org)]
    assert gatepost.json("key", "revoke", made["id"])["revoked"] is True


@pytest.mark.parametrize("whose", [[], ["--org", "Acme", "--all-orgs"]], ids=["neither", "both"])
def test_a_key_is_either_an_organizations_or_everybodys(gatepost: Gatepost, acme: str, whose: list[str]) -> None:
    assert "--all-orgs" in gatepost.refused(2, "key", "create", *whose)["message"]


@pytest.mark.parametrize(
    ("expires", "seconds"), [("90d", 7_776_000), ("12h", 43_200), ("30m", 1800), ("3s", 3), ("3600", 3600)]
)
def test_a_key_may_expire_after_a_while(gatepost: Gatepost, acme: str, expires: str, seconds: int) -> None:
    made = gatepost.json("key", "create", "--org", acme, "--expires", expires)
    lives = datetime.fromisoformat(made["expires_at"]) - datetime.fromisoformat(made["created_at"])
    assert lives.total_seconds() == seconds


@pytest.mark.parametrize(
    ("expires", "at"),
    [
        ("2090-12-31", "2090-12-31T00:00:00Z"),
        ("2090-12-31T12:00", "2090-12-31T12:00:00Z"),
        ("2090-12-31T12:00:00Z", "2090-12-31T12:00:00Z"),
        ("2090-12-31T12:00:00+05:30", "2090-12-31T06:30:00Z"),
    ],
)
def test_a_key_may_expire_at_an_instant(gatepost: Gatepost, acme: str, expires: str, at: str) -> None:
    assert gatepost.json("key", "create", "--org", acme, "--expires", expires)["expires_at"] == at


@pytest.mark.parametrize("expires", ["", "soon", "-1", "0", "0d", "1.5h", "2020-01-01", "9999999999d", "9999-12-31"])
def test_what_is_no_time_ahead_is_refused(gatepost: Gatepost, acme: str, expires: str) -> None:
    assert "--expires" in gatepost.refused(2, "key", "create", "--org", acme, f"--expires={expires}")["message"]
    assert gatepost.json("key", "list") == []


@pytest.mark.parametrize(("later", "refused"), [(60, False), (3600, True)])
def test_a_key_is_refused_from_the_moment_it_expires(gatepost: Gatepost, acme: str, later: int, refused: bool) -> None:
    key = gatepost.json("key", "create", "--org", acme, "--expires", "1h")["api_key"]
    caller = functools.partial(authenticate_key, authorization=f"Bearer {key}")
    assert is_refused(lambda: gatepost.serve(caller, later=later)) is refused


def test_revoking_a_key_ends_it_and_its_grants(gatepost: Gatepost, shop: Shop) -> None:
    assert gatepost.json("key", "revoke", shop.key_id) == {"id": shop.key_id, "revoked": True, "grants_kept": False}
    assert is_refused(lambda: gatepost.verify(shop.api_key, shop.client_id))
    assert is_refused(lambda: gatepost.refresh(shop.tokens.refresh_token))
    assert [key["revoked"] for key in gatepost.json("key", "list")] == [True]
    assert gatepost.json("grant", "list")[0]["revoked"] is True


def test_a_planned_change_of_keys_keeps_the_grants(gatepost: Gatepost, shop: Shop) -> None:
    assert gatepost.json("key", "revoke", shop.key_id, "--keep-grants")["grants_kept"] is True
    assert is_refused(lambda: gatepost.verify(shop.api_key, shop.client_id))
    gatepost.refresh(shop.tokens.refresh_token)


def test_a_key_of_another_organization_is_not_revoked(gatepost: Gatepost, shop: Shop) -> None:
    gatepost.json("org", "create", "Beta")
    assert "of Beta" in gatepost.refused(4, "key", "revoke", shop.key_id, "--org", "Beta")["message"]
    gatepost.refresh(shop.tokens.refresh_token)
    gatepost.json("key", "revoke", shop.key_id, "--org", "Acme")


def test_a_key_that_is_not_there_cannot_be_revoked(gatepost: Gatepost, shop: Shop) -> None:
    gatepost.json("key", "revoke", shop.key_id)
    assert gatepost.refused(4, "key", "revoke", shop.key_id)["fix"] == "gatepost key list"
    assert gatepost.refused(4, "key", "revoke", "key_" + "0" * 32)["error"] == "not_found"
    assert "an app" in gatepost.refused(4, "key", "revoke", shop.client_id)["message"]


@pytest.mark.parametrize("name", ["", "a\tb", "a" * 201])
def test_a_key_has_a_name_that_shows(gatepost: Gatepost, acme: str, name: str) -> None:
    gatepost.refused(2, "key", "create", "--org", acme, "--name", name)


def test_an_unknown_organization_has_no_keys(gatepost: Gatepost, acme: str) -> None:
    for verb in ("create", "list"):
        assert gatepost.refused(4, "key", verb, "--org", "Beta")["fix"] == "gatepost org list"
