"""How `POST /refresh` refuses: in one way, whatever the reason, and moving nothing."""

import asyncio
from collections import Counter

import httpx
import pytest

from gatepost.errors import OAuthError
from gatepost.flows.refresh import refresh_checked
from gatepost.oauth.narrow import Issue
from gatepost.records import Grant
from gatepost.secrets import parse_id
from gatepost.store.apps import delete_app, set_app_disabled
from gatepost.store.orgs import set_org_disabled
from gatepost.store.people import set_user_disabled

from .test_refresh import generation
from .world import World


async def test_a_forged_token_moves_and_ends_nothing(world: World) -> None:
    pair = await world.tokens()
    text = pair.refresh_token
    for index in range(6, len(text), 3):
        forged = text[:index] + ("A" if text[index] != "A" else "B") + text[index + 1 :]
        assert (await world.refresh(forged)).status_code == 401
    assert await generation(world, pair.access_token) == 1
    await world.refreshed(text)


async def test_a_refusal_costs_its_neighbours_nothing(world: World) -> None:
    """What is refused shares a transaction with what is not, and undoes none of it: nobody is judged twice."""
    judged: Counter[bytes] = Counter()

    def check(grant: Grant) -> Issue:
        judged[grant.id] += 1
        return Issue(grant.scope, grant.resource)

    tokens = [(await world.tokens()).refresh_token for _ in range(4)]
    forged = [token[:-1] + ("A" if token[-1] != "A" else "B") for token in tokens]
    asked = [
        refresh_checked(world.instance, token, "", check) for pair in zip(tokens, forged, strict=True) for token in pair
    ]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [isinstance(answer, OAuthError) for answer in answers] == [False, True] * 4
    assert [*judged.values()] == [1] * 4


async def refused_in_every_way(world: World) -> list[httpx.Response]:
    """A refusal for each reason there is."""
    tokens = {
        name: await world.tokens()
        for name in ("revoked", "replayed", "of a disabled app", "of a deleted app", "expired", "idle")
    }
    person = await world.tokens(user_id=world.acme.bob)
    await world.revoke(tokens["revoked"].access_token)
    second = await world.refreshed(tokens["replayed"].refresh_token)
    await world.refreshed(second.refresh_token)
    doomed = await world.make_app(world.acme.org)
    orphan = await world.tokens(doomed)
    await world.instance.store.ask(delete_app(world.acme.org, doomed.client_id, world.act))
    short = await world.make_app(world.acme.org, grant_ttl=10)
    expired = await world.tokens(short)
    await world.instance.store.ask(set_user_disabled(parse_id("usr", world.acme.bob) or b"", True, world.act))
    world.clock.forward(10)
    answers = [
        await world.refresh(token)
        for token in (
            "nonsense",
            "gp_rt_",
            "gp_rt_" + "A" * 120,
            "x" * 10_000,
            tokens["revoked"].refresh_token,
            tokens["replayed"].refresh_token,
            second.refresh_token,
            orphan.refresh_token,
            expired.refresh_token,
            person.refresh_token,
            tokens["revoked"].access_token,
            world.acme.key,
            world.acme.web.secret,
            "é" * 50,
        )
    ]
    await world.instance.store.ask(set_app_disabled(world.acme.org, world.acme.web.client_id, True, world.act))
    answers.append(await world.refresh(tokens["of a disabled app"].refresh_token))
    await world.instance.store.ask(set_app_disabled(world.acme.org, world.acme.web.client_id, False, world.act))
    await world.instance.store.ask(set_org_disabled(world.acme.org, True, world.act))
    answers.append(await world.refresh(tokens["idle"].refresh_token))
    return answers


async def test_every_refusal_is_the_same(world: World) -> None:
    answers = await refused_in_every_way(world)
    first = answers[0].json()
    assert set(first) == {"success", "error", "message", "event_id"}
    assert (first["success"], first["error"]) == (False, "invalid_grant")
    for answer in answers:
        assert answer.status_code == 401
        assert answer.json() | {"event_id": ""} == first | {"event_id": ""}
        assert answer.headers["www-authenticate"] == answers[0].headers["www-authenticate"]
        assert [*answer.headers] == [*answers[0].headers]
    assert len({answer.json()["event_id"] for answer in answers}) == len(answers)


@pytest.mark.parametrize("token", [None, "", 5, ["gp_rt_"], {"a": 1}, True, "line\nbreak"], ids=str)
async def test_a_token_of_the_wrong_shape_is_a_bad_request(world: World, token: object) -> None:
    response = await world.call("POST", "/refresh", json={"refresh_token": token})
    assert response.status_code == 400
    assert response.json()["error"] == "invalid_request"
    assert response.json()["field"] == "refresh_token"


async def test_a_refused_refresh_never_moves_the_generation(world: World) -> None:
    pair = await world.tokens()
    await world.instance.store.ask(set_app_disabled(world.acme.org, world.acme.web.client_id, True, world.act))
    assert (await world.refresh(pair.refresh_token)).status_code == 401
    await world.instance.store.ask(set_app_disabled(world.acme.org, world.acme.web.client_id, False, world.act))
    assert await generation(world, pair.access_token) == 1
    await world.refreshed(pair.refresh_token)


async def test_a_replay_against_a_disabled_app_is_not_yet_a_replay(world: World) -> None:
    """Liveness comes before the write: whoever is refused for another reason changes nothing."""
    first = await world.tokens()
    third = await world.refreshed((await world.refreshed(first.refresh_token)).refresh_token)
    await world.instance.store.ask(set_app_disabled(world.acme.org, world.acme.web.client_id, True, world.act))
    assert (await world.refresh(first.refresh_token)).status_code == 401
    await world.instance.store.ask(set_app_disabled(world.acme.org, world.acme.web.client_id, False, world.act))
    await world.refreshed(third.refresh_token)
