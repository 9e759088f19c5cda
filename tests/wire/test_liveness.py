"""Disabling and revoking: at once, for everything below; enabling brings back, revoking is for good. TN-7, RI-7, RT-11."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import pytest

from gatepost.flows.api_keys import end_key
from gatepost.flows.grants import end_grants
from gatepost.secrets import parse_id
from gatepost.store.apps import delete_app, set_app_disabled
from gatepost.store.orgs import set_org_disabled
from gatepost.store.people import set_user_disabled

from .browser import Browser, answer_of, give_password, redeem
from .world import Pair, World


class Connections(NamedTuple):
    """Four connections that have different things in common."""

    web: Pair
    native: Pair
    bobs: Pair
    betas: Pair


async def connect(world: World) -> Connections:
    return Connections(
        web=await world.tokens(),
        native=await world.tokens(world.acme.native),
        bobs=await world.tokens(world.acme.native, user_id=world.acme.bob),
        betas=await world.tokens(world.beta.web, world.beta),
    )


async def alive(world: World, connections: Connections) -> set[str]:
    """The connections that live. Whoever asks has to hear the same: refresh, introspection of both, by anyone who may."""
    living = set()
    for name, pair in connections._asdict().items():
        tenant = world.beta if name == "betas" else world.acme
        signs = {
            await world.is_active(pair.access_token, world.gateway),
            await world.is_active(pair.refresh_token, world.gateway),
            (await world.refresh(pair.refresh_token)).status_code == 200,
        }
        assert len(signs) == 1, name
        if signs.pop():
            living.add(name)
            assert await world.is_active(pair.access_token, tenant)
    return living


Act = Callable[[World], Awaitable[object]]


async def disable_org(world: World, disabled: bool) -> None:
    await world.instance.store.ask(set_org_disabled(world.acme.org, disabled, world.act))


async def disable_web(world: World, disabled: bool) -> None:
    await world.instance.store.ask(set_app_disabled(world.acme.org, world.acme.web.client_id, disabled, world.act))


async def disable_native(world: World, disabled: bool) -> None:
    await world.instance.store.ask(set_app_disabled(world.acme.org, world.acme.native.client_id, disabled, world.act))


async def disable_bob(world: World, disabled: bool) -> None:
    await world.instance.store.ask(set_user_disabled(raw(world.acme.bob, "usr"), disabled, world.act))


@pytest.mark.parametrize(
    ("disable", "left"),
    [
        (disable_org, {"betas"}),
        (disable_web, {"native", "bobs", "betas"}),
        (disable_native, {"web", "betas"}),
        (disable_bob, {"web", "native", "betas"}),
    ],
)
async def test_what_is_disabled_is_refused_at_once_and_enabling_brings_it_back(
    world: World, disable: Callable[[World, bool], Awaitable[None]], left: set[str]
) -> None:
    connections = await connect(world)
    everything = set(Connections._fields)
    for _ in range(2):
        await disable(world, True)
        assert await alive(world, connections) == left
        await disable(world, False)
        assert await alive(world, connections) == everything


async def revoke_org(world: World) -> None:
    await end_grants(world.instance, world.acme.org, None, None, world.operator)


async def revoke_web(world: World) -> None:
    await end_grants(world.instance, world.acme.org, world.acme.web.client_id, None, world.operator)


async def revoke_bob(world: World) -> None:
    await end_grants(world.instance, world.acme.org, None, raw(world.acme.bob, "usr"), world.operator)


async def revoke_bobs_native(world: World) -> None:
    bob = raw(world.acme.bob, "usr")
    await end_grants(world.instance, world.acme.org, world.acme.native.client_id, bob, world.operator)


async def delete_web(world: World) -> None:
    await world.instance.store.ask(delete_app(world.acme.org, world.acme.web.client_id, world.act))


async def revoke_key(world: World) -> None:
    await end_key(world.instance, world.acme.org, world.acme.key_id, world.operator, keep_grants=False)


@pytest.mark.parametrize(
    ("revoke", "left"),
    [
        (revoke_org, {"betas"}),
        (revoke_web, {"native", "bobs", "betas"}),
        (revoke_bob, {"web", "native", "betas"}),
        (revoke_bobs_native, {"web", "native", "betas"}),
        (delete_web, {"native", "bobs", "betas"}),
    ],
)
async def test_what_is_revoked_is_refused_at_once_and_for_good(world: World, revoke: Act, left: set[str]) -> None:
    connections = await connect(world)
    await revoke(world)
    assert await alive(world, connections) == left
    for disable in (disable_org, disable_web, disable_native, disable_bob):
        await disable(world, True)
        await disable(world, False)
    assert await alive(world, connections) == left
    assert (await world.verify(world.acme.native)).status_code == 200, "what comes after lives"
    assert await alive(world, await connect_again(world, connections)) >= left


@pytest.mark.parametrize("revoke", [revoke_org, revoke_web, revoke_bob])
async def test_what_was_approved_before_becomes_no_grant(world: World, revoke: Act) -> None:
    await give_password(world, world.acme.bob)
    browser = Browser(world)
    early = (await browser.allow(world.acme.web, "bob@acme.test"))["code"]
    await revoke(world)
    refused = await redeem(world, world.acme.web, early)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    late = answer_of((await browser.authorize(world.acme.web)).headers["location"])["code"]
    assert (await redeem(world, world.acme.web, late)).status_code == 200, "what is approved after lives"
    assert (await redeem(world, world.acme.web, early)).status_code == 400


async def connect_again(world: World, connections: Connections) -> Connections:
    return connections._replace(
        native=await world.tokens(world.acme.native), bobs=await world.tokens(world.acme.native, user_id=world.acme.bob)
    )


async def test_an_app_made_again_under_its_name_inherits_nothing(world: World) -> None:
    pair = await world.tokens()
    await delete_web(world)
    made = {"client_id": world.acme.web.client_id, "redirection_url": world.acme.web.redirect}
    assert (await world.call("POST", "/", world.acme, json=made)).json()["result"]["is_new"] is True
    assert not await world.is_active(pair.access_token)
    assert (await world.refresh(pair.refresh_token)).status_code == 401
    assert (await world.introspect(pair.access_token, world.acme.web)).status_code == 401, "its secret is gone too"


async def test_a_revoked_key_is_refused_and_ends_the_grants_it_made(world: World) -> None:
    key, key_id = await world.make_key(world.acme.org)
    of_key, other = await world.tokens(by=f"Bearer {key}"), await world.tokens()
    await end_key(world.instance, world.acme.org, key_id, world.operator, keep_grants=False)
    assert (await world.verify(by=f"Bearer {key}")).status_code == 401
    assert not await world.is_active(of_key.access_token)
    assert (await world.refresh(of_key.refresh_token)).status_code == 401
    assert await world.is_active(other.access_token)


async def test_a_planned_change_of_keys_keeps_the_grants(world: World) -> None:
    key, key_id = await world.make_key(world.acme.org)
    pair = await world.tokens(by=f"Bearer {key}")
    await end_key(world.instance, world.acme.org, key_id, world.operator, keep_grants=True)
    assert (await world.call("GET", "/auth_token", f"Bearer {key}")).status_code == 401
    assert await world.is_active(pair.access_token)
    await world.refreshed(pair.refresh_token)


async def test_a_disabled_organization_has_no_callers(world: World) -> None:
    await disable_org(world, True)
    pair = {"client_id": world.acme.web.client_id, "redirection_url": world.acme.web.redirect}
    for method, path in (("GET", "/auth_token"), ("POST", "/"), ("POST", "/verify")):
        assert (await world.call(method, path, world.acme, json=pair)).status_code == 401
    assert (await world.call("GET", "/auth_token", world.beta)).status_code == 200
    for by in (world.acme, world.acme.web, world.acme.native):
        assert (await world.call("POST", "/revoke", by, form={"token": "x"})).status_code == 401
    await disable_org(world, False)
    for by in (world.acme, world.acme.web, world.acme.native):
        assert (await world.call("POST", "/revoke", by, form={"token": "x"})).status_code == 200


async def test_a_revocation_is_durable_before_it_is_answered(world: World) -> None:
    """What another process would see at the moment of the answer."""
    pair = await world.tokens()
    await world.revoke(pair.access_token, world.acme.web)
    other = await world.again()
    assert not await other.is_active(pair.access_token)
    assert (await other.refresh(pair.refresh_token)).status_code == 401


def raw(id: str, prefix: str) -> bytes:
    found = parse_id(prefix, id)
    assert found is not None
    return found
