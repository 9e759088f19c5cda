"""`POST /verify`, the third route of the seed: a saved pair, and tokens for it."""

from typing import Any

import orjson
import pytest

from gatepost import base64url
from gatepost.flows.minting import newborn
from gatepost.secrets import new_id, parse_id
from gatepost.store.apps import find_app, set_app_disabled
from gatepost.store.grants import NewGrant, find_grant, make_grant
from gatepost.store.limits import limit_app, limit_org
from gatepost.store.people import set_user_disabled

from .world import ISSUER, RESOURCE, World, claims_of


@pytest.mark.parametrize("prefix", ["", "/api/auth"])
async def test_a_saved_pair_gets_tokens(world: World, prefix: str) -> None:
    web = world.acme.web
    pair = {"client_id": web.client_id, "redirection_url": web.redirect}
    response = await world.call("POST", f"{prefix}/verify", world.acme, json=pair)
    assert response.status_code == 200
    content = response.json()
    access_token, refresh_token = content.pop("access_token"), content.pop("refresh_token")
    assert content == {
        "success": True,
        "message": "Auth token verified successfully",
        "token_type": "Bearer",
        "expires_in": 600,
        "scope": "read write",
    }
    assert access_token.count(".") == 2
    assert refresh_token.startswith("gp_rt_")
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("is_elsewhere", [False, True])
async def test_a_new_grant_is_known_as_a_look_up_finds_it(world: World, is_elsewhere: bool) -> None:
    org = world.acme.org
    home = world.beta.org if is_elsewhere else org
    client = await world.make_app(home, scope="read", retry_window=7, access_ttl=300)
    for limit in (limit_app(home, client.client_id, None, 60, world.act), limit_org(org, 90, world.act)):
        assert await world.instance.store.ask(limit)
    app = await world.instance.store.read(find_app(home, client.client_id))
    assert app is not None
    new = NewGrant(
        *(new_id(), client.client_id, parse_id("usr", world.acme.bob), None, "read", RESOURCE, b"salt" * 4, 500),
        *(
            world.clock.now + 900,
            home if is_elsewhere else None,
            b"session" + bytes(9),
            True,
            '{"amr":["pwd"]}',
            "thumb",
        ),
    )
    assert await world.instance.store.ask(make_grant(org, new, world.act))
    assert newborn(org, new, app, world.clock.now, 90) == await world.instance.store.read(find_grant(org, new.id))


async def test_an_access_token_says_what_rfc_9068_asks(world: World) -> None:
    pair = await world.tokens()
    header = orjson.loads(base64url.decode(pair.access_token.split(".")[0].encode()))
    assert header.keys() == {"alg", "typ", "kid"}
    assert (header["alg"], header["typ"]) == ("ES256", "at+jwt")
    claims = claims_of(pair.access_token)
    assert claims == {
        "iss": ISSUER,
        "sub": world.acme.id,
        "aud": ISSUER,
        "exp": world.clock.now + 600,
        "iat": world.clock.now,
        "jti": claims["jti"],
        "client_id": world.acme.web.client_id,
        "scope": "read write",
        "org": world.acme.id,
        "gid": claims["gid"],
        "key": world.acme.key_id,
    }
    assert claims["gid"].startswith("gnt_")


async def test_each_verification_is_a_grant_of_its_own(world: World) -> None:
    claims = [claims_of((await world.tokens()).access_token) for _ in range(3)]
    assert len({each["gid"] for each in claims}) == len({each["jti"] for each in claims}) == 3
    assert len(await world.events(world.acme.org, "grant.made")) == 3


@pytest.mark.parametrize("client_id", ["unknown", "web-beta", "WEB-ACME", "web-acme ", "x" * 1000, "' or 1=1 --"])
async def test_a_client_unknown_here_is_invalid(world: World, client_id: str) -> None:
    response = await world.verify(client_id=client_id)
    assert response.status_code == 401
    assert set(response.json()) == {"success", "error", "message", "event_id"}
    assert response.json()["error"] == "invalid_client"


async def test_a_disabled_client_is_answered_like_an_unknown_one(world: World) -> None:
    unknown = (await world.verify(client_id="unknown")).json()
    await world.instance.store.ask(set_app_disabled(world.acme.org, world.acme.web.client_id, True, world.act))
    disabled = await world.verify()
    assert disabled.status_code == 401
    assert disabled.json() | {"event_id": ""} == unknown | {"event_id": ""}


REGISTERED = "https://app.test/cb"
NEAR_MISSES = (
    ("https://app.test/CB", 17),
    ("https://app.test/cb/", 19),
    ("https://app.test/cb?", 19),
    ("https://app.test/cb#", 19),
    ("https://app.test/c", 18),
    ("https://app.test/cb ", 19),
    ("https://app.test/%63b", 17),
    ("https://app.test/cb/../evil", 19),
    ("https://app.test:443/cb", 16),
    ("https://app.test.evil.test/cb", 16),
    ("https://appXtest/cb", 11),
    ("HTTPS://app.test/cb", 0),
    ("http://app.test/cb", 4),
    ("https://evil.test/cb", 8),
    ("javascript:alert(1)", 0),
    ("nonsense", 0),
    ("https://app.test/cb" + "x" * 10_000, 19),
    ("https://app.test/ć", 17),
)


@pytest.mark.parametrize(
    ("received", "index"), NEAR_MISSES, ids=lambda value: str(value)[:40].encode("ascii", "replace").decode()
)
async def test_another_url_is_shown_beside_the_registered_one(world: World, received: str, index: int) -> None:
    response = await world.verify(redirection_url=received)
    assert response.status_code == 400
    content = response.json()
    assert set(content) == {
        "success",
        "error",
        "message",
        "event_id",
        "received",
        "registered",
        "first_difference",
    }
    assert content["error"] == "redirect_uri_mismatch"
    assert (content["received"], content["registered"]) == (received, [REGISTERED])
    assert content["first_difference"] == index


async def test_the_difference_is_told_against_the_nearest_of_several(world: World) -> None:
    web = await world.make_app(world.acme.org, redirect="https://app.test/callback")
    for url in ("https://app.test/other", "https://elsewhere.test/"):
        pair = {"client_id": web.client_id, "redirection_url": url}
        assert (await world.call("POST", "/", world.acme, json=pair)).status_code == 201
    content = (await world.verify(web, redirection_url="https://app.test/otter")).json()
    assert content["first_difference"] == 19
    assert "https://app.test/other" in content["message"]
    assert len(content["registered"]) == 3


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"client_id": None}, "client_id"),
        ({"client_id": ""}, "client_id"),
        ({"client_id": 5}, "client_id"),
        ({"redirection_url": None}, "redirection_url"),
        ({"redirection_url": ""}, "redirection_url"),
        ({"redirection_url": ["https://app.test/cb"]}, "redirection_url"),
        ({"user_id": ""}, "user_id"),
        ({"user_id": 5}, "user_id"),
        ({"scope": ""}, "scope"),
        ({"scope": ["read"]}, "scope"),
        ({"resource": ""}, "resource"),
        ({"resource": ["https://api.test/v1"]}, "resource"),
    ],
    ids=str,
)
async def test_a_bad_shape_names_the_field(world: World, members: dict[str, Any], field: str) -> None:
    response = await world.verify(**members)
    assert response.status_code == 400
    assert response.json()["error"] == "invalid_request"
    assert response.json()["field"] == field


async def test_null_is_as_good_as_absent(world: World) -> None:
    response = await world.verify(user_id=None, scope=None, resource=None)
    assert response.status_code == 200
    assert response.json()["scope"] == "read write"


async def test_tokens_can_stand_for_a_member(world: World) -> None:
    pair = await world.tokens(user_id=world.acme.bob)
    assert claims_of(pair.access_token)["sub"] == world.acme.bob
    assert claims_of((await world.refreshed(pair.refresh_token)).access_token)["sub"] == world.acme.bob


async def test_unknown_foreign_and_disabled_users_get_one_answer(world: World) -> None:
    carl = await world.make_user(world.acme.org, "carl@acme.test")
    await world.instance.store.ask(set_user_disabled(bytes.fromhex(carl[4:]), True, world.act))
    users = (world.beta.bob, "usr_" + "0" * 32, "bob@acme.test", "nonsense", world.acme.id, carl, carl.upper())
    answers = [await world.verify(user_id=user) for user in users]
    assert {answer.status_code for answer in answers} == {400}
    bodies = [answer.json() | {"event_id": ""} for answer in answers]
    assert all(body == bodies[0] for body in bodies)
    assert (bodies[0]["error"], bodies[0]["field"]) == ("invalid_user", "user_id")


async def test_a_user_needs_a_key_that_may_act_for_users(world: World) -> None:
    key, _ = await world.make_key(world.acme.org)
    for user in (world.acme.bob, world.beta.bob, "nonsense"):
        response = await world.verify(by=f"Bearer {key}", user_id=user)
        assert response.status_code == 403
        assert response.json()["error"] == "insufficient_scope"
    assert (await world.verify(by=f"Bearer {key}")).status_code == 200


@pytest.mark.parametrize("scope", ["read", "write", "write read", "read read"])
async def test_less_than_the_apps_scope_may_be_asked(world: World, scope: str) -> None:
    response = await world.verify(scope=scope)
    assert response.json()["scope"] == " ".join(dict.fromkeys(scope.split()))


@pytest.mark.parametrize(
    "scope", ["admin", "read admin", "READ", "read  write", " read", "read ", 'rea"d', "rea\\d", "réad", "x" * 3000]
)
async def test_a_scope_the_app_may_not_have_is_refused(world: World, scope: str) -> None:
    response = await world.verify(scope=scope)
    assert response.status_code == 400
    assert response.json()["error"] == "invalid_scope"


async def test_the_unknown_scopes_are_named(world: World) -> None:
    message = (await world.verify(scope="read admin root")).json()["message"]
    assert "admin root" in message


@pytest.mark.parametrize("resource", [RESOURCE, "HTTPS://API.TEST/v1", "https://API.test/v1"])
async def test_a_registered_resource_is_the_audience_in_its_registered_spelling(world: World, resource: str) -> None:
    assert claims_of((await world.tokens(resource=resource)).access_token)["aud"] == RESOURCE


@pytest.mark.parametrize(
    "resource",
    [
        "https://other.test/",
        "https://api.test/V1",
        "https://api.test/v1/",
        "https://api.test",
        "api.test",
        "/v1",
        "https://api.test/v1#",
        "https://api.test/v1#x",
        "x" * 3000,
        "https://user@api.test/v1",
    ],
    ids=lambda resource: resource[:30],
)
async def test_any_other_resource_is_an_invalid_target(world: World, resource: str) -> None:
    response = await world.verify(resource=resource)
    assert response.status_code == 400
    assert response.json()["error"] == "invalid_target"


async def test_an_app_has_its_own_defaults(world: World) -> None:
    app = await world.make_app(world.acme.org, default_resource=RESOURCE, access_ttl=60)
    response = await world.verify(app)
    assert response.json()["expires_in"] == 60
    assert response.json()["scope"] == ""
    assert claims_of(world.canary.watch(response.json()["access_token"]))["aud"] == RESOURCE


async def test_an_app_without_scopes_may_ask_for_the_resources(world: World) -> None:
    app = await world.make_app(world.acme.org)
    assert (await world.verify(app, scope="read")).json()["scope"] == "read"
    assert (await world.verify(app, scope="admin")).json()["error"] == "invalid_scope"


async def test_a_refusal_makes_no_grant(world: World) -> None:
    await world.verify(client_id="unknown")
    await world.verify(redirection_url="https://evil.test/")
    await world.verify(user_id="nobody")
    await world.verify(scope="admin")
    await world.verify(resource="https://other.test/")
    assert await world.events(world.acme.org, "grant.made") == []
