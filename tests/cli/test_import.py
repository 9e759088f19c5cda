"""`gatepost import`: what other servers export becomes apps and people, all of it or nothing, and passwords go on working."""

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import argon2
import bcrypt
import pytest

from gatepost.flows.instance import Instance
from gatepost.flows.sign_in import Passwords, check_password
from gatepost.foreign_passwords import is_checkable
from gatepost.passwords import is_outdated, is_password
from gatepost.secrets import Secret
from gatepost.store.orgs import find_owner
from gatepost.store.people import find_password_hash

from .conftest import Gatepost

PASSWORD = "correct horse battery"
SALT = b"0123456789abcdef"
CALLBACK = "https://shop.example/callback"


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def pbkdf2(name: str, rounds: int = 1000, salt: bytes = SALT) -> bytes:
    return hashlib.pbkdf2_hmac(name, PASSWORD.encode(), salt, rounds)


def keycloak_user(email: str, algorithm: str, value: bytes, rounds: int = 1000, **more: Any) -> dict[str, Any]:
    credential = {
        "type": "password",
        "secretData": json.dumps({"value": b64(value), "salt": b64(SALT)}),
        "credentialData": json.dumps({"hashIterations": rounds, "algorithm": algorithm, **more}),
    }
    return {"email": email, "emailVerified": True, "enabled": True, "firstName": "Ann", "credentials": [credential]}


def keycloak() -> dict[str, Any]:
    argon = argon2.low_level.hash_secret_raw(
        PASSWORD.encode(), SALT, time_cost=2, memory_cost=1024, parallelism=1, hash_len=32, type=argon2.Type.ID
    )
    more = {"additionalParameters": {"type": ["id"], "memory": ["1024"], "parallelism": ["1"], "version": ["1.3"]}}
    return {
        "realm": "acme",
        "clients": [
            {"clientId": "account", "redirectUris": ["/realms/acme/account/*"]},
            {"clientId": "acme-realm", "bearerOnly": True},
            {"clientId": "saml-app", "protocol": "saml"},
            {
                "clientId": "shop",
                "name": "Shop",
                "secret": "a-secret-of-theirs",
                "redirectUris": [CALLBACK, "https://shop.example/*"],
                "standardFlowEnabled": True,
                "directAccessGrantsEnabled": True,
                "attributes": {"post.logout.redirect.uris": "https://shop.example/bye##+"},
            },
            {"clientId": "spa", "publicClient": True, "standardFlowEnabled": True, "redirectUris": [CALLBACK]},
            {"clientId": "job", "secret": "**********", "serviceAccountsEnabled": True},
        ],
        "users": [
            keycloak_user("sha256@acme.test", "pbkdf2-sha256", pbkdf2("sha256")),
            keycloak_user("sha512@acme.test", "pbkdf2-sha512", pbkdf2("sha512")),
            keycloak_user("argon@acme.test", "argon2", argon, 2, **more),
            {"email": "otp@acme.test", "enabled": False, "credentials": [{"type": "otp"}]},
            {"username": "nobody"},
            {"serviceAccountClientId": "job", "username": "service-account-job"},
        ],
    }


def auth0() -> dict[str, Any]:
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    return {
        "clients": [
            {"client_id": "all", "global": True},
            {
                "client_id": "shop",
                "name": "Shop",
                "client_secret": "a-secret-of-theirs",
                "app_type": "regular_web",
                "callbacks": [CALLBACK],
                "grant_types": ["authorization_code", "implicit", "http://auth0.com/oauth/grant-type/password-realm"],
            },
            {"client_id": "spa", "name": "Spa", "app_type": "spa", "callbacks": [CALLBACK], "client_secret": "unused"},
        ],
        "users": [{"email": "Bcrypt@acme.test", "email_verified": True, "name": "Ann", "passwordHash": hashed}],
    }


def hydra() -> dict[str, Any]:
    client = {
        "client_id": "shop",
        "client_name": "Shop",
        "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "scope": "read",
        "owner": "",
        "metadata": {},
    }
    return {"items": [client, client | {"client_id": "spa", "token_endpoint_auth_method": "none"}]}


def django() -> list[dict[str, Any]]:
    argon = argon2.PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    hashes = {
        "pbkdf2": f"pbkdf2_sha256$1000$saltsalt${b64(pbkdf2('sha256', 1000, b'saltsalt'))}",
        "argon": f"argon2{argon}",
        "bcrypt": "bcrypt$" + bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode(),
        "none": "!unusable",
        "scrypt": "scrypt$16384$salt$8$1$abc",
    }
    app = {
        "client_id": "shop",
        "name": "Shop",
        "client_secret": "pbkdf2_sha256$1000$x$y",
        "client_type": "confidential",
        "authorization_grant_type": "authorization-code",
        "redirect_uris": f"{CALLBACK} https://shop.example/other",
    }
    public = {"client_type": "public", "authorization_grant_type": "implicit", "client_id": "spa"}
    people = [
        {"model": "auth.user", "fields": {"email": f"{name}@acme.test", "password": hashed, "is_active": True}}
        for name, hashed in hashes.items()
    ]
    apps = [{"model": "oauth2_provider.application", "fields": each} for each in (app, app | public)]
    return [*apps, *people, {"model": "sites.site", "fields": {"domain": "x"}}]


EXPORTS: dict[str, Callable[[], Any]] = {
    "keycloak": keycloak,
    "auth0": auth0,
    "hydra": hydra,
    "django-oauth-toolkit": django,
}

EXPECTED = {
    "keycloak": (["job", "shop", "spa"], 4, ["sha256@acme.test", "sha512@acme.test", "argon@acme.test"]),
    "auth0": (["shop", "spa"], 1, ["bcrypt@acme.test"]),
    "hydra": (["shop", "spa"], 0, []),
    "django-oauth-toolkit": (["shop", "spa"], 5, ["pbkdf2@acme.test", "argon@acme.test", "bcrypt@acme.test"]),
}


@pytest.fixture
def file(tmp_path: Path) -> Callable[[Any], str]:
    """Writes an export into a file, and answers its name."""

    def write(document: Any) -> str:
        path = tmp_path / "export.json"
        path.write_text(json.dumps(document))
        return str(path)

    return write


def sign_in(gatepost: Gatepost, email: str, password: str = PASSWORD) -> tuple[bool, str | None]:
    """Whether the password is right, and the hash that is kept afterwards."""

    async def work(instance: Instance) -> tuple[bool, str | None]:
        user = await check_password(instance, Passwords(), email, Secret(password))
        owner = await instance.store.read(find_owner("email", email))
        return user is not None, await instance.store.read(find_password_hash(owner or b""))

    return gatepost.serve(work)


@pytest.mark.parametrize("server", EXPORTS)
def test_an_export_is_taken_over(gatepost: Gatepost, acme: str, file: Callable[[Any], str], server: str) -> None:
    apps, people, with_password = EXPECTED[server]
    path = file(EXPORTS[server]())
    would = gatepost.json("import", server, path, "--org", "Acme", "--dry-run")
    assert gatepost.json("app", "list", "--org", acme) == []
    assert gatepost.json("user", "list", "--org", acme) == []
    did = gatepost.json("import", server, path, "--org", "Acme")
    assert would["dry_run"]
    assert (would["people"], would["warnings"]) == (did["people"], did["warnings"])
    assert did["people"] == {"new": people, "known": 0, "with_password": len(with_password)}
    listed = {app["client_id"]: app for app in gatepost.json("app", "list", "--org", acme)}
    assert sorted(listed) == apps == sorted(app["client_id"] for app in would["apps"])
    assert CALLBACK in listed["shop"]["redirect_uris"]
    assert listed["spa"]["auth_method"] == "none"
    assert not [uri for uri in listed["shop"]["redirect_uris"] if "*" in uri]
    for email in with_password:
        before = sign_in(gatepost, email, "wrong password")
        after = sign_in(gatepost, email)
        assert (before[0], after[0]) == (False, True)
        assert after[1] != before[1], "it was made anew"
        assert (after[1] or "").startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        assert sign_in(gatepost, email) == after


NAMED = {"name": "Ann Lee", "given_name": "Ann", "family_name": "Lee"}
ATTRIBUTES = {
    "locale": ["de"],
    "phoneNumber": ["+49 30 1234567"],
    "zoneinfo": [],
    "shoes": ["42"],
    "street": ["Main 7"],
    "locality": ["Berlin"],
    "picture": "https://not.in/a/list",
    "birthdate": ["soon"],
}
TOLD = NAMED | {
    "preferred_username": "ann",
    "locale": "de",
    "address": {"street_address": "Main 7", "locality": "Berlin"},
    "phone_number": "+49 30 1234567",
    "phone_number_verified": False,
}


@pytest.mark.parametrize(
    ("server", "person", "told"),
    [
        ("keycloak", {"firstName": "Ann", "lastName": "Lee", "username": "ann", "attributes": ATTRIBUTES}, TOLD),
        (
            "auth0",
            {
                **NAMED,
                "picture": "https://p.test/1",
                "birthdate": "soon",
                "updated_at": "2020-01-01",
                "user_id": "auth0|1",
            },
            {**NAMED, "picture": "https://p.test/1"},
        ),
        (
            "django-oauth-toolkit",
            {"fields": {"first_name": "Ann", "last_name": "Lee", "password": "!", "email": "ann@acme.test"}},
            NAMED,
        ),
    ],
)
def test_what_was_told_of_people_is_told_here(
    gatepost: Gatepost, acme: str, file: Callable[[Any], str], server: str, person: Any, told: dict[str, Any]
) -> None:
    rows = [person | {"email": "ann@acme.test"}]
    did = gatepost.json("import", server, file({"users": rows} if server == "keycloak" else rows), "--org", acme)
    claims = gatepost.json("user", "show", "ann@acme.test", "--org", acme)["claims"]
    assert claims.pop("updated_at") > 0
    assert claims == {**told, "email": "ann@acme.test", "email_verified": False}
    left_out = " ".join(did["warnings"])
    assert ("ann@acme.test: birthdate is a day" in left_out) == ("soon" in str(person))
    assert "soon" not in left_out


def test_a_secret_that_was_in_the_export_is_the_apps_and_others_get_a_new_one(
    gatepost: Gatepost, acme: str, file: Callable[[Any], str]
) -> None:
    did = gatepost.json("import", "keycloak", file(keycloak()), "--org", acme)
    secrets = {app["client_id"]: app["client_secret"] for app in did["apps"]}
    assert (secrets["shop"], secrets["spa"]) == ("a-secret-of-theirs", None)
    assert secrets["job"].startswith("gp_sec_")
    assert any("job: its secret is masked" in each for each in did["warnings"])


def test_what_we_do_not_have_is_named(gatepost: Gatepost, acme: str, file: Callable[[Any], str]) -> None:
    warnings = {
        server: " ".join(gatepost.json("import", server, file(make()), "--org", acme, "--dry-run")["warnings"])
        for server, make in EXPORTS.items()
    }
    for server, words in {
        "keycloak": ("saml-app", "https://shop.example/*", "password and implicit", "type otp", "without an e-mail"),
        "auth0": ("implicit",),
        "hydra": ("its secret is not in the export",),
        "django-oauth-toolkit": ("sites.site", "hash scrypt", "the grant implicit", "secret is hashed"),
    }.items():
        assert [word for word in words if word not in warnings[server]] == []


def test_people_who_are_known_keep_what_they_have(gatepost: Gatepost, acme: str, file: Callable[[Any], str]) -> None:
    gatepost.json("user", "create", "bcrypt@acme.test", "--org", acme, "--role", "admin")
    did = gatepost.json("import", "auth0", file(auth0()), "--org", acme)
    assert did["people"] == {"new": 0, "known": 1, "with_password": 0}
    [person] = gatepost.json("user", "list", "--org", acme)
    assert person["role"] == "admin"
    assert sign_in(gatepost, "bcrypt@acme.test") == (False, None)


def test_nothing_of_a_file_with_an_error_in_it_is_imported(
    gatepost: Gatepost, acme: str, file: Callable[[Any], str]
) -> None:
    bad = keycloak()
    bad["clients"][3]["redirectUris"] = ["http://shop.example/callback"]
    gatepost.refused(2, "import", "keycloak", file(bad), "--org", acme)
    gatepost.json("app", "create", "Shop", "--org", acme, "--kind", "web", "--client-id", "shop")
    gatepost.refused(5, "import", "keycloak", file(keycloak()), "--org", acme)
    assert gatepost.json("user", "list", "--org", acme) == []
    assert len(gatepost.json("app", "list", "--org", acme)) == 1


@pytest.mark.parametrize("content", ["", "hello", "3", "[1]", '{"a":1}', '{"clients":3}', '{"clients":[3]}', '"text"'])
@pytest.mark.parametrize("server", EXPORTS)
def test_what_is_no_export_is_refused(gatepost: Gatepost, acme: str, tmp_path: Path, server: str, content: str) -> None:
    path = tmp_path / "file"
    path.write_text(content)
    gatepost.refused(2, "import", server, str(path), "--org", acme)
    gatepost.refused(4, "import", server, str(path) + ".missing", "--org", acme)


@pytest.mark.parametrize(
    ("server", "content"),
    [
        ("keycloak", {"clients": [{"clientId": "shop", "attributes": [1]}]}),
        ("keycloak", {"users": [{"email": "ana@acme.test", "firstName": 1}]}),
        ("keycloak", {"users": [{"email": "ana@acme.test", "credentials": ["password"]}]}),
        ("auth0", [{"email": 1}]),
        ("auth0", [{"email": "ana@acme.test", "passwordHash": {"value": "$2b$10$"}}]),
        ("auth0", [{"client_id": "shop", "grant_types": [1]}]),
        ("django-oauth-toolkit", [{"fields": {"client_id": "shop", "redirect_uris": ["https://shop.example/"]}}]),
    ],
)
def test_an_export_whose_members_are_of_other_types_is_refused(
    gatepost: Gatepost, acme: str, file: Callable[[Any], str], server: str, content: Any
) -> None:
    gatepost.refused(2, "import", server, file(content), "--org", acme)


def test_users_come_in_json_lines_too(gatepost: Gatepost, acme: str, tmp_path: Path) -> None:
    path = tmp_path / "users.ndjson"
    path.write_text("\n".join(json.dumps({"email": f"{name}@acme.test"}) for name in "abc"))
    assert gatepost.json("import", "auth0", str(path), "--org", acme)["people"]["new"] == 3


@pytest.mark.parametrize(
    "hashed",
    [
        "$pbkdf2-sha256$i=9999999$c2FsdA==$aGFzaA==",
        "$pbkdf2-md5$i=1000$c2FsdA==$aGFzaA==",
        "$pbkdf2-sha256$i=0$c2FsdA==$aGFzaA==",
        "$argon2id$v=19$m=9999999,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2g",
        "$argon2id$v=19$m=1024,t=999,p=1$c2FsdHNhbHQ$aGFzaGhhc2g",
        "$argon2id$v=19$m=1024,t=2,p=1$c2FsdA$aGFzaGhhc2g",
        "$argon2id$v=19$m=1024,t=2,p=1$c2FsdHNhbHQ$aGE",
        "$argon2id$v=19$m=1024,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2h",
        "$pbkdf2-sha256$i=1000$c2FsdA==$" + "aGFz" * 22,
        "$2b$31$" + "a" * 53,
        "$2b$10$" + "z" * 53,
        "$2b$10$short",
        "plain text",
        "",
    ],
)
def test_a_hash_that_costs_too_much_or_is_none_is_not_taken(hashed: str) -> None:
    assert not is_checkable(hashed)


def test_a_password_that_could_not_be_set_today_keeps_its_hash() -> None:
    hashed = "$pbkdf2-sha256$i=1000$" + b64(SALT) + "$" + b64(hashlib.pbkdf2_hmac("sha256", b"short", SALT, 1000))
    assert is_password("short", hashed)
    assert not is_outdated("short", hashed)


def test_bcrypt_reads_no_more_than_it_did_where_the_hash_was_made() -> None:
    long = "x" * 100
    hashed = bcrypt.hashpw(long.encode()[:72], bcrypt.gensalt(4)).decode()
    assert is_password(long, hashed)
    assert not is_password("x" * 71, hashed)
    assert not is_password("nul\0byte", hashed)
