"""The token endpoint: codes, refresh tokens, apps for themselves; and /par. CG-*, RT-*, TX-1, PA-*."""

import asyncio
from typing import Any

import httpx
import pytest

from gatepost.flows.grants import end_grants
from gatepost.jose import RS256
from gatepost.light import replace
from gatepost.oauth.id_token import half_hash
from gatepost.secrets import parse_id
from gatepost.store.apps import find_app, replace_app
from gatepost.store.people import set_user_disabled
from gatepost.store.resources import delete_resource
from gatepost.store.sessions import end_session

from .browser import Browser, answer_of, connected, redeem, request_of, token, userinfo
from .world import ISSUER, RESOURCE, Client, World, claims_of, header_of

BOB = "bob@acme.test"


@pytest.fixture
async def app(world: World) -> Client:
    """A confidential app that may ask for anything its organization has."""
    return await world.make_app(world.acme.org, client_id="shop")


async def test_a_login_gives_tokens_that_say_who_and_for_whom(world: World, browser: Browser, app: Client) -> None:
    tokens = await connected(world, browser, app, scope="openid email", nonce="a nonce")
    assert tokens.keys() == {"access_token", "token_type", "expires_in", "scope", "refresh_token", "id_token"}
    assert (tokens["token_type"], tokens["expires_in"], tokens["scope"]) == ("Bearer", 600, "openid email")
    access, identity = claims_of(tokens["access_token"]), claims_of(tokens["id_token"])
    assert header_of(tokens["access_token"])["typ"] == "at+jwt"
    assert header_of(tokens["id_token"])["alg"] == RS256
    assert (access["sub"], access["aud"], access["org"]) == (world.acme.bob, ISSUER, world.acme.id)
    assert (identity["iss"], identity["sub"], identity["aud"]) == (ISSUER, world.acme.bob, "shop")
    assert (identity["nonce"], identity["amr"], identity["acr"]) == ("a nonce", ["pwd"], "1")
    assert identity["at_hash"] == half_hash(tokens["access_token"])
    assert identity["auth_time"] == access["auth_time"] == world.clock.now
    assert identity["sid"].startswith("ses_")
    assert identity["exp"] - identity["iat"] <= 3600


async def test_without_openid_there_is_no_id_token(world: World, browser: Browser) -> None:
    tokens = await connected(world, browser, world.acme.web)
    assert "id_token" not in tokens
    assert tokens["scope"] == "read write"


async def test_a_resource_is_the_audience(world: World, browser: Browser, app: Client) -> None:
    tokens = await connected(world, browser, app, scope="openid read", resource=RESOURCE)
    assert claims_of(tokens["access_token"])["aud"] == [RESOURCE, ISSUER]
    narrowed = await token(
        world, app, grant_type="refresh_token", refresh_token=tokens["refresh_token"], scope="read", resource=RESOURCE
    )
    assert claims_of(narrowed.json()["access_token"])["aud"] == RESOURCE


async def test_a_resource_may_be_named_with_the_code_and_holds_from_then_on(
    world: World, browser: Browser, app: Client
) -> None:
    code = (await browser.allow(app, BOB, scope="read"))["code"]
    refused = await redeem(world, app, code, resource="https://other.test/")
    assert refused.json()["error"] == "invalid_target"
    tokens = (await redeem(world, app, code, resource=RESOURCE)).json()
    later = await token(world, app, grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    for each in (tokens, later.json()):
        assert claims_of(each["access_token"])["aud"] == RESOURCE


async def test_a_code_cannot_be_spent_twice(world: World, browser: Browser, app: Client) -> None:
    code = (await browser.allow(app, BOB, scope="openid"))["code"]
    tokens = (await redeem(world, app, code)).json()
    second = await redeem(world, app, code)
    assert (second.status_code, second.json()["error"]) == (400, "invalid_grant")
    assert not await world.is_active(tokens["access_token"])
    assert (await userinfo(world, tokens["access_token"])).status_code == 401
    assert (await world.refresh(tokens["refresh_token"])).status_code == 401
    (event,) = await world.events(world.acme.org, "grant.replayed")
    assert event.client_id == "shop"


async def test_one_of_fifty_spends_a_code(world: World, browser: Browser, app: Client) -> None:
    code = (await browser.allow(app, BOB))["code"]
    answers = await asyncio.gather(*(redeem(world, app, code) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 49
    (won,) = [answer.json() for answer in answers if answer.status_code == 200]
    assert not await world.is_active(won["access_token"]), "a replay was seen"


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": None},
        {"code_verifier": "w" * 50},
        {"code_verifier": "v" * 42},
        {"code_verifier": "v" * 129},
        {"code_verifier": "v" * 50 + "\n"},
        {"redirect_uri": "https://app.test/other"},
    ],
)
async def test_a_wrong_proof_never_spends_a_code(
    world: World, browser: Browser, app: Client, changes: dict[str, str | None]
) -> None:
    code = (await browser.allow(app, BOB))["code"]
    refused = await redeem(world, app, code, **changes)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert (await redeem(world, app, code)).status_code == 200


async def test_a_code_is_one_apps_for_a_minute(world: World, browser: Browser, app: Client) -> None:
    code = (await browser.allow(app, BOB))["code"]
    for other in (world.acme.web, world.beta.web):
        refused = await redeem(world, other, code, redirect_uri=app.redirect)
        assert refused.json()["error"] == "invalid_grant"
    world.clock.forward(59)
    assert (await redeem(world, app, code, redirect_uri=None)).status_code == 200
    code = answer_of((await browser.authorize(app)).headers["location"])["code"]
    world.clock.forward(60)
    assert (await redeem(world, app, code)).json()["error"] == "invalid_grant"


async def test_every_variant_of_a_code_is_refused(world: World, browser: Browser, app: Client) -> None:
    code = (await browser.allow(app, BOB))["code"]
    variants = (code[:-1], code + "A", code + "=", code.lower(), code[:-1] + "\n", "gp_code_", "x", f" {code}")
    for variant in (*variants, (await world.tokens()).refresh_token):
        assert (await redeem(world, app, variant)).json()["error"] == "invalid_grant"
    assert (await redeem(world, app, code)).status_code == 200


async def test_an_older_app_may_do_without_a_proof_key(world: World, browser: Browser) -> None:
    old = await world.make_app(world.acme.org, client_id="old", profile="oidc")
    without: dict[str, str | None] = {"code_challenge": None, "code_challenge_method": None}
    code = (await browser.allow(old, BOB, **without))["code"]
    assert (await redeem(world, old, code)).json()["error"] == "invalid_grant", "a verifier without a challenge"
    assert (await redeem(world, old, code, code_verifier=None, redirect_uri=None)).json()["error"] == "invalid_grant"
    assert (await redeem(world, old, code, code_verifier=None)).status_code == 200


async def test_nothing_comes_of_a_code_whose_person_is_disabled(world: World, browser: Browser, app: Client) -> None:
    code = (await browser.allow(app, BOB))["code"]
    bob = parse_id("usr", world.acme.bob) or b""
    await world.instance.store.ask(set_user_disabled(bob, True, world.act))
    assert (await redeem(world, app, code)).json()["error"] == "invalid_grant"
    await world.instance.store.ask(set_user_disabled(bob, False, world.act))
    assert (await redeem(world, app, code)).status_code == 200, "it was not spent"


async def test_what_an_app_has_lost_is_left_out_or_refused_if_that_is_all_it_asks_for(
    world: World, browser: Browser, app: Client
) -> None:
    held = (await connected(world, browser, app, scope="read write"))["refresh_token"]
    record = await world.instance.store.read(find_app(world.acme.org, app.client_id))
    assert record is not None
    await world.instance.store.ask(replace_app(replace(record, scope="read"), world.act))
    refused = await token(world, app, grant_type="refresh_token", refresh_token=held, scope="write")
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")
    rest = await token(world, app, grant_type="refresh_token", refresh_token=held, scope="read write")
    assert rest.json()["scope"] == "read"


async def test_nothing_comes_of_a_code_whose_session_or_resource_is_gone(
    world: World, browser: Browser, app: Client
) -> None:
    login = await connected(world, browser, app, scope="openid")
    code = answer_of((await browser.authorize(app, scope="openid")).headers["location"])["code"]
    await world.instance.store.ask(end_session(parse_id("ses", claims_of(login["id_token"])["sid"]) or b"", world.act))
    assert (await redeem(world, app, code)).json()["error"] == "invalid_grant"
    code = (await browser.allow(app, BOB, scope="read", resource=RESOURCE))["code"]
    await world.instance.store.ask(delete_resource(world.acme.org, RESOURCE, world.act))
    assert (await redeem(world, app, code)).json()["error"] == "invalid_target"


async def test_the_end_of_a_session_ends_what_is_online(world: World, browser: Browser, app: Client) -> None:
    online = await connected(world, browser, app, scope="openid")
    session = parse_id("ses", claims_of(online["id_token"])["sid"]) or b""
    offline = await redeem(
        world,
        app,
        (await browser.leave(await browser.consent(await browser.authorize(app, scope="openid offline_access"))))[
            "code"
        ],
    )
    await world.instance.store.ask(end_session(session, world.act))
    assert not await world.is_active(online["access_token"])
    assert await world.is_active(offline.json()["access_token"])


# Refresh.


async def test_a_refresh_goes_by_either_door(world: World, browser: Browser, app: Client) -> None:
    tokens = await connected(world, browser, app, scope="openid")
    second = await token(world, app, grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert second.json()["id_token"]
    third = await world.refreshed(second.json()["refresh_token"])
    again = await token(world, app, grant_type="refresh_token", refresh_token=second.json()["refresh_token"])
    assert again.json()["refresh_token"] == third.refresh_token, "a lost reply gets the same one"
    replayed = await token(world, app, grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert (replayed.status_code, replayed.json()["error"]) == (400, "invalid_grant")
    assert (await world.refresh(third.refresh_token)).status_code == 401


async def test_a_refresh_may_ask_for_less_and_never_for_more(world: World, browser: Browser) -> None:
    app = world.acme.web
    held = (await connected(world, browser, app))["refresh_token"]
    for scope in ("read write admin", "admin", "openid"):
        refused = await token(world, app, grant_type="refresh_token", refresh_token=held, scope=scope)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")
    refused = await token(world, app, grant_type="refresh_token", refresh_token=held, resource=RESOURCE)
    assert refused.json()["error"] == "invalid_target"
    less = (await token(world, app, grant_type="refresh_token", refresh_token=held, scope="read")).json()
    assert less["scope"] == claims_of(less["access_token"])["scope"] == "read"
    whole = await token(world, app, grant_type="refresh_token", refresh_token=less["refresh_token"])
    assert whole.json()["scope"] == "read write"


async def test_a_refresh_token_is_one_apps(world: World, browser: Browser, app: Client) -> None:
    held = (await connected(world, browser, app))["refresh_token"]
    for other in (world.acme.web, world.beta.web):
        refused = await token(world, other, grant_type="refresh_token", refresh_token=held)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    nobody = await token(world, None, grant_type="refresh_token", refresh_token=held, client_id="shop")
    assert (nobody.status_code, nobody.json()["error"]) == (401, "invalid_client")
    assert (await token(world, app, grant_type="refresh_token", refresh_token=held)).status_code == 200


# An app for itself.


async def test_a_service_gets_a_token_that_no_grant_stands_behind(world: World) -> None:
    service = await world.make_app(world.acme.org, client_id="job", kind="service", scope="read")
    known = await world.instance.store.read(_count())
    response = await token(world, service, grant_type="client_credentials", resource=RESOURCE)
    content = response.json()
    assert content.keys() == {"access_token", "token_type", "expires_in", "scope"}
    claims = claims_of(content["access_token"])
    assert (claims["sub"], claims["client_id"], claims["aud"], claims["scope"]) == ("job", "job", RESOURCE, "read")
    assert "gid" not in claims
    assert await world.instance.store.read(_count()) == known
    assert (await world.introspect(content["access_token"], service)).json()["sub"] == "job"
    assert await world.is_active(content["access_token"])


async def test_a_services_token_can_be_taken_back(world: World) -> None:
    service = await world.make_app(world.acme.org, client_id="job", kind="service", scope="read")
    one, two = [(await token(world, service, grant_type="client_credentials")).json()["access_token"] for _ in range(2)]
    assert (await world.revoke(one, world.acme.web)).status_code == 400
    assert (await world.revoke(one, service)).status_code == 200
    assert (await world.is_active(one), await world.is_active(two)) == (False, True)
    await end_grants(world.instance, world.acme.org, "job", None, world.operator)
    assert not await world.is_active(two)


@pytest.mark.parametrize("scope", ["openid", "admin", "offline_access"])
async def test_a_service_has_no_person_and_no_more_than_its_scope(world: World, scope: str) -> None:
    service = await world.make_app(world.acme.org, client_id="job", kind="service")
    refused = await token(world, service, grant_type="client_credentials", scope=scope)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")


async def test_grant_types_are_by_kind(world: World) -> None:
    for app in (world.acme.web, world.acme.native):
        refused = await token(world, app, grant_type="client_credentials")
        assert (refused.status_code, refused.json()["error"]) == (400, "unauthorized_client")
    for grant_type in ("password", "implicit", "urn:ietf:params:oauth:grant-type:saml2-bearer"):
        refused = await token(world, world.acme.web, grant_type=grant_type)
        assert (refused.status_code, refused.json()["error"]) == (400, "unsupported_grant_type")


@pytest.mark.parametrize(
    "body", [b"grant_type=authorization_code&code=&code_verifier=", b"", b"grant_type=a&grant_type=b"]
)
async def test_a_malformed_request_is_refused(world: World, body: bytes) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    refused = await world.call("POST", "/token", world.acme.web, content=body, headers=headers)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")


async def test_parameters_in_the_url_are_refused(world: World) -> None:
    form = {"grant_type": "client_credentials"}
    refused = await world.call("POST", "/token?grant_type=client_credentials", world.acme.web, form=form)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")
    for method in ("GET", "HEAD", "PUT"):
        refused = await world.call(method, "/token")
        assert (refused.status_code, refused.headers["allow"]) == (405, "OPTIONS, POST")


# Pushed requests.


async def push(world: World, app: Client, **changes: str | None) -> httpx.Response:
    return await world.call("POST", "/par", app, form=request_of(app, **changes))


async def test_a_pushed_request_is_good_until_its_grant_is_made(world: World, browser: Browser, app: Client) -> None:
    pushed = await push(world, app, scope="openid", state="pushed")
    assert pushed.status_code == 201
    uri = pushed.json()["request_uri"]
    assert pushed.json() == {"request_uri": uri, "expires_in": 90}
    visit = {"client_id": app.client_id, "request_uri": uri}
    for _ in range(2):
        assert "/login" in (await browser.get("/authorize", params=visit)).headers["location"]
    asked = await browser.sign_in(await browser.get("/authorize", params=visit), BOB)
    answer = await browser.leave(await browser.consent(asked))
    assert answer["state"] == "pushed"
    assert (await redeem(world, app, answer["code"])).status_code == 200
    used = answer_of((await browser.get("/authorize", params=visit)).headers["location"])
    assert used["error"] == "invalid_request_uri"


async def test_a_pushed_request_is_one_apps_and_for_a_while(world: World, browser: Browser, app: Client) -> None:
    uri = (await push(world, app)).json()["request_uri"]
    for visit in (
        {"client_id": "web-acme", "request_uri": uri},
        {"client_id": "shop", "request_uri": uri + "A"},
        {"client_id": "shop", "request_uri": uri[:-1]},
    ):
        page = await browser.get("/authorize", params=visit)
        assert (page.status_code, "location" in page.headers) == (400, False)
    world.clock.forward(90)
    assert (await browser.get("/authorize", params={"client_id": "shop", "request_uri": uri})).status_code == 400


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"redirect_uri": "https://evil.test/"}, "invalid_request"),
        ({"redirect_uri": None}, "invalid_request"),
        ({"request_uri": "urn:x"}, "invalid_request"),
        ({"id_token_hint": "eyJhbGciOiJub25lIn0.e30."}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"scope": "admin"}, "invalid_scope"),
        ({"client_id": "web-acme"}, "invalid_request"),
        ({"nonce": "n" * 2000, "state": "s" * 2000, "login_hint": "l" * 2000}, "invalid_request"),
    ],
)
async def test_what_is_wrong_is_said_when_it_is_pushed(
    world: World, app: Client, changes: dict[str, str | None], error: str
) -> None:
    refused = await push(world, app, **changes)
    assert (refused.status_code, refused.json()["error"]) == (400, error)


async def test_an_app_may_have_to_push(world: World, browser: Browser, app: Client) -> None:
    record = await world.instance.store.read(find_app(world.acme.org, "shop"))
    assert record is not None
    must = replace(record, metadata='{"require_pushed_authorization_requests":true}')
    await world.instance.store.ask(replace_app(must, world.act))
    answer = answer_of((await browser.authorize(app)).headers["location"])
    assert answer["error"] == "invalid_request"


def _count() -> Any:
    from gatepost.store.question import SQL, Steps, question

    @question
    def count() -> Steps[int]:
        rows = yield SQL("select count(*) from grants")
        number: int = rows[0][0]
        return number

    return count()
