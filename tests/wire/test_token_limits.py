"""Limits of tokens at `/check`: of a grant, an app, an organization, counted in one process. RFC 6585 §4."""

import re
from typing import Any, NamedTuple

import httpx
import pytest

from gatepost.secrets import parse_id
from gatepost.store.apps import find_app
from gatepost.store.limits import limit_app, limit_grant, limit_org

from .conftest import OpenWorld
from .exchanging import exchanged, make_agent, own
from .test_check import IDENTITY, check, why_not
from .test_usage import counted
from .world import World, claims_of

ON = {"limits.enabled": "true"}


@pytest.fixture
async def world(open_world: OpenWorld) -> World:
    return await open_world(ON)


async def limit(world: World, *, grant: str | None = None, app: int | None = None, org: int | None = None) -> None:
    """Set the limits of Acme and of its web app; of the grant of a token, to one request a minute."""
    ask, acme = world.instance.store.ask, world.acme.org
    before = await world.instance.store.read(find_app(acme, "web-acme"))
    assert before
    await ask(limit_app(acme, "web-acme", before.rate_limit, app, world.act))
    await ask(limit_org(acme, org, world.act))
    if grant:
        assert await ask(limit_grant(acme, parse_id("gnt", claims_of(grant)["gid"]) or b"", None, 1, world.act))


def check_limited(response: httpx.Response, name: str) -> None:
    assert (response.status_code, response.json()["error"]) == (429, "too_many_requests")
    assert response.json()["limit"] == name
    assert 1 <= int(response.headers["retry-after"]) <= 60
    assert not [header for header in IDENTITY if header in response.headers]


async def test_what_passes_says_what_is_left(world: World) -> None:
    token = (await world.tokens()).access_token
    assert "ratelimit" not in (await check(world, token)).headers
    await limit(world, app=600, org=6000)
    response = await check(world, token)
    assert response.status_code == 204
    assert response.headers["ratelimit-policy"] == '"app";q=600;w=60, "org";q=6000;w=60'
    assert response.headers["ratelimit"] == '"app";r=599;t=1, "org";r=5999;t=1'
    assert [name for name in IDENTITY if name not in response.headers] == []


async def test_a_grant_is_limited_by_itself(world: World) -> None:
    one, other = (await world.tokens()).access_token, (await world.tokens()).access_token
    await limit(world, grant=one)
    assert (await check(world, one)).status_code == 204
    refused = await check(world, one)
    check_limited(refused, "grant")
    assert refused.headers["ratelimit-policy"] == '"grant";q=1;w=60'
    assert re.fullmatch(r'"grant";r=0;t=(60|5\d)', refused.headers["ratelimit"])
    assert (await check(world, other)).status_code == 204


async def test_an_app_is_limited_whatever_its_grants(world: World) -> None:
    tokens = [(await world.tokens()).access_token for _ in range(4)]
    await limit(world, app=3)
    answers = [await check(world, token) for token in tokens]
    assert [answer.status_code for answer in answers[:3]] == [204, 204, 204]
    check_limited(answers[3], "app")
    other = (await world.tokens(world.acme.native)).access_token
    assert (await check(world, other)).status_code == 204


async def test_an_organization_is_limited_with_all_its_apps_and_nobody_else_is(world: World) -> None:
    form = {"grant_type": "client_credentials"}
    await limit(world, org=2)
    service = (await world.call("POST", "/token", world.acme.api, form=form)).json()["access_token"]
    token = (await world.tokens()).access_token
    assert [(await check(world, each)).status_code for each in (service, token)] == [204, 204]
    for each in (service, token):
        check_limited(await check(world, each), "org")
    theirs = (await world.tokens(world.beta.web, world.beta)).access_token
    assert (await check(world, theirs)).status_code == 204


async def test_a_limit_holds_for_tokens_that_were_there_before(world: World) -> None:
    token = (await world.tokens()).access_token
    assert "limits" not in claims_of(token)
    await limit(world, app=1)
    assert [(await check(world, token)).status_code for _ in range(2)] == [204, 429]
    await limit(world)
    assert {(await check(world, token)).status_code for _ in range(5)} == {204}


async def test_the_next_token_says_the_limits(world: World) -> None:
    pair = await world.tokens()
    await limit(world, grant=pair.access_token, app=600, org=6000)
    assert claims_of((await world.refreshed(pair.refresh_token)).access_token)["limits"] == {
        "grant": 1,
        "app": 600,
        "org": 6000,
    }
    assert claims_of((await world.tokens()).access_token)["limits"] == {"app": 600, "org": 6000}
    form = {"grant_type": "client_credentials"}
    service = (await world.call("POST", "/token", world.acme.api, form=form)).json()["access_token"]
    assert claims_of(service)["limits"] == {"org": 6000}


async def test_only_what_passes_is_counted(world: World) -> None:
    token = (await world.tokens(scope="read")).access_token
    await limit(world, grant=token)
    for _ in range(3):
        assert (await check(world, token, scope="write")).status_code == 403
        assert (await check(world, token, audience="https://other.test")).status_code == 401
    assert (await check(world, token)).status_code == 204
    # Policy last: who may not pass at all is told that, not to come again.
    assert why_not(await check(world, token, scope="write"))[0] == 403
    await world.revoke(token)
    assert (await check(world, token)).status_code == 401


async def test_where_limits_are_off_there_are_none(open_world: Any) -> None:
    world: World = await open_world({"limits.enabled": "false"})
    token = (await world.tokens()).access_token
    await limit(world, grant=token)
    assert {(await check(world, token)).status_code for _ in range(5)} == {204}


async def test_a_refusal_is_remembered_where_it_happened(world: World) -> None:
    token = (await world.tokens()).access_token
    await limit(world, grant=token)
    for _ in range(5):
        await check(world, token)
    await world.settle()
    (event, *_) = await world.events(world.acme.org, "request.refused")
    assert event.result == "too_many_requests"


class Links(NamedTuple):
    """Tokens of Ann's app, of an agent that it let act, and of one behind that."""

    first: str
    second: str
    third: str


async def linked(world: World, *rates: int | None) -> Links:
    """Such tokens; each app is limited to so much, if to anything."""
    agents = [await make_agent(world, name) for name in ("agent", "second")]
    for name, rate in zip(("web-acme", "agent", "second"), rates, strict=True):
        await world.instance.store.ask(limit_app(world.acme.org, name, None, rate, world.act))
    first = (await world.tokens(user_id=world.acme.ann)).access_token
    second = await exchanged(world, agents[0], first)
    return Links(first, second, await exchanged(world, agents[1], second))


@pytest.mark.parametrize(
    ("rates", "said"),
    [
        ((None, None, None), None),
        ((2, None, None), {"via:web-acme": 2}),
        ((None, 2, None), {"via:agent": 2}),
        ((None, None, 2), {"app": 2}),
        ((9, 8, 2), {"app": 2, "via:agent": 8, "via:web-acme": 9}),
        ((2, 8, 9), {"app": 9, "via:agent": 8, "via:web-acme": 2}),
    ],
)
async def test_an_exchanged_token_is_held_to_the_limit_of_each_app_it_came_through(
    world: World, rates: tuple[int | None, ...], said: dict[str, int] | None
) -> None:
    third = (await linked(world, *rates)).third
    assert claims_of(third).get("limits") == said
    assert [(await check(world, third)).status_code for _ in range(3)] == [204, 204, 429 if said else 204]
    if said:
        least = min(said, key=lambda name: said[name])
        refused = await check(world, third)
        check_limited(refused, least)
        assert f'"{least}";q=2;w=60' in refused.headers["ratelimit-policy"]


async def test_what_came_from_an_app_takes_from_its_bucket(world: World) -> None:
    links = await linked(world, 3, None, None)
    assert [(await check(world, each)).status_code for each in links] == [204, 204, 204]
    for text, name in zip(links, ("app", "via:web-acme", "via:web-acme"), strict=True):
        check_limited(await check(world, text), name)


async def test_an_app_that_exchanges_its_own_token_is_limited_once(world: World) -> None:
    agent = await make_agent(world)
    await world.instance.store.ask(limit_app(world.acme.org, "agent", None, 2, world.act))
    again = await exchanged(world, agent, await exchanged(world, agent, await own(world, agent)))
    assert claims_of(again)["limits"] == {"app": 2}
    assert [(await check(world, again)).status_code for _ in range(3)] == [204, 204, 429]


async def test_an_exchanged_token_is_held_to_the_grant_it_came_from(world: World) -> None:
    links = await linked(world, None, None, None)
    await limit(world, grant=links.first)
    assert [(await check(world, each)).status_code for each in links] == [204, 429, 429]
    check_limited(await check(world, links.third), "grant")


async def test_what_a_limit_keeps_out_is_not_told_as_passed(world: World) -> None:
    token = (await world.tokens()).access_token
    await limit(world, grant=token)
    assert [(await check(world, token)).status_code for _ in range(3)] == [204, 429, 429]
    found = await counted(world, world.acme.org, world.acme.web)
    assert found[("passed", "check")] == 1
