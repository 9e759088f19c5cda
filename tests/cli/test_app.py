"""Apps from the command line: of each kind, with the policy asked for, changed as a whole or not at all."""

from typing import Any

import pytest

from cli.conftest import REDIRECT, Gatepost, Shop, is_refused

CREATE = ("app", "create", "Shop", "--org", "Acme")
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


@pytest.mark.parametrize(
    ("kind", "has_secret"), [("web", True), ("service", True), ("spa", False), ("native", False), ("device", False)]
)
def test_the_kind_decides_whether_there_is_a_secret(gatepost: Gatepost, acme: str, kind: str, has_secret: bool) -> None:
    made = gatepost.json(*CREATE, "--kind", kind, "--redirect", REDIRECT)
    assert made["client_id"].startswith("app_")
    assert bool(made["client_secret"]) is has_secret
    assert made["auth_method"] == (None if has_secret else "none")
    expected = {"org": acme, "name": "Shop", "kind": kind, "redirect_uris": [REDIRECT], "profile": "oauth21"}
    assert {name: made[name] for name in expected} == expected
    shown = gatepost.json("app", "show", made["client_id"])
    assert shown == made | {"client_secret": None}
    assert gatepost.json("app", "list", "--org", acme) == [shown]


def test_who_makes_an_app_without_an_address_to_come_back_to_is_told(gatepost: Gatepost, acme: str) -> None:
    told = gatepost(*CREATE, "--kind", "web", "--client-id", "shop").err
    assert told == "Next: gatepost app edit shop --add-redirect URL\n"
    assert gatepost(*CREATE, "--kind", "web", "--redirect", REDIRECT).err == ""
    assert gatepost(*CREATE, "--kind", "service").err == ""


def test_an_app_has_the_policy_asked_for(gatepost: Gatepost, acme: str) -> None:
    gatepost.json("resource", "create", "https://api.acme.dev", "--org", acme)
    made = gatepost.json(
        *(*CREATE, "--kind", "web", "--client-id", "shop.example", "--scope", "b a b", "--profile", "oidc"),
        *("--auth-method", "client_secret_post", "--grants", f"authorization_code {DEVICE}"),
        *("--resource", "HTTPS://api.acme.dev/", "--access-ttl", "5m", "--grant-idle-ttl", "12h"),
        *("--grant-ttl", "30d", "--retry-window", "until_used"),
    )
    expected = {
        "client_id": "shop.example",
        "scope": "b a",
        "profile": "oidc",
        "auth_method": "client_secret_post",
        "grant_types": ["authorization_code", DEVICE],
        "resource": "https://api.acme.dev",
        "access_ttl": 300,
        "grant_idle_ttl": 43_200,
        "grant_ttl": 2_592_000,
        "retry_window": "until_used",
    }
    assert {name: made[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--kind", "toaster"], "--kind"),
        (["--kind", "web", "--client-id", ""], "client_id"),
        (["--kind", "web", "--client-id", "a b"], "client_id"),
        (["--kind", "web", "--client-id", "ä"], "client_id"),
        (["--kind", "web", "--client-id", "x" * 201], "client_id"),
        (["--kind", "web", "--scope", 'a"b'], "scope"),
        (["--kind", "web", "--profile", "saml"], "--profile"),
        (["--kind", "web", "--auth-method", "tls_client_auth"], "--auth-method"),
        (["--kind", "spa", "--auth-method", "client_secret_basic"], "cannot keep a secret"),
        (["--kind", "service", "--auth-method", "none"], "proves who it is"),
        (["--kind", "web", "--grants", "password"], "password is none of authorization_code"),
        (["--kind", "web", "--resource", "https://api.acme.dev"], "is not registered"),
        (["--kind", "web", "--access-ttl", "0"], "access_ttl is from 1s to 1d"),
        (["--kind", "web", "--access-ttl", "25h"], "access_ttl is from 1s to 1d"),
        (["--kind", "web", "--access-ttl", "soon"], "--access-ttl soon: a duration is"),
        (["--kind", "web", "--grant-ttl", "0s"], "grant_ttl"),
        (["--kind", "web", "--grant-idle-ttl", "9999999999d"], "grant_idle_ttl"),
        (["--kind", "web", "--retry-window", "ever"], "--retry-window ever"),
        (["--kind", "web", "--retry-window", "9999999999d"], "retry_window"),
        (["--kind", "web", "--redirect", "http://shop.example/cb"], "redirect_uri"),
        (["--kind", "web", "--redirect", REDIRECT, "--redirect", f"{REDIRECT}#x"], "fragment"),
        (["--kind", "web", "--redirect", "https://*.example/cb"], "wildcard"),
        (["--kind", "web", "--redirect", "com.example.app:/cb"], "native"),
        (["--kind", "web", "--redirect", ""], "empty"),
        (["--redirect", REDIRECT], "--kind"),
    ],
)
def test_what_would_be_unsafe_or_unknown_is_refused(
    gatepost: Gatepost, acme: str, options: list[str], said: str
) -> None:
    assert said in gatepost.refused(2, *CREATE, *options)["message"]
    assert gatepost.json("app", "list") == []


@pytest.mark.parametrize("kind", ["web", "spa", "native", "device", "service"])
def test_loopback_redirects_are_for_every_kind(gatepost: Gatepost, acme: str, kind: str) -> None:
    uris = ["http://127.0.0.1/cb", "http://[::1]:8080/cb", "http://localhost/cb"]
    made = gatepost.json(*CREATE, "--kind", kind, *(part for uri in uris for part in ("--redirect", uri)))
    assert sorted(made["redirect_uris"]) == sorted(uris)


@pytest.mark.parametrize("name", ["", "a\x07b", "a\u202eb"])
def test_a_name_must_show(gatepost: Gatepost, acme: str, name: str) -> None:
    gatepost.refused(2, "app", "create", name, "--org", "Acme", "--kind", "web")


def test_a_client_id_belongs_to_one_organization_for_ever(gatepost: Gatepost, acme: str) -> None:
    gatepost.json(*CREATE, "--kind", "web", "--client-id", "shop")
    gatepost.json("org", "create", "Beta")
    theirs = ("app", "create", "Theirs", "--org", "Beta", "--kind", "web", "--client-id", "shop")
    assert gatepost.refused(5, *CREATE, "--kind", "web", "--client-id", "shop")["error"] == "conflict"
    gatepost.refused(5, *theirs)
    gatepost.json("app", "delete", "shop", "--yes")
    gatepost.refused(5, *theirs)
    gatepost.json(*CREATE, "--kind", "web", "--client-id", "shop")


def test_the_tokens_of_a_deleted_app_stay_dead_when_its_name_comes_back(gatepost: Gatepost, shop: Shop) -> None:
    assert gatepost.json("app", "delete", shop.client_id) == {"client_id": shop.client_id, "deleted": True}
    gatepost.refused(4, "app", "show", shop.client_id)
    assert is_refused(lambda: gatepost.refresh(shop.tokens.refresh_token))
    gatepost.json(*CREATE, "--kind", "web", "--client-id", shop.client_id, "--redirect", REDIRECT)
    assert is_refused(lambda: gatepost.refresh(shop.tokens.refresh_token))
    gatepost.refresh(gatepost.verify(shop.api_key, shop.client_id).refresh_token)


def test_a_disabled_app_is_refused_until_it_is_enabled(gatepost: Gatepost, shop: Shop) -> None:
    assert gatepost.json("app", "disable", shop.client_id)["disabled"] is True
    assert is_refused(lambda: gatepost.refresh(shop.tokens.refresh_token))
    assert is_refused(lambda: gatepost.verify(shop.api_key, shop.client_id))
    assert gatepost.json("app", "enable", shop.client_id)["disabled"] is False
    gatepost.refresh(shop.tokens.refresh_token)


def edited(gatepost: Gatepost, shop: Shop, *options: str) -> Any:
    return gatepost.json("app", "edit", shop.client_id, *options)


def test_an_edit_changes_what_it_names_and_nothing_else(gatepost: Gatepost, shop: Shop) -> None:
    before = gatepost.json("app", "show", shop.client_id)
    after = edited(gatepost, shop, "--name", "Café", "--scope", "read", "--access-ttl", "60")
    assert after == before | {"name": "Café", "scope": "read", "access_ttl": 60}
    second = "https://shop.example/second"
    assert edited(gatepost, shop, "--add-redirect", second)["redirect_uris"] == [REDIRECT, second]
    assert edited(gatepost, shop, "--add-redirect", second)["redirect_uris"] == [REDIRECT, second]
    assert edited(gatepost, shop, "--remove-redirect", REDIRECT)["redirect_uris"] == [second]
    gatepost.refresh(shop.tokens.refresh_token)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--remove-redirect", "https://shop.example/never"], 4),
        (["--add-redirect", "https://shop.example/2#"], 2),
        (["--scope", '"'], 2),
        (["--access-ttl", "2d"], 2),
        (["--grants", "implicit"], 2),
        (["--resource", "https://nowhere.dev"], 2),
        ([], 2),
    ],
)
def test_a_refused_edit_leaves_nothing_half_done(gatepost: Gatepost, shop: Shop, options: list[str], code: int) -> None:
    before = gatepost.json("app", "show", shop.client_id)
    more = ["--name", "Other", "--add-redirect", "https://shop.example/3"] if options else []
    gatepost.refused(code, "app", "edit", shop.client_id, *more, *options)
    assert gatepost.json("app", "show", shop.client_id) == before


@pytest.mark.parametrize("verb", ["show", "disable", "enable", "delete", "edit"])
def test_an_app_that_is_not_there_is_not_found(gatepost: Gatepost, shop: Shop, verb: str) -> None:
    options = ["--name", "X"] if verb == "edit" else []
    for client_id, hint in (("nobody", ""), (shop.org, "the id of an organization"), ("", "")):
        document = gatepost.refused(4, "app", verb, client_id, *options)
        assert hint in document["message"]
        assert document["fix"] == "gatepost app list"


def test_people_see_the_secret_once(gatepost: Gatepost, acme: str) -> None:
    out = gatepost(*CREATE, "--kind", "web").out
    assert "only time its secret is shown" in out
    secret = next(line.strip() for line in out.splitlines() if "gp_sec_" in line)
    for arguments in (["app", "list"], ["app", "list", "--json"]):
        assert secret not in gatepost(*arguments).out
    assert "secret" not in gatepost(*CREATE, "--kind", "spa").out


def test_an_app_says_how_it_is_used(gatepost: Gatepost, shop: Shop) -> None:
    assert gatepost.json("app", "use", shop.client_id) == {"connections": 1, "more": False, "last_used_at": None}
    gatepost.verify(shop.api_key, shop.client_id)
    assert gatepost.json("app", "use", shop.client_id)["connections"] == 2
    gatepost.refused(4, "app", "use", "nobody")
