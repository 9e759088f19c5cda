"""`POST /refresh`, the fourth route of the seed: rotation, the lost reply, replay, and the ends of a grant's life."""

import asyncio
from typing import Any

import pytest

from gatepost.flows.resources import drop_resource
from gatepost.light import replace
from gatepost.records import UNTIL_USED
from gatepost.store.apps import find_app, replace_app
from gatepost.store.grants import find_grant

from .conftest import OpenWorld
from .world import DAY, RESOURCE, Client, World, claims_of


async def generation(world: World, token: str) -> int:
    """Where the grant behind an access token stands."""
    grant = await world.instance.store.read(find_grant(world.acme.org, bytes.fromhex(claims_of(token)["gid"][4:])))
    assert grant is not None
    return grant.generation


@pytest.mark.parametrize("prefix", ["", "/api/auth"])
async def test_a_refresh_answers_the_next_pair(world: World, prefix: str) -> None:
    first = await world.tokens()
    response = await world.call("POST", f"{prefix}/refresh", json={"refresh_token": first.refresh_token})
    assert response.status_code == 200
    content = response.json()
    assert content.pop("access_token") != first.access_token
    assert content.pop("refresh_token") != first.refresh_token
    assert content == {
        "success": True,
        "message": "Access token refreshed successfully",
        "token_type": "Bearer",
        "expires_in": 600,
        "scope": "read write",
    }
    assert response.headers["cache-control"] == "no-store"


async def test_no_caller_is_needed_and_none_is_looked_at(world: World) -> None:
    pair = await world.tokens()
    for by in (None, world.acme, world.beta, "Bearer nonsense", "Basic !"):
        pair_answer = await world.refresh(pair.refresh_token, by=by)
        assert pair_answer.status_code == 200


# The lost reply.


async def test_a_lost_reply_is_answered_again_with_the_same_token(world: World) -> None:
    first = await world.tokens()
    lost = await world.refreshed(first.refresh_token)
    world.clock.forward(20 * DAY)
    again = await world.refreshed(first.refresh_token)
    assert again.refresh_token == lost.refresh_token
    assert again.access_token != lost.access_token
    assert await generation(world, first.access_token) == 2


async def test_fifty_at_once_get_one_successor(world: World) -> None:
    first = await world.tokens()
    pairs = await asyncio.gather(*(world.refreshed(first.refresh_token) for _ in range(50)))
    assert len({pair.refresh_token for pair in pairs}) == 1
    assert len({pair.access_token for pair in pairs}) == 50
    assert await generation(world, first.access_token) == 2
    assert len(await world.events(world.acme.org, "grant.first_used")) == 1


async def test_a_client_that_never_reads_a_new_token_goes_on_with_its_first(world: World) -> None:
    first = await world.tokens()
    for _ in range(100):
        world.clock.forward(3600)
        await world.refreshed(first.refresh_token)
    assert await generation(world, first.access_token) == 2


async def test_a_public_app_may_present_the_previous_token_for_a_minute(world: World) -> None:
    first = await world.tokens(world.acme.native)
    second = await world.refreshed(first.refresh_token)
    world.clock.forward(60)
    assert (await world.refreshed(first.refresh_token)).refresh_token == second.refresh_token
    world.clock.forward(1)
    assert (await world.refresh(first.refresh_token)).status_code == 401
    assert (await world.refresh(second.refresh_token)).status_code == 401, "the grant has ended"


async def test_a_retry_does_not_prolong_the_minute(world: World) -> None:
    first = await world.tokens(world.acme.native)
    await world.refreshed(first.refresh_token)
    for _ in range(3):
        world.clock.forward(20)
        await world.refreshed(first.refresh_token)
    world.clock.forward(1)
    assert (await world.refresh(first.refresh_token)).status_code == 401


@pytest.mark.parametrize(
    ("server", "app", "kind", "window"),
    [
        ("by_kind", None, "web", UNTIL_USED),
        ("by_kind", None, "native", 60),
        ("by_kind", None, "spa", 60),
        ("by_kind", 5, "web", 5),
        ("by_kind", UNTIL_USED, "native", UNTIL_USED),
        ("by_kind", 0, "web", 0),
        ("30", None, "web", 30),
        ("30", None, "native", 30),
        ("30", 5, "native", 5),
        ("30", UNTIL_USED, "web", UNTIL_USED),
        ("until_used", None, "native", UNTIL_USED),
        ("0", None, "web", 0),
    ],
)
async def test_the_window_is_the_apps_else_the_servers_else_by_kind(
    open_world: OpenWorld, server: str, app: int | None, kind: str, window: int
) -> None:
    world = await open_world({"tokens.retry_window": server})
    client = await world.make_app(world.acme.org, kind=kind, retry_window=app)
    first = await world.tokens(client)
    await world.refreshed(first.refresh_token)
    world.clock.forward(DAY if window == UNTIL_USED else window)
    await world.refreshed(first.refresh_token)
    world.clock.forward(1)
    assert (await world.refresh(first.refresh_token)).status_code == (200 if window == UNTIL_USED else 401)


# Replay.


async def test_a_replayed_token_ends_the_grant(world: World) -> None:
    first = await world.tokens()
    second = await world.refreshed(first.refresh_token)
    third = await world.refreshed(second.refresh_token)
    assert (await world.refresh(first.refresh_token)).status_code == 401
    for token in (first, second, third):
        assert (await world.refresh(token.refresh_token)).status_code == 401
        assert not await world.is_active(token.access_token)
        assert not await world.is_active(token.refresh_token)


async def test_three_rotations_within_a_second_and_then_a_replay(world: World) -> None:
    tokens = [await world.tokens()]
    for _ in range(3):
        tokens.append(await world.refreshed(tokens[-1].refresh_token))
    assert (await world.refresh(tokens[1].refresh_token)).status_code == 401
    assert (await world.refresh(tokens[3].refresh_token)).status_code == 401


async def test_a_replay_is_one_event_that_the_answer_names(world: World) -> None:
    first = await world.tokens()
    second = await world.refreshed(first.refresh_token)
    await world.refreshed(second.refresh_token)
    response = await world.refresh(first.refresh_token)
    (event,) = await world.events(world.acme.org, "grant.replayed")
    assert response.json()["event_id"] == "evt_" + event.id.hex()
    assert (event.result, event.client_id, event.address) == ("refused", "web-acme", "192.0.2.1")
    assert "gnt_" + (event.grant_id or b"").hex() == claims_of(first.access_token)["gid"]


async def test_a_replay_ends_that_grant_alone(world: World) -> None:
    other = await world.tokens()
    first = await world.tokens()
    second = await world.refreshed(first.refresh_token)
    await world.refreshed(second.refresh_token)
    await world.refresh(first.refresh_token)
    await world.refreshed(other.refresh_token)


# The ends of a grant's life.


async def test_a_grant_that_is_not_used_ends_after_thirty_days(world: World) -> None:
    pair = await world.tokens()
    world.clock.forward(30 * DAY - 1)
    pair = await world.refreshed(pair.refresh_token)
    world.clock.forward(30 * DAY)
    assert (await world.refresh(pair.refresh_token)).status_code == 401


async def test_a_grant_ends_after_ninety_days_however_often_it_is_used(world: World) -> None:
    pair = await world.tokens()
    for _ in range(89):
        world.clock.forward(DAY)
        pair = await world.refreshed(pair.refresh_token)
    world.clock.forward(DAY - 1)
    response = await world.refresh(pair.refresh_token)
    assert response.json()["expires_in"] == 1, "an access token never outlives its grant"
    world.clock.forward(1)
    assert (await world.refresh(response.json()["refresh_token"])).status_code == 401


async def test_introspection_does_not_keep_a_grant_alive(world: World) -> None:
    pair = await world.tokens()
    for _ in range(30):
        world.clock.forward(DAY)
        await world.is_active(pair.refresh_token)
    assert (await world.refresh(pair.refresh_token)).status_code == 401


async def test_an_app_may_have_lifetimes_of_its_own(world: World) -> None:
    client = await world.make_app(world.acme.org, access_ttl=7, grant_idle_ttl=100, grant_ttl=150)
    response = await world.verify(client)
    assert response.json()["expires_in"] == 7
    world.clock.forward(99)
    pair = await world.refreshed(response.json()["refresh_token"])
    world.clock.forward(51)
    assert (await world.refresh(pair.refresh_token)).status_code == 401
    pair = await world.tokens(client)
    world.clock.forward(100)
    assert (await world.refresh(pair.refresh_token)).status_code == 401


async def test_the_server_may_have_lifetimes_of_its_own(open_world: OpenWorld) -> None:
    world = await open_world({"tokens.access_ttl": "5s", "tokens.grant_idle_ttl": "1m", "tokens.grant_ttl": "90s"})
    response = await world.verify()
    assert response.json()["expires_in"] == 5
    world.clock.forward(59)
    pair = await world.refreshed(response.json()["refresh_token"])
    world.clock.forward(31)
    assert (await world.refresh(pair.refresh_token)).status_code == 401


async def test_a_clock_that_steps_back_ends_and_revives_nothing(world: World) -> None:
    alive, spent = await world.tokens(), await world.tokens()
    spent_next = await world.refreshed((await world.refreshed(spent.refresh_token)).refresh_token)
    await world.refresh(spent.refresh_token)
    world.clock.forward(-DAY)
    alive = await world.refreshed(alive.refresh_token)
    assert (await world.refresh(spent_next.refresh_token)).status_code == 401
    world.clock.forward(DAY)
    await world.refreshed(alive.refresh_token)


# What a refresh may have.


async def change(world: World, client: Client, **changes: Any) -> None:
    app = await world.instance.store.read(find_app(world.acme.org, client.client_id))
    assert app is not None
    await world.instance.store.ask(replace_app(replace(app, **changes), world.act))


async def test_a_scope_lowered_later_lowers_the_next_token(world: World) -> None:
    pair = await world.tokens()
    await change(world, world.acme.web, scope="read")
    response = await world.refresh(pair.refresh_token)
    assert response.json()["scope"] == "read"
    assert claims_of(response.json()["access_token"])["scope"] == "read"
    assert (await world.introspect(pair.access_token)).json()["scope"] == "read"
    await change(world, world.acme.web, scope="read write more")
    assert (await world.refresh(pair.refresh_token)).json()["scope"] == "read write", "and never more than was granted"


async def test_a_deleted_resource_ends_what_was_for_it(world: World) -> None:
    pair = await world.tokens(resource=RESOURCE)
    other = await world.tokens()
    await drop_resource(world.instance, world.acme.org, RESOURCE, world.operator)
    assert (await world.refresh(pair.refresh_token)).status_code == 401
    await world.refreshed(other.refresh_token)


async def test_further_members_are_ignored(world: World) -> None:
    pair = await world.tokens()
    members = {
        "refresh_token": pair.refresh_token,
        "scope": "admin",
        "resource": "https://other.test/",
        "user_id": world.beta.bob,
        "client_id": world.beta.web.client_id,
        "org_id": world.beta.id,
        "grant_type": "password",
    }
    response = await world.call("POST", "/refresh", json=members)
    assert response.json()["scope"] == "read write"
    before, after = claims_of(pair.access_token), claims_of(response.json()["access_token"])
    assert {**after, "jti": ""} == {**before, "jti": ""}
