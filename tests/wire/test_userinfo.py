"""Who the person is, told to whom they let know. OpenID Connect Core §5.3; RI-16 to RI-20 of the cases."""

import json
from typing import Any

import pytest

from gatepost.flows.claims import set_claims
from gatepost.flows.roles import operator
from gatepost.jose import ID_TOKEN_TYPE
from gatepost.light import replace
from gatepost.oauth.claims import CLAIMS_OF_SCOPE, parse_claims
from gatepost.secrets import parse_id
from gatepost.store.apps import find_app, replace_app
from gatepost.store.people import find_user

from .browser import Browser, answer_of, connected, redeem, userinfo
from .world import ISSUER, RESOURCE, Client, World, claims_of, header_of

BOB = "bob@acme.test"


SAID: dict[str, Any] = {
    **dict.fromkeys(("name", "family_name", "given_name", "middle_name", "nickname", "preferred_username"), "Bob"),
    **dict.fromkeys(("profile", "picture", "website"), "https://bob.test/"),
    "gender": "male",
    "birthdate": "0000-02-29",
    "zoneinfo": "Europe/Berlin",
    "locale": "de",
    "phone_number": "+49 30 1234567",
    "address": {"locality": "Berlin", "country": "DE"},
}


async def say(world: World, **claims: Any) -> None:
    """Have the operator say these claims of Bob."""
    user = await world.instance.store.read(find_user(parse_id("usr", world.acme.bob) or b""))
    assert user is not None
    await set_claims(world.instance, user, parse_claims(claims), operator(world.act))


@pytest.fixture
async def app(world: World) -> Client:
    """A confidential app that may ask for anything its organization has."""
    return await world.make_app(world.acme.org, client_id="shop")


@pytest.mark.parametrize(
    ("scope", "claims"),
    [
        ("openid", {"sub"}),
        ("openid email", {"sub", "email", "email_verified"}),
        ("openid profile", {"sub"}),
        ("openid phone address", {"sub"}),
    ],
)
async def test_userinfo_says_what_the_scopes_let_it(
    world: World, browser: Browser, app: Client, scope: str, claims: set[str]
) -> None:
    tokens = await connected(world, browser, app, scope=scope)
    said = (await userinfo(world, tokens["access_token"])).json()
    assert said.keys() == claims
    assert said["sub"] == claims_of(tokens["id_token"])["sub"]


@pytest.mark.parametrize("scope", CLAIMS_OF_SCOPE)
async def test_what_is_said_of_a_person_is_told_by_its_scope_alone(
    world: World, browser: Browser, app: Client, scope: str
) -> None:
    await say(world, **SAID)
    tokens = await connected(world, browser, app, scope=f"openid {scope}")
    told = (await userinfo(world, tokens["access_token"])).json()
    assert told.keys() == {"sub", *CLAIMS_OF_SCOPE[scope]}
    assert {claim: told[claim] for claim in SAID if claim in told}.items() <= SAID.items()
    assert told.get("updated_at", world.act.at) == world.act.at
    assert told.get("phone_number_verified", False) is False
    await say(world, **dict.fromkeys(SAID))
    later = (await userinfo(world, tokens["access_token"])).json()
    assert later.keys() <= {"sub", "updated_at", *CLAIMS_OF_SCOPE["email"]}, "what is taken away is told no more"


async def test_discovery_lists_just_what_there_is(world: World, browser: Browser, app: Client) -> None:
    await say(world, **SAID)
    document = (await world.call("GET", "/.well-known/openid-configuration")).json()
    wanted = json.dumps({"id_token": dict.fromkeys(document["claims_supported"])})
    scope = " ".join(document["scopes_supported"])
    tokens = await connected(world, browser, app, scope=scope, claims=wanted, nonce="n")
    assert sorted(tokens["scope"].split()) == sorted(document["scopes_supported"])
    assert set(claims_of(tokens["id_token"])) == set(document["claims_supported"])
    told = (await userinfo(world, tokens["access_token"])).json()
    assert told.items() <= claims_of(tokens["id_token"]).items()


async def test_a_claim_can_be_asked_for_by_name(world: World, browser: Browser, app: Client) -> None:
    wanted = '{"userinfo":{"email":null},"id_token":{"email_verified":{"essential":true}}}'
    tokens = await connected(world, browser, app, scope="openid", claims=wanted)
    assert tokens["scope"] == "openid email"
    assert (await userinfo(world, tokens["access_token"])).json()["email"] == BOB
    told = claims_of(tokens["id_token"])
    assert (told["email_verified"], "email" in told) == (False, False), "only what is named goes into the ID token"


async def test_without_openid_no_claim_can_be_asked_for(world: World, browser: Browser, app: Client) -> None:
    tokens = await connected(world, browser, app, scope="profile", claims='{"userinfo":{"email":null}}')
    assert tokens["scope"] == "profile"


async def test_a_claim_by_name_is_asked_of_the_person_like_its_scope(
    world: World, browser: Browser, app: Client
) -> None:
    wanted = '{"userinfo":{"email":null}}'
    await connected(world, browser, app, scope="openid")
    page = await browser.get((await browser.authorize(app, scope="openid", claims=wanted)).headers["location"])
    assert "See your e-mail address" in page.text, "the consent to openid alone does not speak for it"
    silent = await browser.authorize(app, scope="openid", claims=wanted, prompt="none")
    assert answer_of(silent.headers["location"])["error"] == "consent_required"


async def test_a_claim_by_name_is_not_told_to_an_app_that_may_not_have_its_scope(
    world: World, browser: Browser
) -> None:
    app = await world.make_app(world.acme.org, client_id="shop", scope="openid read")
    wanted = '{"userinfo":{"email":{"essential":true}},"id_token":{"email":null}}'
    tokens = await connected(world, browser, app, scope="openid", claims=wanted)
    assert tokens["scope"] == "openid"
    assert (await userinfo(world, tokens["access_token"])).json().keys() == {"sub"}
    assert "email" not in claims_of(tokens["id_token"])


async def test_userinfo_takes_the_token_in_a_form_too_and_never_two(
    world: World, browser: Browser, app: Client
) -> None:
    access = (await connected(world, browser, app, scope="openid"))["access_token"]
    assert (await world.call("POST", "/userinfo", form={"access_token": access})).json()["sub"] == world.acme.bob
    assert (await world.call("POST", "/userinfo", f"Bearer {access}")).json()["sub"] == world.acme.bob
    assert (await world.call("GET", "/userinfo", f"bearer   {access}")).status_code == 200, "RFC 6750 §2.1: 1*SP"
    twice = await world.call("POST", "/userinfo", f"Bearer {access}", form={"access_token": access})
    assert twice.status_code == 400
    assert (await world.call("GET", f"/userinfo?access_token={access}")).status_code == 401


async def test_userinfo_refuses_what_is_not_meant_for_it(world: World, browser: Browser, app: Client) -> None:
    nobody = await world.call("GET", "/userinfo")
    assert (nobody.status_code, nobody.headers["www-authenticate"]) == (401, 'Bearer realm="gatepost"')
    login = await connected(world, browser, app, scope="openid")
    elsewhere = await connected(world, Browser(world), app, scope="read", resource=RESOURCE)
    seed = await world.tokens()
    for wrong in (login["id_token"], login["refresh_token"], elsewhere["access_token"], "x", "a.b.c"):
        refused = await userinfo(world, wrong)
        assert refused.status_code == 401
        assert 'error="invalid_token"' in refused.headers["www-authenticate"]
    without = await userinfo(world, seed.access_token)
    assert (without.status_code, without.json()["error"]) == (403, "insufficient_scope")
    world.clock.forward(600)
    assert (await userinfo(world, login["access_token"])).status_code == 401


async def test_apps_may_see_a_person_by_names_of_their_own(world: World, browser: Browser) -> None:
    subjects = []
    for name in ("one", "two"):
        app = await world.make_app(world.acme.org, client_id=name, redirect=f"https://{name}.test/cb")
        record = await world.instance.store.read(find_app(world.acme.org, name))
        assert record is not None
        pairwise = replace(record, metadata='{"subject_type":"pairwise","userinfo_signed_response_alg":"ES256"}')
        await world.instance.store.ask(replace_app(pairwise, world.act))
        asked = await browser.authorize(app, scope="openid")
        asked = await browser.sign_in(asked, BOB) if "/login" in asked.headers["location"] else asked
        tokens = (await redeem(world, app, (await browser.leave(await browser.consent(asked)))["code"])).json()
        signed = await userinfo(world, tokens["access_token"])
        assert signed.headers["content-type"] == "application/jwt"
        assert claims_of(signed.text)["sub"] == claims_of(tokens["id_token"])["sub"]
        subjects.append(claims_of(signed.text)["sub"])
    assert len({*subjects, world.acme.bob}) == 3


@pytest.mark.parametrize("alg", ["RS256", "ES256"])
async def test_an_app_may_have_it_signed(world: World, browser: Browser, alg: str) -> None:
    signing = await world.make_app(world.acme.org, metadata={"userinfo_signed_response_alg": alg})
    wanted = '{"userinfo":{"email":{"essential":true},"sub":null,"nonsense":null}}'
    tokens = await connected(world, browser, signing, scope="openid", claims=wanted)
    answer = await userinfo(world, tokens["access_token"])
    assert answer.headers["content-type"] == "application/jwt"
    assert header_of(answer.text)["alg"] == alg
    assert await world.instance.signing.open(answer.text, ID_TOKEN_TYPE)
    said = claims_of(answer.text)
    assert said.keys() == {"iss", "aud", "sub", "email", "email_verified"}
    assert (said["iss"], said["aud"], said["sub"]) == (ISSUER, signing.client_id, claims_of(tokens["id_token"])["sub"])


async def test_what_the_app_may_have_no_longer_is_not_told(world: World, browser: Browser, app: Client) -> None:
    access = (await connected(world, browser, app, scope="openid email"))["access_token"]
    record = await world.instance.store.read(find_app(world.acme.org, "shop"))
    assert record is not None
    await world.instance.store.ask(replace_app(replace(record, scope="openid read"), world.act))
    assert (await userinfo(world, access)).json().keys() == {"sub"}
    await world.instance.store.ask(replace_app(replace(record, scope="read"), world.act))
    refused = await userinfo(world, access)
    assert refused.status_code == 403
    assert refused.json()["error"] == "insufficient_scope"
