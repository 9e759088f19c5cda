"""Apps that nobody registered, as the operator sees them once somebody has connected them."""

import pytest

from cli.conftest import Gatepost
from gatepost.oauth.client_document import read_document
from gatepost.store.apps import keep_free_app
from gatepost.store.events import Act
from gatepost.store.question import INSTANCE

URL = "https://app.example/client.json"


@pytest.fixture
def wanderer(gatepost: Gatepost, acme: str) -> str:
    """The client_id of such an app."""
    said = {"client_id": URL, "client_name": "Wanderer", "redirect_uris": ["https://app.example/cb"]}
    app, _, uris = read_document(INSTANCE, URL, said)
    gatepost.serve(lambda instance: instance.store.ask(keep_free_app(app, uris, 1, Act(1, "user"))))
    return URL


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
