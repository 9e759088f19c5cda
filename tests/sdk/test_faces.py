"""What an API says to whoever has no good token, in every framework the same. RFC 6750 §3, RFC 9728 §5.1."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

import gatepost_sdk.asgi
import gatepost_sdk.fastapi
from gatepost_sdk import TokenError
from gatepost_sdk.guard import Guard, is_public
from gatepost_sdk.testing import Issuer

from .conftest import AUDIENCE
from .faces import DENYING, ISSUER, ROUTED, Face, fastapi_app

METADATA = f'resource_metadata="{AUDIENCE}/.well-known/oauth-protected-resource"'


@pytest.fixture(params=[*ROUTED, *DENYING], ids=lambda make: make.__name__)
def face(request: pytest.FixtureRequest, issuer: Issuer) -> Face:
    make: Callable[[Issuer], Face] = request.param
    return make(issuer)


@pytest.fixture(params=DENYING, ids=lambda make: make.__name__)
def denying(request: pytest.FixtureRequest) -> Callable[..., Face]:
    make: Callable[..., Face] = request.param
    return make


@pytest.fixture(params=ROUTED, ids=lambda make: make.__name__)
def routed(request: pytest.FixtureRequest, issuer: Issuer) -> Face:
    make: Callable[[Issuer], Face] = request.param
    return make(issuer)


def test_a_good_token_comes_in(face: Face, issuer: Issuer) -> None:
    headers = issuer.bearer(sub="usr_ana", scope="agents:read")
    assert face("/agents", headers)[::2] == (200, {"sub": "usr_ana"})
    lower = {"Authorization": headers["Authorization"].replace("Bearer", "bearer")}
    assert face("/agents", lower).status == 200


def test_what_is_open_needs_none(face: Face) -> None:
    assert face("/open", {})[::2] == (200, {"sub": None})


@pytest.mark.parametrize("sent", [{}, {"Authorization": "Basic dTpw"}, {"Authorization": ""}])
def test_who_brings_none_is_told_where_to_get_one(face: Face, sent: dict[str, str]) -> None:
    answer = face("/agents", sent)
    assert (answer.status, answer.body["error"]) == (401, "missing")
    assert answer.headers["www-authenticate"] == f'Bearer scope="agents:read", {METADATA}'


@pytest.mark.parametrize(
    ("claims", "code"), [({"expires_in": -60}, "expired"), ({"aud": "https://other.test"}, "wrong_audience")]
)
def test_a_bad_token_is_refused_with_the_reason(face: Face, issuer: Issuer, claims: dict[str, Any], code: str) -> None:
    answer = face("/agents", issuer.bearer(scope="agents:read", **claims))
    assert (answer.status, answer.body["error"]) == (401, code)
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith('Bearer error="invalid_token", error_description="The token ')
    assert challenge.endswith(f'scope="agents:read", {METADATA}')


def test_a_missing_scope_is_named(face: Face, issuer: Issuer) -> None:
    answer = face("/agents", issuer.bearer(scope="other"))
    assert (answer.status, answer.body["error"]) == (403, "insufficient_scope")
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith('Bearer error="insufficient_scope"')
    assert challenge.endswith(f'scope="agents:read", {METADATA}')


def test_one_of_several_scopes_is_enough(routed: Face, issuer: Issuer) -> None:
    assert routed("/any", issuer.bearer(scope="admin")).status == 200
    answer = routed("/any", issuer.bearer(scope="agents:read"))
    assert answer.status == 403
    assert 'scope="admin agents:write"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize("path", ["/orgs/org_acme/agents", "/orgs/org_acme/late"])
def test_another_organization_is_refused_and_no_other_token_asked_for(routed: Face, issuer: Issuer, path: str) -> None:
    assert routed(path, issuer.bearer(org="org_acme")).status == 200
    answer = routed(path, issuer.bearer(org="org_beta"))
    assert (answer.status, answer.body["error"]) == (403, "wrong_org")
    assert "www-authenticate" not in answer.headers


def test_the_metadata_leads_to_the_issuer(face: Face) -> None:
    answer = face("/.well-known/oauth-protected-resource", {})
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.body["resource"] == AUDIENCE
    assert answer.body["authorization_servers"] == [ISSUER]
    assert "agents:read" in answer.body["scopes_supported"]


def test_an_issuer_that_is_out_of_reach_is_not_the_callers_fault(issuer: Issuer) -> None:
    status, headers, body = Guard(ISSUER, audience="jobs").refuse(TokenError("unavailable", "No route."))
    assert (status, body["error"]) == (503, "unavailable")
    assert headers == {"Retry-After": "5"}


def test_a_challenge_cannot_be_broken_out_of(issuer: Issuer) -> None:
    guard = Guard(ISSUER, audience="jobs")
    reply = guard.refuse(TokenError("malformed", 'x", evil="1\r\nSet-Cookie: a=b\\'))
    challenge = reply.headers["WWW-Authenticate"]
    assert challenge == 'Bearer error="invalid_token", error_description="x?, evil=?1??Set-Cookie: a=b?"'


@pytest.mark.parametrize(
    "resource", ["http://api.test", "https://api.test/$(id)", "https://api.test/?q", "ftp://api.test"]
)
def test_a_resource_that_could_be_misread_is_refused(resource: str) -> None:
    with pytest.raises(ValueError, match=r"api\.test"):
        Guard(ISSUER, audience="jobs", resource=resource)


def test_without_metadata_all_is_denied_the_same(denying: Callable[..., Face], issuer: Issuer) -> None:
    face = denying(issuer, "jobs")
    assert face("/agents", {}).status == 401
    assert face("/agents", issuer.bearer(scope="agents:read")).status == 200


@pytest.mark.parametrize("paths", [[""], ["/"], ["//"], []])
def test_a_public_root_opens_nothing_else(paths: list[str]) -> None:
    assert not is_public("/agents", paths)


@pytest.mark.parametrize("path", ["/docs/../agents", "/docs/..", "/docs/a/../../agents"])
def test_what_leads_out_of_a_public_place_is_not_public(path: str) -> None:
    assert not is_public(path, ["/docs"])
    assert is_public(path.replace("..", "..."), ["/docs"])


def test_an_audience_that_is_no_url_has_no_metadata() -> None:
    with pytest.raises(ValueError, match="resource="):
        gatepost_sdk.fastapi.Auth(ISSUER, audience="jobs").metadata_router()
    guard = Guard(ISSUER, audience="jobs")
    assert guard.metadata_path == ""
    assert guard.refuse(TokenError("missing", "None.")).headers == {"WWW-Authenticate": "Bearer"}


async def test_two_authorization_headers_are_refused(issuer: Issuer) -> None:
    auth = gatepost_sdk.fastapi.Auth(ISSUER, audience=AUDIENCE)
    issuer.install(auth)
    sent = [("authorization", value) for value in issuer.bearer(scope="agents:read").values()] * 2
    async with httpx.AsyncClient(transport=httpx.ASGITransport(fastapi_app(auth)), base_url=AUDIENCE) as client:
        assert (await client.get("/agents", headers=sent)).status_code == 401


async def test_an_optional_token_must_be_good_if_there_is_one(issuer: Issuer) -> None:
    auth = gatepost_sdk.fastapi.Auth(ISSUER, audience=AUDIENCE)
    issuer.install(auth)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(fastapi_app(auth)), base_url=AUDIENCE) as client:
        assert (await client.get("/open", headers=issuer.bearer(sub="usr_ana"))).json() == {"sub": "usr_ana"}
        assert (await client.get("/open", headers=issuer.bearer(expires_in=-60))).status_code == 401


def test_openapi_shows_the_scopes(issuer: Issuer) -> None:
    document = fastapi_app(gatepost_sdk.fastapi.Auth(ISSUER, audience=AUDIENCE)).openapi()
    (name,) = document["components"]["securitySchemes"]
    scheme = document["components"]["securitySchemes"][name]
    assert scheme == {"type": "openIdConnect", "openIdConnectUrl": f"{ISSUER}/.well-known/openid-configuration"}
    assert document["paths"]["/agents"]["get"]["security"] == [{name: ["agents:read"]}]


def test_fastapi_takes_the_middleware_as_its_own(issuer: Issuer) -> None:
    auth = gatepost_sdk.fastapi.Auth(ISSUER, audience=AUDIENCE)
    issuer.install(auth)
    app = fastapi_app(auth)
    app.add_middleware(auth.middleware, public=["/docs"])

    async def status(path: str, headers: dict[str, str]) -> int:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=AUDIENCE) as client:
            return (await client.get(path, headers=headers)).status_code

    expected = {"/open": 401, "/docs": 200, "/docs/oauth2-redirect": 200, "/docsx": 401, "/docs/../open": 401}
    assert {path: asyncio.run(status(path, {})) for path in expected} == expected
    assert asyncio.run(status("/open", issuer.bearer())) == 200


async def test_a_websocket_without_a_token_is_closed_before_it_opens(issuer: Issuer) -> None:
    sent: list[Any] = []

    async def app(*_: Any) -> None:
        raise AssertionError("it was let in")

    async def send(message: Any) -> None:
        sent.append(message)

    auth = gatepost_sdk.asgi.Auth(ISSUER, audience=AUDIENCE)
    issuer.install(auth)
    scope = {"type": "websocket", "path": "/ws", "headers": []}
    await auth.middleware(app)(scope, lambda: asyncio.sleep(0, {}), send)
    assert sent == [{"type": "websocket.close", "code": 1008, "reason": "missing"}]


def test_an_installed_issuer_is_gone_after_the_block(issuer: Issuer) -> None:
    auth = gatepost_sdk.asgi.Auth(ISSUER, audience=AUDIENCE)
    before = auth.guard.verifier
    with Issuer().installed(auth) as installed:
        assert auth.guard.check([installed.bearer(sub="usr_ana")["Authorization"]]).sub == "usr_ana"
    assert auth.guard.verifier is before
