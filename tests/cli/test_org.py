"""Organizations from the command line."""

import asyncio

import pytest

from cli.conftest import Gatepost, Shop, is_refused
from gatepost.flows.instance import Instance
from gatepost.secrets import new_id, parse_id
from gatepost.store.events import Act
from gatepost.store.orgs import make_org


def test_an_organization_is_made_listed_and_shown(gatepost: Gatepost) -> None:
    made = gatepost.json("org", "create", "Acme")
    assert parse_id("org", made["id"])
    assert (made["name"], made["auth_token"], made["disabled"]) == ("Acme", None, False)
    assert gatepost.json("org", "list") == [made]
    assert gatepost.json("org", "show", "Acme") == gatepost.json("org", "show", made["id"]) == made


def test_all_are_listed_however_many_there_are(gatepost: Gatepost, acme: str) -> None:
    async def make_more(instance: Instance) -> None:
        act = Act(instance.clock(), "cli")
        await asyncio.gather(*(instance.store.ask(make_org(new_id(), "More", 1, act)) for _ in range(1000)))

    gatepost.serve(make_more)
    assert len(gatepost.json("org", "list")) == 1001


def test_people_are_told_the_next_step(gatepost: Gatepost) -> None:
    assert "Next: gatepost key create --org org_" in gatepost("org", "create", "Acme").out


@pytest.mark.parametrize("name", ["Zoë & Söhne", "東京商会", "a" * 200, "x y", "\U0001f600"])
def test_a_name_may_be_in_any_script(gatepost: Gatepost, acme: str, name: str) -> None:
    made = gatepost.json("org", "create", name)
    assert gatepost.json("org", "show", name)["id"] == made["id"]
    assert name in gatepost("org", "show", name).out


@pytest.mark.parametrize("name", ["", " ", "a" * 201, "a\nb", "\x1b[31m", "a\u202eb", "a\u200bb", "\x00"])
def test_a_name_that_would_not_show_as_it_is_is_refused(gatepost: Gatepost, acme: str, name: str) -> None:
    assert gatepost.refused(2, "org", "create", name)["error"] == "invalid_request"
    assert len(gatepost.json("org", "list")) == 1


def test_two_of_one_name_are_told_apart_by_id(gatepost: Gatepost, acme: str) -> None:
    second = gatepost.json("org", "create", "Acme")["id"]
    assert "use the id" in gatepost.refused(5, "org", "show", "Acme")["fix"]
    assert gatepost.json("org", "show", second)["id"] == second


@pytest.mark.parametrize("verb", ["show", "disable", "enable"])
@pytest.mark.parametrize("org", ["Beta", "", "org_x", "org_" + "0" * 32])
def test_what_is_not_there_is_not_found(gatepost: Gatepost, acme: str, verb: str, org: str) -> None:
    assert gatepost.refused(4, "org", verb, org)["fix"] == "gatepost org list"


def test_an_id_of_another_kind_is_named_as_such(gatepost: Gatepost, shop: Shop) -> None:
    user = gatepost.json("user", "create", "ana@acme.dev", "--org", "Acme")["id"]
    for given, kind in ((user, "a person"), (shop.client_id, "an app"), (shop.key_id, "an API key")):
        message = gatepost.refused(4, "org", "show", given)["message"]
        assert message == f"There is no organization {given}. That is the id of {kind}."


def test_a_disabled_organization_is_refused_everything_until_it_is_enabled(gatepost: Gatepost, shop: Shop) -> None:
    assert gatepost.json("org", "disable", "Acme")["disabled"] is True
    assert is_refused(lambda: gatepost.refresh(shop.tokens.refresh_token))
    assert is_refused(lambda: gatepost.verify(shop.api_key, shop.client_id))
    assert gatepost.json("org", "enable", "Acme")["disabled"] is False
    gatepost.refresh(shop.tokens.refresh_token)
    gatepost.verify(shop.api_key, shop.client_id)


def test_an_empty_list_names_the_next_step(gatepost: Gatepost, acme: str) -> None:
    for arguments in (
        ["key", "list"],
        ["app", "list"],
        ["user", "list", "--org", acme],
        ["resource", "list", "--org", acme],
    ):
        ran = gatepost(*arguments)
        assert (ran.code, ran.out) == (0, "")
        assert f"gatepost {arguments[0]} create" in ran.err
        assert gatepost.json(*arguments) == []


def test_settings_are_chosen_and_taken_back(gatepost: Gatepost, acme: str) -> None:
    given = ("--accent", "#7C3AED", "--languages", "de en", "--session-ttl", "8h", "--email-domains", "acme.test")
    chosen = gatepost.json("org", "edit", acme, *given, "--second-factor")["settings"]
    assert (chosen["accent"], chosen["languages"], chosen["session_ttl"]) == ("#7c3aed", ["de", "en"], 28_800)
    assert (chosen["email_domains"], chosen["second_factor"]) == (["acme.test"], True)
    assert "#7c3aed" in gatepost("org", "show", acme).out
    back = gatepost.json("org", "edit", acme, "--accent", "none", "--session-ttl", "none", "--no-second-factor")
    assert back["settings"] == chosen | {"accent": "", "session_ttl": None, "second_factor": False}
    assert gatepost.json("org", "show", acme) == back


def test_what_cannot_be_chosen_is_refused_with_what_can(gatepost: Gatepost, acme: str) -> None:
    assert gatepost.refused(2, "org", "edit", acme, "--accent", "#ffcc00")["nearest"] == "#8d7000"
    assert gatepost.refused(2, "org", "edit", acme, "--session-ttl", "15d")["field"] == "session_ttl"
    assert "nothing to change" in gatepost.refused(2, "org", "edit", acme)["message"]
