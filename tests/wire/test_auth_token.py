"""`GET /auth_token`, the first route of the seed: the organization's identifier."""

import asyncio
import re

import pytest

from .world import World

PREFIXES = ("", "/api/auth")


@pytest.mark.parametrize("prefix", PREFIXES)
async def test_it_has_fourteen_letters_and_digits(world: World, prefix: str) -> None:
    response = await world.call("GET", f"{prefix}/auth_token", world.acme)
    assert response.status_code == 200
    assert list(response.json()) == ["auth_token"]
    assert re.fullmatch(r"[A-Za-z0-9]{14}", response.json()["auth_token"])
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"


async def test_it_is_the_same_ever_after_and_at_both_places(world: World) -> None:
    answers = [await world.call("GET", f"{prefix}/auth_token", world.acme) for prefix in PREFIXES * 2]
    assert len({answer.json()["auth_token"] for answer in answers}) == 1


async def test_two_first_calls_at_once_get_one_value(world: World) -> None:
    answers = await asyncio.gather(*(world.call("GET", "/auth_token", world.acme) for _ in range(20)))
    assert len({answer.json()["auth_token"] for answer in answers}) == 1
    assert len(await world.events(world.acme.org, "org.auth_token_made")) == 1


async def test_organizations_have_different_ones(world: World) -> None:
    acme, beta = [await world.call("GET", "/auth_token", by) for by in (world.acme, world.beta)]
    assert acme.json() != beta.json()


async def test_any_key_may_ask_whatever_its_powers(world: World) -> None:
    key, _ = await world.make_key(world.acme.org, ("grants:read",))
    assert (await world.call("GET", "/auth_token", f"Bearer {key}")).status_code == 200


async def test_it_opens_nothing(world: World) -> None:
    auth_token = (await world.call("GET", "/auth_token", world.acme)).json()["auth_token"]
    assert (await world.call("GET", "/auth_token", f"Bearer {auth_token}")).status_code == 401
    assert (await world.refresh(auth_token)).status_code == 401
    assert not await world.is_active(auth_token)
