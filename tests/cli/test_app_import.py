"""`app import`: what we lack is dropped and named, what is unsafe refuses the file whole, and all is written or nothing."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import REDIRECT, Gatepost, is_refused
from cli.test_app_secret import is_good
from gatepost.flows.apps import NewApp, draft_app
from gatepost.flows.instance import Instance
from gatepost.flows.roles import operator
from gatepost.secrets import parse_id
from gatepost.store.apps import keep_apps
from gatepost.store.events import Act

SHOP = {"client_id": "shop", "client_name": "Shop", "redirect_uris": [REDIRECT]}
SECRET = "a secret from elsewhere"


def imported(gatepost: Gatepost, *entries: Any, options: tuple[str, ...] = (), org: str = "Acme") -> Any:
    Path("apps.json").write_text(json.dumps(entries))
    return gatepost.json("app", "import", "apps.json", "--org", org, *options)


def refused(gatepost: Gatepost, code: int, *entries: Any, options: tuple[str, ...] = (), org: str = "Acme") -> Any:
    """The refusal of a file, after which everything is as it was."""
    before = gatepost.json("app", "list")
    Path("apps.json").write_text(json.dumps(entries))
    document = gatepost.refused(code, "app", "import", "apps.json", "--org", org, *options)
    assert gatepost.json("app", "list") == before
    return document


def test_an_app_keeps_its_client_id_and_its_secret(gatepost: Gatepost, acme: str) -> None:
    document = imported(gatepost, SHOP | {"client_secret": SECRET, "scope": "a b"})
    assert document["warnings"] == []
    (app,) = document["apps"]
    expected = {
        "client_id": "shop",
        "client_secret": SECRET,
        "name": "Shop",
        "scope": "a b",
        "redirect_uris": [REDIRECT],
        "is_new": True,
    }
    assert {name: app[name] for name in expected} == expected
    assert is_good(gatepost, "shop", SECRET)


def test_an_app_without_either_is_given_both(gatepost: Gatepost, acme: str) -> None:
    (app,) = imported(gatepost, {"client_name": "Shop"})["apps"]
    assert app["client_id"].startswith("app_")
    assert is_good(gatepost, app["client_id"], app["client_secret"])


@pytest.mark.parametrize(
    ("metadata", "kind", "is_public"),
    [
        ({}, "web", False),
        ({"application_type": "web"}, "web", False),
        ({"application_type": "native"}, "native", True),
        ({"token_endpoint_auth_method": "none"}, "spa", True),
        ({"application_type": "native", "token_endpoint_auth_method": "none"}, "native", True),
        ({"token_endpoint_auth_method": "client_secret_post"}, "web", False),
        ({"grant_types": ["client_credentials"]}, "service", False),
        (
            {
                "token_endpoint_auth_method": "none",
                "grant_types": ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
            },
            "device",
            True,
        ),
    ],
)
def test_the_metadata_tells_the_kind(
    gatepost: Gatepost, acme: str, metadata: dict[str, Any], kind: str, is_public: bool
) -> None:
    (app,) = imported(gatepost, SHOP | metadata)["apps"]
    assert app["kind"] == kind
    assert (app["client_secret"] is None) is is_public


def test_what_we_do_not_have_is_dropped_and_named(gatepost: Gatepost, acme: str) -> None:
    document = imported(
        gatepost,
        SHOP
        | {
            "grant_types": ["authorization_code", "password", "implicit"],
            "response_types": ["code", "token"],
            "contacts": ["ops@shop.example"],
            "logo_uri": None,
            "jwks_uri": "https://shop.example/jwks",
        },
        {"client_name": "Second"},
    )
    assert document["warnings"] == [
        "app 0 (shop): contacts is not supported and was dropped",
        "app 0 (shop): logo_uri is not supported and was dropped",
        "app 0 (shop): grant_types password is not supported and was dropped",
        "app 0 (shop): grant_types implicit is not supported and was dropped",
        "app 0 (shop): response_types token is not supported and was dropped",
    ]
    assert document["apps"][0]["grant_types"] == ["authorization_code"]


@pytest.mark.parametrize(
    "unsafe",
    [
        {"redirect_uris": ["http://shop.example/cb"]},
        {"redirect_uris": [REDIRECT, "https://shop.example/cb#fragment"]},
        {"redirect_uris": ["https://*.shop.example/cb"]},
        {"redirect_uris": ["javascript:alert(1)"]},
        {"redirect_uris": [""]},
        {"redirect_uris": REDIRECT},
        {"redirect_uris": [1]},
        {"jwks": {"keys": [{"kty": "oct", "k": "AAAA"}]}},
        {"jwks_uri": "http://shop.example/jwks"},
        {"client_secret": "short"},
        {"client_secret": "x" * 513},
        {"client_secret": "with a\nline break in it"},
        {"client_secret": "geheim-für-alle"},
        {"client_secret": SECRET, "token_endpoint_auth_method": "none"},
        {"token_endpoint_auth_method": "tls_client_auth"},
        {"application_type": "native", "token_endpoint_auth_method": "client_secret_basic"},
        {"profile": "saml"},
        {"scope": 'a"b'},
        {"scope": ["a", "b"]},
        {"client_name": "a\u202eb"},
        {"client_name": ""},
        {"client_name": 5},
        {"client_id": ""},
        {"client_id": "a b"},
        {"grant_types": "authorization_code"},
        {"redirect_uris": ["https://shop.example/"] * 101},
    ],
    ids=repr,
)
def test_what_is_unsafe_refuses_the_file_whole(gatepost: Gatepost, acme: str, unsafe: dict[str, Any]) -> None:
    document = refused(gatepost, 2, {"client_name": "Good"}, SHOP | unsafe, {"client_name": "Good too"})
    assert document["message"].startswith("app 1")
    assert unsafe.get("client_secret", "not told") not in document["message"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[1]",
        "[[]]",
        "null",
        "[",
        '[{"client_id":"a","client_id":"b"}]',
        '[{"client_id":"a","x":NaN}]',
        "[" * 100_000,
    ],
)
def test_what_is_no_array_of_objects_is_refused(gatepost: Gatepost, acme: str, text: str) -> None:
    Path("apps.json").write_text(text)
    gatepost.refused(2, "app", "import", "apps.json", "--org", "Acme")
    gatepost.refused(2, "app", "import", "-", "--org", "Acme", stdin=text)
    assert gatepost.json("app", "list") == []


def test_the_file_must_be_there_and_be_text(gatepost: Gatepost, acme: str) -> None:
    gatepost.refused(4, "app", "import", "missing.json", "--org", "Acme")
    gatepost.refused(2, "app", "import", ".", "--org", "Acme")
    Path("apps.json").write_bytes(b"\xff\xfe[]")
    gatepost.refused(2, "app", "import", "apps.json", "--org", "Acme")
    Path("apps.json").write_text("[]")
    gatepost.refused(4, "app", "import", "apps.json", "--org", "Beta")


def test_the_file_may_come_on_standard_input(gatepost: Gatepost, acme: str) -> None:
    document = gatepost.json("app", "import", "-", "--org", "Acme", stdin=json.dumps([SHOP | {"client_name": "Café"}]))
    assert document["apps"][0]["name"] == "Café"


def test_a_client_id_twice_in_the_file_is_refused(gatepost: Gatepost, acme: str) -> None:
    assert "twice" in refused(gatepost, 2, SHOP, {"client_name": "x"}, SHOP)["message"]


def test_an_own_app_that_exists_is_a_conflict_unless_it_is_to_be_updated(gatepost: Gatepost, acme: str) -> None:
    imported(gatepost, SHOP)
    document = refused(gatepost, 5, {"client_name": "New"}, SHOP)
    assert "--update" in document["fix"]
    (app,) = imported(gatepost, SHOP | {"client_name": "Shop 2"}, options=("--update",))["apps"]
    assert (app["name"], app["is_new"], app["client_secret"]) == ("Shop 2", False, None)


def test_another_organizations_app_is_always_a_conflict(gatepost: Gatepost, acme: str) -> None:
    gatepost.json("org", "create", "Beta")
    imported(gatepost, SHOP)
    for options in ((), ("--update",)):
        document = refused(gatepost, 5, {"client_name": "New"}, SHOP, options=options, org="Beta")
        assert "another organization" in document["message"]


def test_an_update_changes_what_the_file_names_and_nothing_else(gatepost: Gatepost, acme: str) -> None:
    second = "https://shop.example/2"
    imported(gatepost, SHOP | {"scope": "a", "token_endpoint_auth_method": "client_secret_post", "profile": "oidc"})
    before = gatepost.json("app", "show", "shop")
    imported(gatepost, {"client_id": "shop"}, options=("--update",))
    assert gatepost.json("app", "show", "shop") == before
    imported(gatepost, {"client_id": "shop", "redirect_uris": [second]}, options=("--update",))
    assert gatepost.json("app", "show", "shop") == before | {"redirect_uris": [second]}
    document = imported(gatepost, {"client_id": "shop", "profile": "oauth21"}, options=("--update",))
    assert (document["apps"][0]["profile"], document["warnings"]) == ("oauth21", [])
    document = imported(gatepost, {"client_id": "shop", "application_type": "native"}, options=("--update",))
    assert document["warnings"] == ["app 0 (shop): application_type is fixed when an app is made; it stays web"]
    refused(gatepost, 2, {"client_id": "shop", "redirect_uris": ["com.example:/cb"]}, options=("--update",))


def test_an_updates_secret_is_added_once(gatepost: Gatepost, acme: str) -> None:
    imported(gatepost, SHOP)
    for _ in range(2):
        imported(gatepost, {"client_id": "shop", "client_secret": SECRET}, options=("--update",))
    assert len(gatepost.json("app", "secret", "list", "shop")) == 2
    assert is_good(gatepost, "shop", SECRET)


def test_an_app_that_is_taken_in_the_middle_undoes_the_whole_file(gatepost: Gatepost, acme: str) -> None:
    """Between the look at what exists and the writing, somebody else may be faster: then nothing is written."""
    org = parse_id("org", acme) or b""

    async def race(instance: Instance) -> None:
        actor = operator(Act(1, "test"))
        drafts = [draft_app(instance, org, NewApp("x", client_id=each), actor, None)[0] for each in ("a", "shop", "b")]
        await instance.store.ask(keep_apps(org, tuple(drafts), actor.act))

    imported(gatepost, SHOP)
    before = gatepost.json("app", "list")
    assert is_refused(lambda: gatepost.serve(race))
    assert gatepost.json("app", "list") == before
    assert gatepost.json("app", "create", "A", "--org", "Acme", "--kind", "web", "--client-id", "a")["name"] == "A"


def test_people_see_the_warnings_and_the_secrets(gatepost: Gatepost, acme: str) -> None:
    Path("apps.json").write_text(json.dumps([SHOP | {"contacts": []}]))
    ran = gatepost("app", "import", "apps.json", "--org", "Acme")
    assert ran.err == "warning: app 0 (shop): contacts is not supported and was dropped\n"
    assert "gp_sec_" in ran.out
    assert "only time" in ran.out
    Path("apps.json").write_text("[]")
    assert gatepost("app", "import", "apps.json", "--org", "Acme").out == "The file names no app.\n"
