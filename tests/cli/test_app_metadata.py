"""What an app says of itself, from the command line and from a file: keys, algorithms, profiles, URIs; shown as they are kept."""

import json
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, RSAKey

from cli.conftest import REDIRECT, Gatepost, Shop

CREATE = ("app", "create", "Shop", "--org", "Acme", "--kind", "web", "--redirect", REDIRECT)
KEYS = {"keys": [ECKey.generate_key("P-256", {"kid": "one"}).as_dict(private=False)]}
DEFAULTS: dict[str, Any] = {
    "id_token_signed_response_alg": "RS256",
    "userinfo_signed_response_alg": None,
    "subject_type": "public",
    "sector_identifier": None,
    "default_max_age": None,
    "require_pushed_authorization_requests": False,
    "jwks": None,
    "jwks_uri": None,
    "token_endpoint_auth_signing_alg": None,
    "post_logout_redirect_uris": [],
    "backchannel_logout_uri": None,
    "backchannel_logout_session_required": False,
    "client_uri": None,
    "policy_uri": None,
    "tos_uri": None,
    "first_party": False,
    "skip_consent": False,
    "open_to_others": False,
    "optional_scope": "",
    "agent": False,
}
CHOICES = {
    "id_token_signed_response_alg": "ES256",
    "userinfo_signed_response_alg": "RS256",
    "subject_type": "pairwise",
    "sector_identifier": "shop.example",
    "default_max_age": 3600,
    "require_pushed_authorization_requests": True,
    "jwks_uri": "https://shop.example/jwks",
    "token_endpoint_auth_signing_alg": "PS256",
    "post_logout_redirect_uris": ["https://shop.example/bye", "https://shop.example/bye2"],
    "backchannel_logout_uri": "https://shop.example/logout",
    "backchannel_logout_session_required": True,
    "client_uri": "https://shop.example/",
    "policy_uri": "https://shop.example/privacy",
    "tos_uri": "https://shop.example/terms",
    "first_party": True,
    "skip_consent": True,
    "open_to_others": True,
    "optional_scope": "write",
    "agent": True,
}
OPTIONS = (
    *("--id-token-alg", "ES256", "--userinfo-alg", "RS256", "--pairwise", "--sector", "shop.example"),
    *("--default-max-age", "1h", "--require-par", "--jwks-uri", "https://shop.example/jwks", "--auth-alg", "PS256"),
    *("--post-logout-redirect", "https://shop.example/bye", "--post-logout-redirect", "https://shop.example/bye2"),
    *("--logout-uri", "https://shop.example/logout", "--logout-session", "--client-uri", "https://shop.example/"),
    *("--policy-uri", "https://shop.example/privacy", "--tos-uri", "https://shop.example/terms", "--first-party"),
    *("--skip-consent", "--open-to-others", "--optional-scope", "write", "--agent"),
)


def metadata(document: dict[str, Any]) -> dict[str, Any]:
    return {name: document[name] for name in DEFAULTS}


@pytest.fixture
def keys(tmp_path: Path) -> str:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(KEYS))
    return str(path)


def test_everything_can_be_said_when_an_app_is_made_and_is_shown(gatepost: Gatepost, acme: str) -> None:
    assert metadata(gatepost.json(*CREATE)) == DEFAULTS
    made = gatepost.json(*CREATE, *OPTIONS)
    assert metadata(made) == DEFAULTS | CHOICES
    assert metadata(gatepost.json("app", "show", made["client_id"])) == DEFAULTS | CHOICES
    assert "https://shop.example/logout" in gatepost("app", "show", made["client_id"]).out


def test_everything_can_be_changed_and_taken_back(gatepost: Gatepost, shop: Shop) -> None:
    edit = ("app", "edit", shop.client_id)
    assert metadata(gatepost.json(*edit, *OPTIONS)) == DEFAULTS | CHOICES
    assert metadata(gatepost.json(*edit, "--name", "Other")) == DEFAULTS | CHOICES
    names = dict.fromkeys(option for option in OPTIONS if option.startswith("--"))
    back = [part for option in names for part in _back(option)]
    assert metadata(gatepost.json(*edit, *back)) == DEFAULTS


def _back(option: str) -> list[str]:
    if option == "--id-token-alg":
        return [option, "RS256"]
    switches = (
        "--pairwise",
        "--require-par",
        "--logout-session",
        "--first-party",
        "--skip-consent",
        "--open-to-others",
        "--agent",
    )
    if option in switches:
        return [option.replace("--", "--no-", 1)]
    return [option, "none"]


def test_an_app_with_a_key_of_its_own_has_no_secret(gatepost: Gatepost, acme: str, keys: str) -> None:
    made = gatepost.json(*CREATE, "--auth-method", "private_key_jwt", "--jwks", keys)
    assert (made["client_secret"], made["auth_method"], made["jwks"]) == (None, "private_key_jwt", KEYS)
    said = gatepost.refused(2, "app", "secret", "add", made["client_id"])["message"]
    assert "its own key" in said
    edit = ("app", "edit", made["client_id"], "--jwks", "none")
    assert "needs the app's public keys" in gatepost.refused(2, *edit)["message"]
    uri = "https://shop.example/jwks"
    moved = gatepost.json("app", "edit", made["client_id"], "--jwks-uri", uri)
    assert (moved["jwks"], moved["jwks_uri"]) == (None, uri)
    assert (
        "needs the app's public keys"
        in gatepost.refused(2, "app", "edit", made["client_id"], "--jwks-uri", "none")["message"]
    )


def test_fapi2_brings_what_it_asks_for(gatepost: Gatepost, acme: str, keys: str) -> None:
    made = gatepost.json(*CREATE, "--profile", "fapi2", "--jwks", keys)
    assert (made["profile"], made["auth_method"], made["client_secret"]) == ("fapi2", "private_key_jwt", None)
    assert made["require_pushed_authorization_requests"] is True
    assert made["id_token_signed_response_alg"] == "ES256"


def test_an_app_can_move_to_another_profile(gatepost: Gatepost, shop: Shop, keys: str) -> None:
    edit = ("app", "edit", shop.client_id, "--profile", "fapi2")
    assert (
        "private_key_jwt" in gatepost.refused(2, *edit, "--jwks", keys, "--auth-method", "client_secret_basic")["fix"]
    )
    moved = gatepost.json(*edit, "--jwks", keys, "--auth-method", "private_key_jwt")
    assert (moved["profile"], moved["require_pushed_authorization_requests"]) == ("fapi2", True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--auth-method", "private_key_jwt"], "needs the app's public keys"),
        (["--profile", "fapi2"], "needs the app's public keys"),
        (["--profile", "fapi2", "--auth-method", "client_secret_basic"], "proves who it is with private_key_jwt"),
        (["--profile", "fapi2", "--jwks-uri", "https://a.example/", "--no-require-par"], "require_pushed"),
        (["--profile", "fapi2", "--jwks-uri", "https://a.example/", "--id-token-alg", "RS256"], "RS256 does not go"),
        (["--profile", "fapi2", "--jwks-uri", "https://a.example/", "--userinfo-alg", "RS256"], "RS256 does not go"),
        (["--profile", "fapi2", "--jwks-uri", "https://a.example/", "--auth-alg", "RS256"], "RS256 does not go"),
        (["--jwks-uri", "http://a.example/jwks"], "https"),
        (["--jwks-uri", ""], "empty"),
        (["--jwks", "/nowhere/keys.json"], "no file"),
        (["--skip-consent"], "first-party"),
        (["--logout-uri", "http://a.example/"], "https"),
        (["--logout-uri", "https://a.example/#x"], "fragment"),
        (["--policy-uri", "javascript:alert(1)"], "policy_uri"),
        (["--post-logout-redirect", "https://*.example/"], "wildcard"),
        (["--userinfo-alg", "HS256"], "--userinfo-alg"),
        (["--id-token-alg", "none"], "--id-token-alg"),
        (["--auth-alg", "HS256"], "--auth-alg"),
        (["--optional-scope", 'a"b'], "scope"),
        (["--default-max-age", "soon"], "--default-max-age"),
    ],
)
def test_what_does_not_go_together_is_refused(gatepost: Gatepost, acme: str, options: list[str], said: str) -> None:
    code = 4 if "/nowhere/keys.json" in options else 2
    assert said in gatepost.refused(code, *CREATE, *options)["message"]
    assert gatepost.json("app", "list") == []


@pytest.mark.parametrize("keys", [[], {}, {"keys": []}, {"keys": [{"kty": "oct", "k": "AA"}]}, "x"])
def test_keys_that_are_none_are_refused(gatepost: Gatepost, acme: str, tmp_path: Path, keys: Any) -> None:
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(keys))
    gatepost.refused(2, *CREATE, "--jwks", str(path))
    path.write_text("{")
    gatepost.refused(2, *CREATE, "--jwks", str(path))
    path.write_text(json.dumps({"keys": [RSAKey.generate_key(2048).as_dict(private=True)]}))
    assert "secret" in gatepost.refused(2, *CREATE, "--jwks", str(path))["message"]


def imported(gatepost: Gatepost, tmp_path: Path, entry: dict[str, Any], *options: str) -> Any:
    path = tmp_path / "apps.json"
    path.write_text(json.dumps([entry]))
    return gatepost.json("app", "import", str(path), "--org", "Acme", *options)


def test_a_file_says_the_same_things(gatepost: Gatepost, acme: str, tmp_path: Path) -> None:
    entry = {"client_id": "shop", "redirect_uris": [REDIRECT], **CHOICES}
    document = imported(gatepost, tmp_path, entry)
    assert document["warnings"] == []
    assert metadata(document["apps"][0]) == DEFAULTS | CHOICES
    changed = imported(gatepost, tmp_path, {"client_id": "shop", "tos_uri": "https://shop.example/new"}, "--update")
    assert metadata(changed["apps"][0]) == DEFAULTS | CHOICES | {"tos_uri": "https://shop.example/new"}


def test_a_file_may_bring_a_profile_with_its_keys(gatepost: Gatepost, acme: str, tmp_path: Path) -> None:
    entry = {"client_id": "shop", "redirect_uris": [REDIRECT], "profile": "fapi2", "jwks": KEYS}
    (app,) = imported(gatepost, tmp_path, entry)["apps"]
    assert (app["profile"], app["auth_method"], app["client_secret"]) == ("fapi2", "private_key_jwt", None)


def test_algorithms_of_a_file_that_we_do_not_have_are_dropped_and_named(
    gatepost: Gatepost, acme: str, tmp_path: Path
) -> None:
    entry = {"client_id": "shop", "redirect_uris": [REDIRECT], "id_token_signed_response_alg": "HS256"}
    document = imported(gatepost, tmp_path, entry)
    assert document["warnings"] == ["app 0 (shop): id_token_signed_response_alg HS256 is not supported and was dropped"]
    assert metadata(document["apps"][0]) == DEFAULTS


@pytest.mark.parametrize(
    "wrong",
    [
        {"first_party": "yes"},
        {"default_max_age": True},
        {"default_max_age": -1},
        {"tos_uri": ""},
        {"policy_uri": "http://shop.example/"},
        {"subject_type": "secret"},
        {"post_logout_redirect_uris": "https://shop.example/"},
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"token_endpoint_auth_method": "private_key_jwt", "jwks": KEYS, "client_secret": "a secret that is long"},
        {"skip_consent": True},
    ],
)
def test_a_file_with_something_wrong_is_refused_whole(
    gatepost: Gatepost, acme: str, tmp_path: Path, wrong: dict[str, Any]
) -> None:
    path = tmp_path / "apps.json"
    path.write_text(json.dumps([{"client_id": "fine"}, {"client_id": "shop", **wrong}]))
    assert "app 1 (shop)" in gatepost.refused(2, "app", "import", str(path), "--org", "Acme")["message"]
    assert gatepost.json("app", "list") == []
