"""`link`: a one-time way in for an owner, from whoever holds the data directory."""

import pytest

from cli.conftest import ISSUER, Gatepost
from gatepost.flows.links import Opened, open_link


@pytest.fixture(autouse=True)
def issuer(monkeypatch: pytest.MonkeyPatch, gatepost: Gatepost) -> None:
    monkeypatch.setenv("GATEPOST_ISSUER", ISSUER)


@pytest.fixture
def owner(gatepost: Gatepost, acme: str) -> str:
    """The owner of Acme; their id."""
    user: str = gatepost.json("user", "create", "ana@acme.dev", "--org", "Acme", "--role", "owner")["id"]
    return user


def opened(gatepost: Gatepost, link: str) -> Opened | None:
    return gatepost.serve(lambda instance: open_link(instance, link.partition("?link=")[2], "", None))


def test_a_link_lets_an_owner_in_once(gatepost: Gatepost, owner: str) -> None:
    document = gatepost.json("link")
    assert document["email"] == "ana@acme.dev"
    assert document["expires_in"] == 900
    assert document["sign_in"].startswith(f"{ISSUER}/login?link=gp_link_")
    first, second = (opened(gatepost, document["sign_in"]) for _ in range(2))
    assert first
    assert (first.org.name, first.member.email) == ("Acme", "ana@acme.dev")
    assert second is None


def test_people_are_told_for_whom_and_how_long(gatepost: Gatepost, owner: str) -> None:
    assert gatepost("link").out.startswith("For ana@acme.dev, once, within 15 minutes:\n\n  https://")


def test_an_owner_may_be_named(gatepost: Gatepost, owner: str) -> None:
    gatepost.json("org", "create", "Beta")
    gatepost.json("user", "create", "bo@beta.dev", "--org", "Beta", "--role", "owner")
    assert gatepost.json("link", "--org", "Beta")["email"] == "bo@beta.dev"
    assert gatepost.json("link", "--user", "BO@beta.dev")["email"] == "bo@beta.dev"
    assert gatepost.refused(4, "link", "--org", "Acme", "--user", "bo@beta.dev")["error"] == "not_found"


def test_only_an_active_owner_of_an_active_organization_gets_one(gatepost: Gatepost, owner: str) -> None:
    gatepost.json("user", "create", "bo@acme.dev", "--org", "Acme", "--role", "admin")
    gatepost.refused(4, "link", "--user", "bo@acme.dev")
    gatepost.json("user", "disable", owner)
    assert "--role owner" in gatepost.refused(4, "link")["fix"]
    gatepost.json("user", "enable", owner)
    gatepost.json("org", "disable", "Acme")
    gatepost.refused(4, "link")


def test_a_link_needs_the_data_directory_and_the_issuer(
    gatepost: Gatepost, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gatepost.refused(4, "link", "--data", "elsewhere")
    monkeypatch.delenv("GATEPOST_ISSUER")
    assert "GATEPOST_ISSUER" in gatepost.refused(3, "link")["fix"]


@pytest.mark.parametrize("undo", [["user", "disable", "ana@acme.dev"], ["org", "disable", "Acme"]], ids=["user", "org"])
def test_a_link_dies_with_what_it_stands_on(gatepost: Gatepost, owner: str, undo: list[str]) -> None:
    link = gatepost.json("link")["sign_in"]
    gatepost.json(*undo)
    assert opened(gatepost, link) is None
