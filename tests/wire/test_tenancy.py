"""Two organizations with equal names in one database: neither is ever seen from the other. TN-* of what must not happen."""

import asyncio

from gatepost.flows.resources import create_resource, drop_resource
from gatepost.secrets import REFRESH_TOKEN, parse_text, render_text

from .world import RESOURCE, Caller, Client, Tenant, World, claims_of


def others(world: World) -> list[tuple[Tenant, Tenant]]:
    return [(world.acme, world.beta), (world.beta, world.acme)]


async def test_a_pair_of_the_other_organization_is_unknown(world: World) -> None:
    for here, there in others(world):
        for client in (there.web, there.native, there.api):
            response = await world.verify(client, here)
            unknown = await world.verify(client._replace(client_id="nobody"), here)
            assert response.status_code == 401
            assert response.json() | {"event_id": ""} == unknown.json() | {"event_id": ""}


async def test_a_url_registered_by_the_other_organization_is_not_registered_here(world: World) -> None:
    pair = {"client_id": world.beta.web.client_id, "redirection_url": "https://only.beta.test/cb"}
    await world.call("POST", "/", world.beta, json=pair)
    response = await world.verify(redirection_url="https://only.beta.test/cb")
    assert response.status_code == 400
    assert response.json()["registered"] == [world.acme.web.redirect]


async def test_a_member_of_the_other_organization_alone_is_nobody(world: World) -> None:
    for here, there in others(world):
        assert (await world.verify(here.web, here, user_id=there.bob)).json()["error"] == "invalid_user"
        assert (await world.verify(here.web, here, user_id=here.bob)).status_code == 200


async def test_a_member_of_both_has_tokens_of_each_apart(world: World) -> None:
    assert world.acme.ann == world.beta.ann
    claims = [
        claims_of((await world.tokens(here.web, here, user_id=here.ann)).access_token) for here, _ in others(world)
    ]
    assert [each["org"] for each in claims] == [world.acme.id, world.beta.id]
    assert claims[0]["sub"] == claims[1]["sub"]


async def test_equal_resources_are_two(world: World) -> None:
    pairs = [await world.tokens(here.web, here, resource=RESOURCE) for here, _ in others(world)]
    assert {claims_of(pair.access_token)["aud"] for pair in pairs} == {RESOURCE}
    for (here, there), pair in zip(others(world), pairs, strict=True):
        assert await world.is_active(pair.access_token, here.api)
        assert not await world.is_active(pair.access_token, there.api)
    await drop_resource(world.instance, world.acme.org, RESOURCE, world.operator)
    assert (await world.refresh(pairs[0].refresh_token)).status_code == 401
    await world.refreshed(pairs[1].refresh_token)


async def test_a_resource_of_the_other_organization_is_unknown(world: World) -> None:
    await create_resource(world.instance, world.beta.org, "https://only.beta.test/", "read", None, world.operator)
    response = await world.verify(resource="https://only.beta.test/")
    assert response.json()["error"] == "invalid_target"
    assert "beta" not in response.text


async def test_nobody_of_the_other_organization_sees_or_ends_a_token(world: World) -> None:
    for here, there in others(world):
        pair = await world.tokens(here.web, here)
        strangers: tuple[Caller, ...] = (there, there.web, there.api)
        for by in strangers:
            for token in pair:
                assert not await world.is_active(token, by)
                assert (await world.revoke(token, by)).status_code == 400
                assert await world.is_active(token, here)


async def test_a_refresh_token_moved_to_the_other_organization_is_nothing(world: World) -> None:
    """The organization stands in the token; changing it there breaks the token's own seal."""
    pair = await world.tokens()
    payload = parse_text(REFRESH_TOKEN, pair.refresh_token)
    assert payload is not None
    assert payload[2:18] == world.acme.org
    forged = render_text(REFRESH_TOKEN, payload[:2] + world.beta.org + payload[18:])
    assert (await world.refresh(world.canary.watch(forged))).status_code == 401
    await world.refreshed(pair.refresh_token)


async def test_each_has_its_own_events(world: World) -> None:
    before = {here.org: len(await world.events(here.org)) for here, _ in others(world)}
    for here, _ in others(world):
        await world.tokens(here.web, here)
        await world.verify(here.web._replace(client_id="nobody"), here)
    for here, _ in others(world):
        events = (await world.events(here.org))[before[here.org] :]
        assert [event.type for event in events] == ["grant.made", "request.refused"]
        assert {event.actor for event in events} == {here.key_id}


async def test_requests_side_by_side_are_never_mixed_up(world: World) -> None:
    async def once(here: Tenant, number: int) -> None:
        client = Client(f"own-{here.id}-{number % 5}", "", f"https://{here.id.replace('_', '-')}.test/{number}")
        pair = {"client_id": client.client_id, "redirection_url": client.redirect}
        saved = await world.call("POST", "/", here, json=pair)
        assert saved.json()["result"]["redirection_url"] == client.redirect
        tokens = await world.tokens(client, here)
        claims = claims_of((await world.refreshed(tokens.refresh_token)).access_token)
        assert (claims["org"], claims["client_id"], claims["sub"]) == (here.id, client.client_id, here.id)
        assert (await world.introspect(tokens.access_token, here)).json()["org"] == here.id

    await asyncio.gather(*(once(here, number) for number in range(50) for here, _ in others(world)))
