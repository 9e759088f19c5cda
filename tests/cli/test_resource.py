"""Resources from the command line: one API has one registered spelling."""

import pytest

from cli.conftest import REDIRECT, Gatepost, Shop, is_refused

API = "https://api.acme.dev/v1"


def test_a_resource_is_registered_listed_and_deleted(gatepost: Gatepost, acme: str) -> None:
    made = gatepost.json("resource", "create", API, "--org", acme, "--scopes", "agents:read agents:write agents:read")
    assert (made["uri"], made["scopes"], made["served_by"]) == (API, ["agents:read", "agents:write"], None)
    assert gatepost.json("resource", "list", "--org", acme) == [made]
    assert gatepost.json("resource", "delete", API, "--org", "Acme") == {"uri": API, "deleted": True}
    assert gatepost.json("resource", "list", "--org", acme) == []
    gatepost.refused(4, "resource", "delete", API, "--org", "Acme")


@pytest.mark.parametrize(
    ("registered", "other"),
    [
        ("https://api.acme.dev", "https://api.acme.dev/"),
        ("https://api.acme.dev/v1", "HTTPS://API.acme.DEV/v1"),
        ("urn:acme:api", "URN:acme:api"),
    ],
)
def test_another_spelling_is_the_same_resource(gatepost: Gatepost, acme: str, registered: str, other: str) -> None:
    gatepost.json("resource", "create", registered, "--org", acme)
    assert gatepost.refused(5, "resource", "create", other, "--org", acme)["error"] == "conflict"
    assert gatepost.json("resource", "delete", other, "--org", acme)["uri"] == registered


@pytest.mark.parametrize("other", [API + "/", API.upper(), API + "?x=1", API.replace("v1", "V1")])
def test_another_path_is_another_resource(gatepost: Gatepost, acme: str, other: str) -> None:
    gatepost.json("resource", "create", API, "--org", acme)
    gatepost.json("resource", "create", other, "--org", acme)
    assert len(gatepost.json("resource", "list", "--org", acme)) == 2


@pytest.mark.parametrize("uri", ["", "api", "/v1", "https://", "https://a.dev/#x", "https://u@a.dev", "https://ä.dev"])
def test_what_is_no_absolute_uri_is_refused(gatepost: Gatepost, acme: str, uri: str) -> None:
    assert gatepost.refused(2, "resource", "create", uri, "--org", acme)["error"] == "invalid_target"


@pytest.mark.parametrize("scopes", ['a"b', "a  b", "a\\b", " a", "ä"])
def test_scopes_have_a_grammar(gatepost: Gatepost, acme: str, scopes: str) -> None:
    assert gatepost.refused(2, "resource", "create", API, "--org", acme, "--scopes", scopes)["error"] == "invalid_scope"


def test_an_app_may_be_the_api(gatepost: Gatepost, shop: Shop) -> None:
    made = gatepost.json("resource", "create", API, "--org", shop.org, "--served-by", shop.client_id)
    assert made["served_by"] == shop.client_id
    gatepost.json("org", "create", "Beta")
    for org, app in ((shop.org, "nobody"), ("Beta", shop.client_id)):
        gatepost.refused(4, "resource", "create", "https://b.dev", "--org", org, "--served-by", app)


def test_deleting_a_resource_stops_the_grants_for_it(gatepost: Gatepost, shop: Shop) -> None:
    gatepost.json("resource", "create", API, "--org", shop.org)
    app = gatepost.json("app", "create", "B", "--org", shop.org, "--kind", "web", "--redirect", REDIRECT)
    tokens = gatepost.verify(shop.api_key, app["client_id"], resource=API)
    gatepost.json("resource", "delete", API, "--org", shop.org)
    assert is_refused(lambda: gatepost.refresh(tokens.refresh_token))
    gatepost.refresh(shop.tokens.refresh_token)
