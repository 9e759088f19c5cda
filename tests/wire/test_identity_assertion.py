"""jwt-bearer with an ID-JAG: an identity provider that one organization trusts.

RFC 7523; TX-14 and JW-* of what must not happen.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import httpx
import orjson
import pytest

from gatepost.flows.trusted_issuers import distrust, trust
from gatepost.oauth.client_metadata import JWT_BEARER
from gatepost.secrets import parse_id
from gatepost.store.apps import set_app_disabled
from gatepost.store.grants import find_grant
from gatepost.store.orgs import find_owner
from gatepost.store.people import set_user_disabled
from gatepost.store.trusted_issuers import find_identity

from . import prover
from .browser import token, userinfo
from .conftest import OpenWorld
from .prover import jkt
from .signer import EC, OTHER, P384, RSA, encode, public, sign
from .strangers import Stranger, ok, stranger
from .world import DAY, ISSUER, NOW, RESOURCE, Client, World, claims_of

IDP = "https://idp.acme.test"
ELSEWHERE = "https://idp.beta.test"
TYPE = "oauth-id-jag+jwt"
BAD = (400, "invalid_grant")


class Enterprise(NamedTuple):
    """Acme, which trusts its identity provider, and an app of it that brings assertions."""

    world: World
    idp: Stranger
    app: Client

    async def connect(self, assertion: str, by: Client | None = None, **fields: str) -> httpx.Response:
        return await token(self.world, by or self.app, grant_type=JWT_BEARER, assertion=assertion, **fields)

    async def refused(self, assertion: str, by: Client | None = None, **fields: str) -> None:
        assert said(await self.connect(assertion, by, **fields)) == BAD

    async def connected(self, assertion: str) -> str:
        response = await self.connect(assertion)
        assert response.status_code == 200, response.text
        assert "refresh_token" not in response.json()
        text: str = response.json()["access_token"]
        return text


@pytest.fixture
async def acme(open_world: OpenWorld) -> AsyncIterator[Enterprise]:
    world = await open_world({"outbound.allow_loopback": "true"})
    async with stranger(ok(orjson.dumps(public(EC, RSA)))) as idp:
        uri = f"http://127.0.0.1:{idp.port}/jwks"
        await trust(world.instance, world.acme.org, IDP, uri, world.operator)
        await trust(world.instance, world.beta.org, ELSEWHERE, uri, world.operator)
        app = await make_app(world, "assistant", scope="openid read write")
        yield Enterprise(world, idp, app)


async def make_app(world: World, client_id: str, org: bytes = b"", **policy: Any) -> Client:
    return await world.make_app(org or world.acme.org, client_id=client_id, grant_types=JWT_BEARER, **policy)


def jag(**changes: Any) -> str:
    """An assertion about Bob, for the app; `head` changes its header, and a claim that is None is left out."""
    head = {"alg": "ES256", "kid": EC.kid, "typ": TYPE, **changes.pop("head", {})}
    usual = {"iss": IDP, "sub": "00u-bob", "client_id": "assistant", "email": "bob@acme.test", "email_verified": True}
    key = changes.pop("key", EC)
    return sign(key, changes.pop("alg", "ES256"), header=head, **{**usual, "scope": "read", **changes})


def said(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json().get("error", "")


async def test_it_becomes_a_grant_like_any_other(acme: Enterprise) -> None:
    world = acme.world
    response = await acme.connect(jag(resource=RESOURCE))
    content = response.json()
    text = content.pop("access_token")
    assert content == {"token_type": "Bearer", "expires_in": 600, "scope": "read"}
    claims = claims_of(text)
    assert (claims["sub"], claims["aud"], claims["org"]) == (world.acme.bob, RESOURCE, world.acme.id)
    assert (claims["client_id"], claims["scope"], "act" in claims) == ("assistant", "read", False)
    assert (await world.introspect(text)).json()["gid"] == claims["gid"]
    (event,) = await world.events(world.acme.org, "grant.made")
    assert (event.client_id, event.actor) == ("assistant", "app:assistant")
    await world.revoke(text, acme.app)
    assert not await world.is_active(text)


async def test_the_grant_ends_with_its_token(acme: Enterprise) -> None:
    world = acme.world
    gid = claims_of(await acme.connected(jag()))["gid"]
    grant = await world.instance.store.read(find_grant(world.acme.org, parse_id("gnt", gid) or b""))
    assert grant is not None
    assert grant.expires_at == NOW + 600


async def test_it_is_good_once(acme: Enterprise) -> None:
    """On two nodes, and whatever comes first."""
    assertion, other = jag(), acme._replace(world=await acme.world.again())
    answers = await asyncio.gather(*(each.connect(assertion) for each in (acme, other) * 5))
    assert sorted(map(said, answers)) == [(200, ""), *[BAD] * 9]
    (won,) = [answer.json()["access_token"] for answer in answers if answer.status_code == 200]
    assert await acme.world.is_active(won), "a lost answer that is asked for again is no theft"
    assert len(await acme.world.events(acme.world.acme.org, "grant.made")) == 1


async def test_a_refused_one_is_not_spent(acme: Enterprise) -> None:
    assertion = jag()
    assert said(await acme.connect(assertion, scope="write")) == (400, "invalid_scope")
    assert said(await acme.connect(assertion, resource="https://none.test/")) == (400, "invalid_target")
    await acme.connected(assertion)


HEADERS: dict[str, dict[str, Any]] = {
    "no typ": {"head": {"typ": None}},
    "a plain JWT": {"head": {"typ": "JWT"}},
    "an access token": {"head": {"typ": "at+jwt"}},
    "a client assertion": {"head": {"typ": "client-authentication+jwt"}},
    "an unknown key": {"head": {"kid": "unknown"}, "key": OTHER},
    "another's key under its name": {"key": OTHER},
    "a key of another curve": {"key": P384, "alg": "ES384"},
    "another algorithm": {"head": {"alg": "RS256"}},
    "none": {"head": {"alg": "none"}},
    "HS256": {"head": {"alg": "HS256"}},
    "its own key": {"key": OTHER, "head": {"kid": "own", "jwk": OTHER.as_dict(private=False)}},
    "a key at a URL": {"key": OTHER, "head": {"kid": "own", "jku": "http://127.0.0.1:1/jwks"}},
    "crit": {"head": {"crit": ["b64"], "b64": False}},
}

CLAIMS: dict[str, dict[str, Any]] = {
    "no iss": {"iss": None},
    "an issuer nobody trusts": {"iss": "https://idp.evil.test"},
    "another organization's issuer": {"iss": ELSEWHERE},
    "a slash behind": {"iss": IDP + "/"},
    "iss is a list": {"iss": [IDP]},
    "no aud": {"aud": None},
    "another server": {"aud": "https://other.test"},
    "the token endpoint": {"aud": ISSUER + "/token"},
    "good and bad": {"aud": [ISSUER, "https://other.test"]},
    "no app": {"client_id": None},
    "another app": {"client_id": "web-acme"},
    "no exp": {"exp": None},
    "expired": {"exp": NOW - 60},
    "too far ahead": {"exp": NOW + 3661},
    "no iat": {"iat": None},
    "made in the future": {"iat": NOW + 61},
    "good in the future": {"nbf": NOW + 61},
    "exp is a text": {"exp": str(NOW + 60)},
    "no jti": {"jti": None},
    "jti is a number": {"jti": 7},
    "no sub": {"sub": None},
    "an empty sub": {"sub": ""},
    "sub is a number": {"sub": 7},
    "a line break in sub": {"sub": "one\ntwo"},
    "tenant is a number": {"tenant": 7},
    "a long tenant": {"tenant": "x" * 256},
    "resource is a number": {"resource": 7},
    "a number among resources": {"resource": [RESOURCE, 7]},
    "scope is a list": {"scope": ["read"]},
    "bound to a key that is not proved": {"cnf": {"jkt": jkt(EC)}},
    "bound to no key": {"cnf": {}},
    "cnf is a text": {"cnf": jkt(EC)},
    "bound to a certificate": {"cnf": {"x5t#S256": "x"}},
    "authorization_details": {"authorization_details": [{"type": "x"}]},
}


@pytest.mark.parametrize("name", HEADERS)
async def test_what_its_header_may_not_say(acme: Enterprise, name: str) -> None:
    await acme.refused(jag(**HEADERS[name]))


@pytest.mark.parametrize("name", CLAIMS)
async def test_what_it_may_not_say(acme: Enterprise, name: str) -> None:
    await acme.refused(jag(**CLAIMS[name]))


async def test_what_is_no_assertion_at_all(acme: Enterprise) -> None:
    pair = await acme.world.tokens()
    head = encode(orjson.dumps({"alg": "none", "typ": TYPE}))
    for text in ("x", "a.b.c", "." * 1000, pair.access_token, pair.refresh_token, f"{head}.e30."):
        await acme.refused(text)
    assert said(await token(acme.world, acme.app, grant_type=JWT_BEARER)) == (400, "invalid_request")


async def test_it_is_for_apps_of_the_organization_that_trusts(acme: Enterprise) -> None:
    world = acme.world
    theirs = await make_app(world, "theirs", world.beta.org)
    await acme.refused(jag(client_id="theirs"), theirs)
    for app in (world.acme.web, world.acme.native):
        assert said(await acme.connect(jag(client_id=app.client_id), app)) == (400, "unauthorized_client")
    with pytest.raises(Exception, match="public app cannot act by itself"):
        await make_app(world, "public", kind="spa")


async def test_a_person_is_known_by_the_issuers_name_for_them(acme: Enterprise) -> None:
    """The e-mail links once; then it may be another's, and the name still means the same person."""
    world = acme.world
    await acme.refused(jag(email=None))
    await acme.refused(jag(email_verified=None))
    await acme.refused(jag(email_verified="true"))
    await acme.refused(jag(email="bob@beta.test"))
    await acme.refused(jag(email="nobody@acme.test"))
    assert claims_of(await acme.connected(jag(email="BOB@acme.test")))["sub"] == world.acme.bob
    assert claims_of(await acme.connected(jag(email=None)))["sub"] == world.acme.bob
    assert claims_of(await acme.connected(jag(email="ann@example.test")))["sub"] == world.acme.bob
    assert claims_of(await acme.connected(jag(sub="other", email="ann@example.test")))["sub"] == world.acme.ann
    await acme.refused(jag(tenant="another", email=None))
    assert await world.instance.store.read(find_owner("email", "nobody@acme.test")) is None, "nobody is made"


async def test_a_refused_one_links_nobody(acme: Enterprise) -> None:
    bob = parse_id("usr", acme.world.acme.bob) or b""
    await acme.world.instance.store.ask(set_user_disabled(bob, True, acme.world.act))
    await acme.refused(jag())
    assert await acme.world.instance.store.read(find_identity(acme.world.acme.org, IDP, "00u-bob")) is None


async def test_only_what_is_live_is_connected(acme: Enterprise) -> None:
    world = acme.world
    text = await acme.connected(jag())
    bob = parse_id("usr", world.acme.bob) or b""
    await world.instance.store.ask(set_user_disabled(bob, True, world.act))
    await acme.refused(jag())
    assert not await world.is_active(text)
    await world.instance.store.ask(set_user_disabled(bob, False, world.act))
    await world.instance.store.ask(set_app_disabled(world.acme.org, "assistant", True, world.act))
    assert said(await acme.connect(jag())) == (401, "invalid_client")


@pytest.mark.parametrize(
    ("says", "asks", "scope"),
    [
        ("read", "", "read"),
        ("read write", "write", "write"),
        ("read other", "", "read"),
        ("openid read offline_access", "", "openid read"),
        (None, "", "openid read write"),
        (None, "read", "read"),
        ("read", "write", None),
        ("read other", "other", None),
        ("other", "", None),
        ("", "read", None),
        (None, "other", None),
    ],
)
async def test_the_scope_is_what_all_agree_on(acme: Enterprise, says: str | None, asks: str, scope: str | None) -> None:
    response = await acme.connect(jag(scope=says), scope=asks)
    if scope is None:
        assert said(response) == (400, "invalid_scope")
    else:
        assert response.json()["scope"] == scope


@pytest.mark.parametrize(
    ("says", "asks", "audience"),
    [
        (RESOURCE, "", RESOURCE),
        ([RESOURCE], RESOURCE, RESOURCE),
        (None, RESOURCE, RESOURCE),
        (None, "", ISSUER),
        ("https://none.test/", "", None),
        ("https://none.test/", RESOURCE, None),
        (RESOURCE, "https://none.test/", None),
    ],
)
async def test_the_resource_is_what_all_agree_on(acme: Enterprise, says: Any, asks: str, audience: str | None) -> None:
    response = await acme.connect(jag(resource=says), resource=asks)
    if audience is None:
        assert said(response) == (400, "invalid_target")
    else:
        assert claims_of(response.json()["access_token"])["aud"] == audience


async def test_one_that_is_bound_to_a_key_needs_a_proof_of_that_key(acme: Enterprise) -> None:
    assertion = jag(cnf={"jkt": jkt(EC)})
    form = {"grant_type": JWT_BEARER, "assertion": assertion}
    assert said(await prover.ask(acme.world, acme.app, prover.prove(OTHER), **form)) == BAD
    # What else it is bound to is not known here, so nobody can have proved it.
    more = form | {"assertion": jag(cnf={"jkt": jkt(EC), "x5t#S256": "x"})}
    assert said(await prover.ask(acme.world, acme.app, prover.prove(EC), **more)) == BAD
    response = await prover.ask(acme.world, acme.app, prover.prove(EC), **form)
    assert response.json()["token_type"] == "DPoP"
    assert claims_of(response.json()["access_token"])["cnf"] == {"jkt": jkt(EC)}


async def test_userinfo_answers_for_it(acme: Enterprise) -> None:
    text = await acme.connected(jag(scope="openid"))
    assert (await userinfo(acme.world, text)).json()["sub"] == acme.world.acme.bob


async def test_keys_change_and_trust_ends(acme: Enterprise) -> None:
    await acme.connected(jag())
    acme.idp.answer = ok(orjson.dumps(public(OTHER)))
    acme.world.clock.forward(2 * DAY)
    now = acme.world.clock.now
    life = {"iat": now, "exp": now + 60}
    await acme.refused(jag(**life))
    await acme.connected(jag(key=OTHER, **life))
    await distrust(acme.world.instance, acme.world.acme.org, IDP, acme.world.operator)
    await acme.refused(jag(key=OTHER, **life))


async def test_metadata_says_that_there_is_such_a_thing_and_nothing_of_issuers(acme: Enterprise) -> None:
    response = await acme.world.call("GET", "/.well-known/oauth-authorization-server")
    assert JWT_BEARER in response.json()["grant_types_supported"]
    profiles = response.json()["authorization_grant_profiles_supported"]
    assert profiles == ["urn:ietf:params:oauth:grant-profile:id-jag"]
    assert IDP not in response.text
