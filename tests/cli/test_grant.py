"""Grants from the command line: seen whole, ended one by one or all at once, for good."""

import base64
import functools
import json
from typing import Any

import pytest

from cli.conftest import REDIRECT, Gatepost, Shop, is_refused


def claims_of(token: str) -> Any:
    segment = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))


def test_a_grant_shows_what_the_contract_names(gatepost: Gatepost, shop: Shop) -> None:
    gatepost.refresh(shop.tokens.refresh_token)
    (grant,) = gatepost.json("grant", "list")
    assert grant["id"] == claims_of(shop.tokens.access_token)["gid"]
    expected = {
        "org": shop.org,
        "app": shop.client_id,
        "agent": False,
        "subject": shop.org,
        "scope": "",
        "generation": 2,
        "uses": 1,
        "revoked": False,
    }
    assert {name: grant[name] for name in expected} == expected
    assert grant["created_at"] <= grant["last_used_at"] < grant["expires_at"]


def test_a_grant_of_an_agent_says_so(gatepost: Gatepost, shop: Shop) -> None:
    gatepost.json("app", "edit", shop.client_id, "--agent")
    (grant,) = gatepost.json("grant", "list")
    assert grant["agent"] is True
    assert gatepost.json("app", "list")[0]["agent"] is True


@pytest.fixture
def many(gatepost: Gatepost, shop: Shop) -> dict[str, str]:
    """Four grants: of two apps, for two people; the refresh token of each by `app/person`."""
    key = gatepost.json("key", "create", "--org", shop.org, "--scope", "users:act tokens:issue")["api_key"]
    people = [gatepost.json("user", "create", f"{name}@acme.dev", "--org", shop.org)["id"] for name in ("ana", "bo")]
    gatepost(
        "app", "create", "Second", "--org", shop.org, "--kind", "web", "--client-id", "second", "--redirect", REDIRECT
    )
    return {
        f"{name}/{person}": gatepost.verify(key, client_id, user_id=user).refresh_token
        for name, client_id in (("first", shop.client_id), ("second", "second"))
        for person, user in zip(("ana", "bo"), people, strict=True)
    }


@pytest.mark.parametrize(
    ("options", "ended"),
    [
        (["--app", "second"], {"second/ana", "second/bo"}),
        (["--user", "ANA@acme.dev"], {"first/ana", "second/ana"}),
        (["--app", "second", "--user", "ana@acme.dev"], {"second/ana"}),
        (["--org", "Acme", "--app", "second"], {"second/ana", "second/bo"}),
        (["--org", "Acme", "--user", "bo@acme.dev"], {"first/bo", "second/bo"}),
        (["--org", "Acme"], {"first/ana", "first/bo", "second/ana", "second/bo"}),
    ],
    ids=["app", "user", "app and user", "org and app", "org and user", "org"],
)
def test_many_are_listed_and_ended_together(
    gatepost: Gatepost, shop: Shop, many: dict[str, str], options: list[str], ended: set[str]
) -> None:
    own = 1 if options == ["--org", "Acme"] else 0
    assert len(gatepost.json("grant", "list", *options)) == len(ended) + own
    assert gatepost.json("grant", "revoke", *options, "--yes") == {"revoked": len(ended) + own}
    refused = {name for name, token in many.items() if is_refused(functools.partial(gatepost.refresh, token))}
    assert refused == ended
    assert is_refused(lambda: gatepost.refresh(shop.tokens.refresh_token)) == bool(own)
    assert gatepost.json("grant", "revoke", *options) == {"revoked": 0}


def test_one_is_ended_for_good(gatepost: Gatepost, shop: Shop) -> None:
    (grant,) = gatepost.json("grant", "list")
    assert gatepost.json("grant", "revoke", grant["id"]) == {"id": grant["id"], "revoked": 1}
    assert is_refused(lambda: gatepost.refresh(shop.tokens.refresh_token))
    assert gatepost.json("grant", "list")[0]["revoked"] is True
    assert gatepost.refused(4, "grant", "revoke", grant["id"])["fix"] == "gatepost grant list"


def test_one_is_ended_only_where_it_is_said_to_be(gatepost: Gatepost, shop: Shop) -> None:
    (grant,) = gatepost.json("grant", "list")
    gatepost.json("org", "create", "Beta")
    gatepost.json("user", "create", "ana@acme.dev", "--org", "Acme")
    gatepost("app", "create", "Other", "--org", "Acme", "--kind", "web", "--client-id", "other")
    for options in (["--org", "Beta"], ["--app", "other"], ["--user", "ana@acme.dev"]):
        assert gatepost.refused(4, "grant", "revoke", grant["id"], *options)["error"] == "not_found"
    gatepost.refresh(shop.tokens.refresh_token)
    assert gatepost.json("grant", "revoke", grant["id"], "--org", "Acme", "--app", shop.client_id)["revoked"] == 1


def test_what_to_end_must_be_said(gatepost: Gatepost, shop: Shop) -> None:
    assert "GRANT_ID" in gatepost.refused(2, "grant", "revoke", "--yes")["message"]
    gatepost.refresh(shop.tokens.refresh_token)


@pytest.mark.parametrize(
    "options", [["--org", "Beta"], ["--app", "nobody"], ["--user", "bo@acme.dev"]], ids=["org", "app", "user"]
)
def test_grants_of_nobody_are_not_found(gatepost: Gatepost, shop: Shop, options: list[str]) -> None:
    for verb in ("list", "revoke"):
        assert gatepost.refused(4, "grant", verb, *options)["fix"].startswith("gatepost ")


@pytest.mark.parametrize("grant", ["", "gnt_x", "gnt_" + "0" * 32])
def test_no_other_text_ends_a_grant(gatepost: Gatepost, shop: Shop, grant: str) -> None:
    gatepost.refused(2 if not grant else 4, "grant", "revoke", grant)
    gatepost.refresh(shop.tokens.refresh_token)


def test_an_id_of_another_kind_is_named_as_such(gatepost: Gatepost, shop: Shop) -> None:
    assert "the id of an API key" in gatepost.refused(4, "grant", "revoke", shop.key_id)["message"]


def test_nothing_connected_is_said_so(gatepost: Gatepost, acme: str) -> None:
    assert gatepost("grant", "list") == (0, "", "No grants: nothing is connected.\n")
