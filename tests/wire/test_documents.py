"""What anyone may read: metadata, JWKS, health, the page at the root. RFC 8414, RFC 7517; MD-* of what must not happen."""

import re

import pytest

from gatepost.oauth.client_metadata import DEVICE_CODE, JWT_BEARER, TOKEN_EXCHANGE
from gatepost.oauth.metadata import ENDPOINTS

from .browser import Browser
from .conftest import OpenWorld
from .world import ISSUER, World, claims_of

LONG_GRANTS = (DEVICE_CODE, TOKEN_EXCHANGE, JWT_BEARER)
METADATA = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")
PUBLIC = (*METADATA, "/jwks.json")
ASSETS = ("/assets/gatepost.css", "/assets/gatepost.svg")
BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


async def test_both_documents_say_what_there_is(world: World) -> None:
    documents = [(await world.call("GET", path)).json() for path in METADATA]
    assert documents[0] == documents[1]
    document = documents[0]
    assert "registration_endpoint" not in document
    for name, path in ENDPOINTS.items():
        if name == "registration_endpoint":
            continue
        assert document.pop(name) == ISSUER + path
    assert document.pop("claims_supported")[:4] == ["sub", "iss", "aud", "exp"]
    confidential = ["client_secret_basic", "client_secret_post", "private_key_jwt"]
    signing = ["PS256", "ES256", "EdDSA", "Ed25519", "RS256"]
    assert document == {
        "issuer": ISSUER,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials", *LONG_GRANTS],
        "authorization_grant_profiles_supported": ["urn:ietf:params:oauth:grant-profile:id-jag"],
        "scopes_supported": ["openid", "profile", "email", "address", "phone", "offline_access"],
        "claims_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "subject_types_supported": ["public", "pairwise"],
        "id_token_signing_alg_values_supported": ["ES256", "RS256"],
        "userinfo_signing_alg_values_supported": ["ES256", "RS256"],
        "acr_values_supported": ["1", "2"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "client_id_metadata_document_supported": True,
        "dpop_signing_alg_values_supported": signing,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "token_endpoint_auth_methods_supported": [*confidential, "none"],
        "introspection_endpoint_auth_methods_supported": confidential,
        "revocation_endpoint_auth_methods_supported": [*confidential, "none"],
        "token_endpoint_auth_signing_alg_values_supported": signing,
        "introspection_endpoint_auth_signing_alg_values_supported": signing,
        "revocation_endpoint_auth_signing_alg_values_supported": signing,
    }


async def test_every_endpoint_in_the_documents_exists(world: World) -> None:
    document = (await world.call("GET", METADATA[0])).json()
    for name, url in document.items():
        if name.endswith(("_endpoint", "_uri")):
            path = url.removeprefix(ISSUER)
            # /authorize and /logout have pages for whoever sends nothing, /userinfo asks who is there.
            assert (await Browser(world).get(path)).status_code in (200, 405, 400, 401), name


@pytest.mark.parametrize(
    "path",
    [
        "/.well-known/oauth-authorization-server/",
        "/.well-known/openid-configuration/",
        "/.well-known/openid-configuration/acme",
        "/.well-known/OpenID-Configuration",
        "/.well-known/",
        "/acme/.well-known/openid-configuration",
    ],
)
async def test_a_document_has_one_address(world: World, path: str) -> None:
    assert (await world.call("GET", path)).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.test"},
        {"host": "evil.test:8443"},
        {"x-forwarded-host": "evil.test"},
        {"x-forwarded-proto": "javascript"},
        {"x-forwarded-port": "1"},
        {"x-forwarded-prefix": "/evil.test"},
        {"forwarded": "host=evil.test;proto=http"},
        {"x-original-url": "/evil.test"},
        {"x-rewrite-url": "/evil.test"},
        {"referer": "https://evil.test/"},
    ],
    ids=lambda headers: next(iter(headers)),
)
async def test_the_request_changes_nothing_in_an_answer(world: World, headers: dict[str, str]) -> None:
    for path in (*PUBLIC, *ASSETS, "/healthz", "/"):
        plain = await world.call("GET", path)
        changed = await world.call("GET", path, headers=headers)
        assert (changed.content, changed.headers) == (plain.content, plain.headers)
    page = await world.call("GET", "/nowhere", headers=BROWSER | headers)
    assert "evil.test" not in page.text
    led = await Browser(world).get("/", headers=BROWSER | headers)
    assert led.headers["location"] == "/console"


@pytest.mark.parametrize("path", [*PUBLIC, *ASSETS])
async def test_caches_may_keep_it_an_hour_at_most(world: World, path: str) -> None:
    response = await world.call("GET", path)
    match = re.fullmatch(r"public, max-age=(\d+)", response.headers["cache-control"])
    assert match
    assert int(match[1]) <= 3600
    assert re.fullmatch(r'"[0-9a-f]{32}"', response.headers["etag"])
    assert response.headers["cross-origin-resource-policy"] == "cross-origin"


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/nowhere"])
async def test_nothing_else_may_be_kept(world: World, path: str) -> None:
    for headers in ({}, BROWSER):
        assert (await Browser(world).get(path, headers=headers)).headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", [*PUBLIC, *ASSETS])
async def test_who_has_it_already_is_told_so(world: World, path: str) -> None:
    etag = (await world.call("GET", path)).headers["etag"]
    for known in (etag, f"W/{etag}", f'"x", {etag}', f'W/"x",W/{etag} ', "*"):
        response = await world.call("GET", path, headers={"if-none-match": known})
        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["etag"] == etag
        assert "content-length" not in response.headers
    for other in ('"x"', etag[1:-1], etag[:-2] + '"', ""):
        assert (await world.call("GET", path, headers={"if-none-match": other})).status_code == 200


async def test_the_jwks_has_public_halves_alone(world: World) -> None:
    keys = (await world.call("GET", "/jwks.json")).json()["keys"]
    assert len({key["kid"] for key in keys}) == len(keys) == 4
    halves = {"EC": {"crv", "x", "y"}, "RSA": {"n", "e"}}
    for key in keys:
        assert key.keys() == {"kty", "kid", "use", "alg"} | halves[key["kty"]]
        assert (key["kty"], key.get("crv"), key["alg"]) in (("EC", "P-256", "ES256"), ("RSA", None, "RS256"))
        assert key["use"] == "sig"


async def test_every_link_and_issuer_is_the_configured_one(open_world: OpenWorld) -> None:
    """Whatever name somebody calls the server by: a proxy that is open to all, a name that was made to lead here. MD-1, MD-8."""
    world = await open_world({"registration.mode": "open"})
    evil = {
        "host": "evil.test",
        "x-forwarded-host": "evil.test",
        "forwarded": "host=evil.test",
        "origin": "https://evil.test",
    }
    device = await world.make_app(world.acme.org, kind="device", scope="read")
    made = {"redirect_uris": ["https://app.test/cb"], "client_name": "Theirs"}
    invited = {"email": "eve@new.test", "role": "member"}
    answers = [
        await world.call("POST", "/device_authorization", None, form={"client_id": device.client_id}, headers=evil),
        await world.call("POST", "/register", json=made, headers=evil),
        await world.call("GET", "/api/v1/apps?limit=1", world.acme, headers=evil),
        await world.call("POST", "/api/v1/invitations", world.acme, json=invited, headers=evil),
        await world.call("GET", "/api/v1/openapi.json", headers=evil),
    ]
    for answer in answers:
        assert answer.is_success, answer.text
        assert ISSUER in answer.text
        assert "evil.test" not in answer.text + str(answer.headers)
    form = {"grant_type": "client_credentials", "scope": "read"}
    token = await world.call("POST", "/token", world.acme.api, form=form, headers=evil)
    assert claims_of(token.json()["access_token"])["iss"] == ISSUER
    led = await Browser(world).authorize(world.acme.web)
    asked = await Browser(world).get(str(led.request.url), headers=evil)
    assert asked.headers["location"].startswith("/login?flow=")


# What browsers' code may read. MD-4.


@pytest.mark.parametrize("origin", ["https://spa.test", "null", "https://evil.test", ""])
async def test_code_of_any_browser_may_read_what_is_public(world: World, origin: str) -> None:
    for path in PUBLIC:
        response = await world.call("GET", path, headers={"origin": origin})
        assert response.headers["access-control-allow-origin"] == "*"


async def test_a_preflight_lets_code_ask_for_what_it_may_read(world: World) -> None:
    headers = {
        "origin": "https://spa.test",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
    }
    for path in (*PUBLIC, "/revoke"):
        response = await world.call("OPTIONS", path, headers=headers)
        assert (response.status_code, response.content) == (204, b"")
        assert response.headers["access-control-allow-origin"] == "*"
        assert "POST" in response.headers["access-control-allow-methods"]
        assert "Authorization" in response.headers["access-control-allow-headers"]
        assert "content-length" not in response.headers


@pytest.mark.parametrize(
    "path", ["/auth_token", "/", "/verify", "/refresh", "/api/auth/refresh", "/introspect", "/healthz", *ASSETS]
)
async def test_code_of_a_browser_may_not_read_the_rest(world: World, path: str) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        response = await world.call(method, path, headers={"origin": "https://spa.test"})
        assert not [name for name in response.headers if name.startswith("access-control-")]


# The page, and health.


async def test_a_browser_goes_to_the_console_and_a_program_is_told_what_this_is(world: World) -> None:
    for path in ("/", "/api/auth", "/api/auth/"):
        led = await Browser(world).get(path, headers=BROWSER)
        assert (led.status_code, led.headers["location"]) == (303, "/console")
        document = await world.call("GET", path)
        assert document.json() == {"name": "Gatepost", "issuer": ISSUER, "metadata": ISSUER + METADATA[0]}


async def test_a_page_runs_nothing_and_is_framed_by_nobody(world: World) -> None:
    for path in ("/nowhere", "/nowhere/at/all"):
        page = await world.call("GET", path, headers=BROWSER)
        policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
        assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
        assert policy["script-src"] == "'self'"
        assert page.headers["x-frame-options"] == "DENY"
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cross-origin-opener-policy"] == "same-origin"
        assert not re.search(r"<script|<style|style=|\son\w+=|javascript:|http-equiv", page.text)


async def test_every_link_of_a_page_leads_somewhere(world: World) -> None:
    for path in ("/nowhere", "/nowhere/at/all"):
        page = await world.call("GET", path, headers=BROWSER)
        links = re.findall(r'(?:href|src)="([^"]*)"', page.text)
        assert links
        for link in links:
            assert (await Browser(world).get(link)).status_code in (200, 303), link


async def test_health_says_little(world: World) -> None:
    assert (await world.call("GET", "/healthz")).json() == {"status": "ok"}
    assert (await world.call("GET", "/readyz")).json() == {"status": "ready"}


async def test_no_answer_names_the_software_that_serves_it(world: World) -> None:
    for path in ("/", "/healthz", "/nowhere", "/jwks.json"):
        headers = (await world.call("GET", path)).headers
        assert not {"server", "x-powered-by", "via"} & set(headers)


# An issuer with a path, and an application mounted in another. standards.md, the four well-known forms.

FORMS = (
    "/.well-known/oauth-authorization-server/gate/post",
    "/.well-known/openid-configuration/gate/post",
    "/gate/post/.well-known/openid-configuration",
    "/gate/post/.well-known/oauth-authorization-server",
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
)


@pytest.fixture
async def deep(open_world: OpenWorld) -> World:
    return await open_world(issuer="https://host.test/gate/post")


async def test_an_issuer_with_a_path_is_found_in_every_form(deep: World) -> None:
    for path in FORMS:
        document = (await deep.call("GET", path)).json()
        assert document["issuer"] == "https://host.test/gate/post"
        assert document["jwks_uri"] == "https://host.test/gate/post/jwks.json"


@pytest.mark.parametrize(
    "path",
    [
        "/gate/post/.well-known/openid-configuration/",
        "/gate/.well-known/openid-configuration",
        "/.well-known/openid-configuration/gate",
        "/gate/post/gate/post/healthz",
        "/gate/postrefresh",
        "/gate",
    ],
)
async def test_another_path_is_another_issuer(deep: World, path: str) -> None:
    assert (await deep.call("GET", path)).status_code == 404


@pytest.mark.parametrize("prefix", ["", "/gate/post", "/api/auth", "/gate/post/api/auth"])
async def test_the_routes_are_there_with_and_without_the_issuers_path(deep: World, prefix: str) -> None:
    pair = {"client_id": "shop", "redirection_url": "https://shop.test/cb"}
    for root in (prefix or "/", f"{prefix}/"):
        assert (await deep.call("POST", root, deep.acme, json=pair)).status_code in (200, 201)
    verified = await deep.call("POST", f"{prefix}/verify", deep.acme, json=pair)
    refreshed = await deep.call("POST", f"{prefix}/refresh", json={"refresh_token": verified.json()["refresh_token"]})
    assert refreshed.status_code == 200
    assert await deep.is_active(refreshed.json()["access_token"])


async def test_the_page_below_a_path_links_below_it(deep: World) -> None:
    led = await Browser(deep).get("/gate/post/", headers=BROWSER)
    assert led.headers["location"] == "/gate/post/console"
    page = await deep.call("GET", "/gate/post/nowhere", headers=BROWSER)
    links = re.findall(r'(?:href|src)="([^"]*)"', page.text)
    assert all(link.startswith("/gate/post/") for link in links)
    for link in links:
        assert (await Browser(deep).get(link)).status_code in (200, 303), link
