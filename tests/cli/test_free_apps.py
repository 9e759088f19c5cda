"""Apps that nobody registered, as the operator sees them once somebody has connected them."""

import pytest

from cli.conftest import Gatepost
from gatepost.flows.instance import wall_clock
from gatepost.oauth.client_document import read_document
from gatepost.secrets import new_id, parse_id, render_id
from gatepost.store.apps import keep_free_app
from gatepost.store.events import Act
from gatepost.store.grants import NewGrant, make_grant
from gatepost.store.question import INSTANCE

DAY = 86_400
URL = "https://app.example/client.json"


@pytest.fixture
def wanderer(gatepost: Gatepost, acme: str) -> str:
    """The client_id of such an app."""
    said = {"client_id": URL, "client_name": "Wanderer", "redirect_uris": ["https://app.example/cb"]}
    app, _, uris = read_document(INSTANCE, URL, said)
    gatepost.serve(lambda instance: instance.store.ask(keep_free_app(app, uris, 1, Act(1, "user"))))
    return URL


def connect(gatepost: Gatepost, org: str, user: str) -> str:
    """A grant of it in an organization; its id."""
    new = NewGrant(
        id=new_id(),
        client_id=URL,
        user_id=parse_id("usr", user),
        key_id=None,
        scope="",
        resource=None,
        salt=bytes(16),
        idle_ttl=DAY,
        expires_at=wall_clock() + DAY,
        app_org=INSTANCE,
    )
    place = parse_id("org", org) or b""
    assert gatepost.serve(lambda instance: instance.store.ask(make_grant(place, new, Act(wall_clock(), "user"))))
    return render_id("gnt", new.id)


def test_its_grants_are_seen_and_ended_wherever_they_are(gatepost: Gatepost, wanderer: str) -> None:
    grants = {}
    for name in ("Acme", "Beta"):
        org = gatepost.json("org", "show", "Acme") if name == "Acme" else gatepost.json("org", "create", name)
        user = gatepost.json("user", "create", f"ana@{name}.test", "--org", name)
        grants[name] = connect(gatepost, org["id"], user["id"])
    assert {each["id"] for each in gatepost.json("grant", "list", "--app", wanderer)} == set(grants.values())
    assert gatepost.json("grant", "revoke", "--app", wanderer, "--org", "Beta") == {"revoked": 1}
    listed = gatepost.json("grant", "list", "--app", wanderer)
    assert {each["id"] for each in listed if each["revoked"]} == {grants["Beta"]}
    assert gatepost.json("grant", "revoke", "--app", wanderer) == {"revoked": 1}
    assert gatepost.json("grant", "revoke", "--app", wanderer) == {"revoked": 0}


def test_it_is_listed_and_belongs_to_no_organization(gatepost: Gatepost, wanderer: str) -> None:
    assert [each["client_id"] for each in gatepost.json("app", "list")] == [wanderer]
    assert gatepost.json("app", "list", "--org", "Acme") == []
    shown = gatepost.json("app", "show", wanderer)
    assert (shown["name"], shown["org"], shown["redirect_uris"]) == ("Wanderer", None, ["https://app.example/cb"])


def test_it_says_itself_what_it_is(gatepost: Gatepost, wanderer: str) -> None:
    refused = gatepost.refused(6, "app", "edit", wanderer, "--name", "Settler")
    assert "says itself what it is" in refused["message"]


def test_it_is_disabled_enabled_and_deleted(gatepost: Gatepost, wanderer: str) -> None:
    assert gatepost.json("app", "disable", wanderer)["disabled"]
    assert not gatepost.json("app", "enable", wanderer)["disabled"]
    gatepost.json("app", "delete", wanderer)
    gatepost.refused(4, "app", "show", wanderer)


def test_its_limit_stays_when_it_says_something_new_of_itself(gatepost: Gatepost, wanderer: str) -> None:
    assert gatepost.json("app", "limit", wanderer, "60/m")["rate_limit"] == 60
    said = {"client_id": URL, "client_name": "Renamed", "redirect_uris": ["https://app.example/cb"]}
    app, _, uris = read_document(INSTANCE, URL, said)
    gatepost.serve(lambda instance: instance.store.ask(keep_free_app(app, uris, 1, Act(1, "user"))))
    shown = gatepost.json("app", "show", wanderer)
    assert (shown["name"], shown["rate_limit"]) == ("Renamed", 60)
