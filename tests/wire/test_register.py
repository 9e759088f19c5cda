"""Apps that register themselves, and what becomes of a registration. RFC 7591, RFC 7592; RG-*."""

from typing import Any

import pytest

from gatepost.flows.registration import make_initial_token

from .browser import Browser, connected, request_of, token
from .conftest import OpenWorld
from .registering import BOB, PUBLIC, REDIRECT, client_of, manage, open_to_all, register, registered, row
from .signer import EC, public
from .test_consent import AGENT
from .world import ISSUER, RESOURCE, World, claims_of


@pytest.fixture
async def world(open_world: OpenWorld) -> World:
    return await open_to_all(open_world)


async def test_a_whole_login_of_a_public_app_that_registered_itself(world: World) -> None:
    content = await registered(world)
    app, browser = client_of(content), Browser(world)
    assert await row(world, content) is None
    answer = await connected(world, browser, app, scope="read offline_access", resource=RESOURCE)
    claims = claims_of(answer["access_token"])
    assert (claims["client_id"], claims["aud"], claims["org"]) == (app.client_id, RESOURCE, world.acme.id)
    assert (await row(world, content)).name == "Wanderer"
    page = await browser.get("/account/apps")
    assert "Wanderer" in page.text
    second = await token(world, app, grant_type="refresh_token", refresh_token=answer["refresh_token"])
    assert second.status_code == 200
    assert (await world.revoke(second.json()["refresh_token"], app)).status_code == 200
    assert not await world.is_active(second.json()["access_token"])


async def test_an_app_with_a_secret_proves_who_it_is_with_it(world: World) -> None:
    """RG-6: without a method named it is confidential, and the secret is computed, not kept."""
    content = await registered(world, token_endpoint_auth_method=None)
    assert content["token_endpoint_auth_method"] == "client_secret_basic"
    assert content["client_secret_expires_at"] == 0
    assert content["client_secret"].startswith("gp_sec_")
    app = client_of(content)
    answer = await connected(world, Browser(world), app, scope="offline_access")
    refresh = {"grant_type": "refresh_token", "refresh_token": answer["refresh_token"]}
    for wrong in (app._replace(secret=content["client_secret"][:-1] + "x"), app._replace(secret="")):
        assert (await token(world, wrong, **refresh)).json()["error"] == "invalid_client"
    assert (await token(world, app, **refresh)).status_code == 200
    other = client_of(await registered(world, token_endpoint_auth_method=None))
    assert (await token(world, other._replace(client_id=app.client_id), **refresh)).status_code == 401


async def test_it_cannot_act_for_itself(world: World) -> None:
    app = client_of(await registered(world, token_endpoint_auth_method=None))
    assert (await token(world, app, grant_type="client_credentials")).json()["error"] == "unauthorized_client"


async def test_the_answer_says_what_the_app_is(world: World) -> None:
    content = await registered(world, client_uri="https://app.example/", scope="read", contacts=["a@app.example"])
    assert content.pop("client_id").startswith("gp_app_")
    assert content.pop("client_id_issued_at") == world.clock.now
    assert content.pop("registration_client_uri").startswith(f"{ISSUER}/register/gp_app_")
    assert content.pop("registration_access_token").startswith("gp_reg_")
    assert content == {
        "client_name": "Wanderer",
        "redirect_uris": [REDIRECT],
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "application_type": "web",
        "client_uri": "https://app.example/",
        "id_token_signed_response_alg": "RS256",
        "subject_type": "public",
        "require_pushed_authorization_requests": False,
        "dpop_bound_access_tokens": False,
        "backchannel_logout_session_required": False,
        "agent": False,
    }


async def test_registering_writes_nothing(world: World) -> None:
    """Pain 9: a thousand registrations that nobody uses are no rows."""
    before = [path.stat().st_size for path in world.files]
    events = len(await world.all_events())
    for _ in range(50):
        await registered(world)
    assert [path.stat().st_size for path in world.files] == before
    assert len(await world.all_events()) == events


async def test_it_is_the_same_app_on_every_node(world: World) -> None:
    content = await registered(world)
    page = await Browser(await world.again()).authorize(client_of(content))
    assert page.headers["location"].startswith("/login")


async def test_the_consent_page_says_that_nobody_vouches(world: World) -> None:
    """UI-14, D8."""
    browser = Browser(world)
    page = await browser.sign_in(await browser.authorize(client_of(await registered(world))), BOB)
    text = (await browser.get(page.headers["location"])).text
    assert "It registered itself; nobody here has checked it" in text
    assert "You will go to <bdi>app.example</bdi>" in text


async def test_an_agent_says_so_and_people_are_told(world: World) -> None:
    content, browser = await registered(world, agent=True), Browser(world)
    assert content["agent"] is True
    page = await browser.sign_in(await browser.authorize(client_of(content)), BOB)
    assert AGENT in (await browser.get(page.headers["location"])).text


async def test_nobody_is_led_away_by_a_link_to_it(world: World) -> None:
    """AZ-32."""
    page = await Browser(world).authorize(client_of(await registered(world)), prompt="none")
    assert page.status_code == 200
    assert 'http-equiv="refresh"' not in page.text
    assert 'id="continue" href="https://app.example/cb?error=login_required' in page.text


@pytest.mark.parametrize(
    ("changes", "redirect", "accepted"),
    [
        ({"application_type": "native", "redirect_uris": ["http://127.0.0.1/cb"]}, "http://127.0.0.1:51004/cb", True),
        ({"redirect_uris": ["http://localhost:1/cb"]}, "http://localhost:51004/cb", True),
        ({"redirect_uris": ["http://localhost:1/cb"]}, "http://localhost:51004/other", False),
        ({"application_type": "web", "redirect_uris": ["http://127.0.0.1/cb"]}, "http://127.0.0.1:51004/cb", False),
        ({"application_type": "native", "redirect_uris": ["com.example.app:/cb"]}, "com.example.app:/cb", True),
        ({}, REDIRECT + "/", False),
    ],
)
async def test_its_type_decides_where_it_may_lead(
    world: World, changes: dict[str, Any], redirect: str, *, accepted: bool
) -> None:
    app = client_of(await registered(world, **changes))._replace(redirect=redirect)
    assert (await Browser(world).authorize(app)).status_code == (303 if accepted else 400)


REDIRECTS: dict[str, Any] = {
    "none": [],
    "a text": REDIRECT,
    "an object": {"0": REDIRECT},
    "numbers": [7],
    "a hole": [REDIRECT, None],
    "nested": [[REDIRECT]],
    "a thousand": [f"{REDIRECT}/{n}" for n in range(1000)],
    "too many": [f"https://a.example/{n}" for n in range(101)],
    "http elsewhere": ["http://app.example/cb"],
    "a fragment": [f"{REDIRECT}#x"],
    "an empty fragment": [f"{REDIRECT}#"],
    "an escaped fragment": [f"{REDIRECT}%23x"],
    "a user": ["https://user@app.example/cb"],
    "a wildcard": ["https://*.example/cb"],
    "a script": ["javascript:alert(1)"],
    "a script in capitals": ["JaVaScRiPt:alert(1)"],
    "a script behind a tab": ["\tjavascript:alert(1)"],
    "data": ["data:text/html,x"],
    "a file": ["file:///etc/passwd"],
    "no scheme": ["//app.example/cb"],
    "a scheme without a dot": ["app:/cb"],
    "one bad of two": [REDIRECT, "http://app.example/cb"],
}


@pytest.mark.parametrize("name", REDIRECTS)
async def test_redirect_uris_that_may_not_be(world: World, name: str) -> None:
    """RG-7, RG-8, AZ-12, AZ-18."""
    response = await register(world, redirect_uris=REDIRECTS[name])
    assert response.status_code == 400
    assert response.json()["error"] in ("invalid_redirect_uri", "invalid_request")
    assert response.json()["error"] == "invalid_redirect_uri" or name == "a thousand"


METADATA: dict[str, dict[str, Any]] = {
    "an algorithm in odd letters": {"id_token_signed_response_alg": '"Ö\\'},
    "an unknown method": {"token_endpoint_auth_method": "tls_client_auth"},
    "a method that is no text": {"token_endpoint_auth_method": ["none"]},
    "implicit": {"grant_types": ["authorization_code", "implicit"]},
    "password": {"grant_types": ["authorization_code", "password"]},
    "no code": {"grant_types": ["refresh_token"]},
    "for itself": {"grant_types": ["client_credentials"], "token_endpoint_auth_method": "client_secret_post"},
    "grants that are no list": {"grant_types": "authorization_code"},
    "tokens in the response": {"response_types": ["token"]},
    "a hybrid": {"response_types": ["code id_token"]},
    "an unencrypted start": {"initiate_login_uri": "http://app.example/start"},
    "both kinds of keys": {"jwks": public(EC), "jwks_uri": "https://app.example/jwks"},
    "a private key": {"jwks": {"keys": [EC.as_dict(private=True)]}},
    "a symmetric key": {"jwks": {"keys": [{"kty": "oct", "k": "AA"}]}},
    "no keys": {"token_endpoint_auth_method": "private_key_jwt"},
    "keys over http": {"jwks_uri": "http://app.example/jwks"},
    "a sector": {"sector_identifier_uri": "https://app.example/sector"},
    "a statement": {"software_statement": "eyJ"},
    "pairwise over two hosts": {"subject_type": "pairwise", "redirect_uris": [REDIRECT, "https://b.example/cb"]},
    "a kind of no kind": {"application_type": "service"},
    "an algorithm": {"id_token_signed_response_alg": "none"},
    "a link that is a script": {"policy_uri": "javascript:alert(1)"},
    "a link over http": {"tos_uri": "http://app.example/tos"},
    "a link to this machine": {"tos_uri": "http://localhost/tos"},
    "a number for a name": {"client_name": 7},
    "an invisible name": {"client_name": "Wan\u202ederer"},
    "a name of two lines": {"client_name": "Wan\nderer"},
    "a long name": {"client_name": "x" * 300},
    "a number for a flag": {"require_pushed_authorization_requests": 1},
    "a text for an agent": {"agent": "yes"},
    "too much": {"redirect_uris": [f"{REDIRECT}/{'x' * 100}{n}" for n in range(20)]},
}


@pytest.mark.parametrize("name", METADATA)
async def test_metadata_that_may_not_be(world: World, name: str) -> None:
    """RG-6, RG-9 to RG-12, JW-19, UI-13, UI-14."""
    response = await register(world, **METADATA[name])
    assert (response.status_code, response.json()["error"]) == (400, "invalid_client_metadata"), response.text


async def test_null_is_no_set_of_keys(world: World) -> None:
    """RG-11; of other members it is what it is elsewhere in OAuth, the same as leaving them out."""
    refused = await world.call("POST", "/register", json={**PUBLIC, "jwks": None})
    assert refused.json()["error"] == "invalid_client_metadata"
    assert (await world.call("POST", "/register", json={**PUBLIC, "tos_uri": None})).status_code == 201


async def test_what_would_give_power_is_not_read(world: World) -> None:
    """RG-3: no mass assignment."""
    content = await registered(
        world, scope="gatepost", org_id=world.acme.id, first_party=True, skip_consent=True, roles=["owner"], kind="web"
    )
    assert not content.keys() & {"scope", "org_id", "first_party", "skip_consent", "roles", "kind"}
    browser = Browser(world)
    page = await browser.sign_in(await browser.authorize(client_of(content)), BOB)
    assert 'id="allow"' in (await browser.get(page.headers["location"])).text
    again = await browser.authorize(client_of(content), scope="gatepost")
    assert "error=invalid_scope" in again.text


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b'{"a":1,"a":2}', b"\xff", b"[" * 5000])
async def test_a_body_that_is_no_registration(world: World, body: bytes) -> None:
    response = await world.call("POST", "/register", content=body, headers={"content-type": "application/json"})
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


async def test_the_body_is_bounded_and_json(world: World) -> None:
    """RG-7."""
    large = await world.call("POST", "/register", content=b" " * 70_000, headers={"content-type": "application/json"})
    assert large.status_code == 413
    form = await world.call("POST", "/register", form={"client_name": "x"})
    assert form.status_code == 415


async def test_code_in_a_browser_may_register(world: World) -> None:
    assert (await register(world)).headers["access-control-allow-origin"] == "*"
    assert (await world.call("OPTIONS", "/register")).status_code == 204
    content = await registered(world)
    assert "access-control-allow-origin" not in (await manage(world, "GET", content)).headers


async def test_off_there_is_nothing(open_world: OpenWorld) -> None:
    """RG-1; and the documents do not promise it."""
    world = await open_world()
    assert (await register(world)).status_code == 404
    document = (await world.call("GET", "/.well-known/oauth-authorization-server")).json()
    assert "registration_endpoint" not in document


async def test_on_the_documents_say_where(world: World) -> None:
    """Pain 12."""
    for path in ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"):
        document = (await world.call("GET", path)).json()
        assert document["registration_endpoint"] == f"{ISSUER}/register"
        assert document["client_id_metadata_document_supported"] is True
        assert "none" in document["token_endpoint_auth_methods_supported"]


async def test_with_a_token_one_app_registers_once(open_world: OpenWorld) -> None:
    """RG-1, RG-2."""
    world = await open_world({"registration.mode": "token"})
    initial = f"Bearer {world.canary.watch(make_initial_token(world.instance, 3600).reveal())}"
    for wrong in (
        None,
        "Bearer gp_iat_x",
        f"Bearer {world.acme.key}",
        initial[:-1],
        initial.replace("Bearer", "Basic"),
    ):
        refused = await register(world, by=wrong)
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_token")
        assert refused.headers["www-authenticate"].startswith("Bearer")
    assert (await register(world, by=initial, redirect_uris=[])).status_code == 400
    assert (await register(world, by=initial)).status_code == 201
    assert (await register(world, by=initial)).status_code == 401
    late = f"Bearer {world.canary.watch(make_initial_token(world.instance, 3600).reveal())}"
    world.clock.forward(3600)
    assert (await register(world, by=late)).status_code == 401


async def test_too_many_registrations_are_put_off(open_world: OpenWorld) -> None:
    world = await open_world({"registration.mode": "open", "limits.enabled": "true", "limits.registrations": "3"})
    assert [(await register(world)).status_code for _ in range(4)] == [201, 201, 201, 429]


async def test_a_form_of_somebody_elses_leads_nobody_away_either(world: World) -> None:
    """AZ-32."""
    app, browser = client_of(await registered(world)), Browser(world)
    begun = await browser.post("/authorize", request_of(app, prompt="none"))
    page = await browser.get(begun.headers["location"])
    assert 'http-equiv="refresh"' not in page.text
    assert "error=login_required" in page.text


async def test_pushed_requests_are_taken(world: World) -> None:
    app = client_of(await registered(world, token_endpoint_auth_method="client_secret_basic"))
    pushed = await world.call("POST", "/par", app, form=request_of(app))
    assert pushed.status_code == 201, pushed.text


async def test_no_organization_can_take_such_a_client_id(world: World) -> None:
    content = await registered(world)
    taken = await world.call(
        "POST", "/", world.acme, json={"client_id": content["client_id"][:150], "redirection_url": REDIRECT}
    )
    assert taken.status_code == 400
