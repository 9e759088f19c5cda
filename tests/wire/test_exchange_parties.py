"""Who may exchange which token, and what becomes of one that is bound to a key. RFC 8693 §4.4, RFC 9449; TX-7 of the cases."""

from typing import Any

import pytest

from gatepost.flows.resources import create_resource
from gatepost.oauth.client_assertion import ASSERTION_TYPE
from gatepost.oauth.client_metadata import TOKEN_EXCHANGE
from gatepost.oauth.token_exchange import ACCESS_TOKEN

from .exchanging import exchanged, make_agent, said
from .prover import INVALID, ask, jkt, own, prove
from .signer import CLIENT, EC, OTHER, Key, make_signer, sign
from .world import Client, World, claims_of

FIRST, SECOND, THIRD = "https://first.test/", "https://second.test/", "https://third.test/"
BAD = (400, "invalid_request")
GOOD = (200, "")


@pytest.fixture
async def apps(world: World) -> dict[str, Client]:
    """The app whose tokens they are, for FIRST and SECOND; the apps that are those APIs, and a third; and an agent."""
    found = {}
    for name, uri in (("app", ""), ("first", FIRST), ("second", SECOND), ("third", THIRD), ("agent", "")):
        found[name] = await make_agent(world, name)
        if uri:
            await create_resource(world.instance, world.acme.org, uri, "read", name, world.operator)
    return found


async def held(world: World, apps: dict[str, Client], key: Key | None) -> str:
    """A token of the app, bound to a key or not."""
    fields = [("grant_type", "client_credentials"), ("resource", FIRST), ("resource", SECOND), ("scope", "read")]
    content = "&".join(f"{name}={value}" for name, value in fields).encode()
    headers = {"content-type": "application/x-www-form-urlencoded", **_proof(key)}
    response = await world.call("POST", "/token", apps["app"], content=content, headers=headers)
    token: str = response.json()["access_token"]
    return token


def _proof(key: Key | None) -> dict[str, str]:
    return {"DPoP": prove(key)} if key else {}


def form(token: str, **fields: str) -> dict[str, str]:
    return {"grant_type": TOKEN_EXCHANGE, "subject_token": token, "subject_token_type": ACCESS_TOKEN, **fields}


BEARER: list[tuple[str, Key | None, tuple[int, str]]] = [
    ("app", None, GOOD),
    ("app", OTHER, GOOD),
    ("first", None, GOOD),
    ("second", OTHER, GOOD),
    ("third", None, BAD),
    ("third", OTHER, BAD),
    ("agent", None, GOOD),
    ("agent", OTHER, GOOD),
]
BOUND: list[tuple[str, Key | None, tuple[int, str]]] = [
    ("app", EC, GOOD),
    ("app", OTHER, BAD),
    ("app", None, INVALID),
    ("first", OTHER, GOOD),
    ("second", OTHER, GOOD),
    ("first", None, INVALID),
    ("third", OTHER, BAD),
    ("third", None, BAD),
    ("agent", OTHER, BAD),
    ("agent", None, BAD),
]


@pytest.mark.parametrize(
    ("bound_to", "by", "key", "outcome"),
    [*((None, *row) for row in BEARER), *((EC, *row) for row in BOUND)],
    ids=lambda value: value.kid if isinstance(value, type(EC)) else None,
)
async def test_who_exchanges_what(
    world: World, apps: dict[str, Client], bound_to: Key | None, by: str, key: Key | None, outcome: tuple[int, str]
) -> None:
    """Its own app with its key; an API that it is for; and a bearer token, whoever is handed it and is no API."""
    response = await ask(world, apps[by], prove(key) if key else "", **form(await held(world, apps, bound_to)))
    assert said(response) == outcome
    if outcome == GOOD:
        claims = claims_of(response.json()["access_token"])
        assert claims.get("cnf") == ({"jkt": jkt(key)} if key else None)
        assert response.json()["token_type"] == ("DPoP" if key else "Bearer")


async def test_a_chain_is_bound_link_by_link(world: World, apps: dict[str, Client]) -> None:
    """Each link proves a key of its own; the key before it opens nothing of it."""
    first = await held(world, apps, EC)
    one = (await ask(world, apps["first"], prove(OTHER), **form(first))).json()["access_token"]
    assert said(await ask(world, apps["second"], **form(one))) == INVALID
    two = (await ask(world, apps["second"], prove(EC), **form(one, audience=SECOND))).json()["access_token"]
    assert claims_of(two)["act"] == {"sub": "second", "act": {"sub": "first"}}
    for token, key, status in ((one, OTHER, 204), (one, EC, 401), (two, EC, 204), (two, OTHER, 401)):
        proof = prove(key, token=token, htm="GET", htu=SECOND)
        headers = {"DPoP": proof, "X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/"}
        checked = await world.call("GET", f"/check?audience={SECOND}", f"DPoP {token}", headers=headers)
        assert checked.status_code == status
    assert (await world.call("GET", f"/check?audience={SECOND}", f"Bearer {two}")).status_code == 401


async def test_who_is_named_may_act_and_nobody_else(world: World, apps: dict[str, Client]) -> None:
    key = await world.instance.signing.active()
    claims = claims_of(await held(world, apps, EC))
    for by, named, outcome in (("agent", "agent", GOOD), ("first", "agent", BAD), ("app", "agent", BAD)):
        token = key.mint({**claims, "may_act": {"sub": named}})
        assert said(await ask(world, apps[by], prove(OTHER), **form(token))) == outcome


async def test_an_actor_token_is_proved_too(world: World, apps: dict[str, Client]) -> None:
    subject = await held(world, apps, None)
    actor = (await own(world, apps["agent"], prove(EC))).json()["access_token"]
    fields = form(subject, actor_token=actor, actor_token_type=ACCESS_TOKEN)
    for key, outcome in ((EC, GOOD), (OTHER, BAD), (None, BAD)):
        assert said(await ask(world, apps["agent"], prove(key) if key else "", **fields)) == outcome


async def test_an_app_of_the_strict_profile_takes_only_what_is_for_it(world: World, apps: dict[str, Client]) -> None:
    await make_signer(world, profile="fapi2", grant_types=TOKEN_EXCHANGE)

    async def outcome(**fields: Any) -> tuple[int, str]:
        signed = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": sign(iss=CLIENT), **fields}
        return said(await world.call("POST", "/token", form=signed, headers=_proof(EC)))

    bearer = await held(world, apps, None)
    assert await outcome(**form(bearer)) == BAD
    await create_resource(world.instance, world.acme.org, "https://strict.test/", "read", CLIENT, world.operator)
    theirs = await exchanged(world, apps["agent"], bearer)
    assert await outcome(**form(theirs)) == BAD
    addressed = (await own(world, apps["app"], scope="read", resource="https://strict.test/")).json()["access_token"]
    assert await outcome(**form(addressed)) == GOOD
