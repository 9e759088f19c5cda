"""`POST /revoke`: the end of a grant, and so of every token of it. RFC 7009; RI-* of what must not happen."""

import httpx
import pytest

from gatepost.store.question import INSTANCE

from .world import Pair, World


async def is_alive(world: World, pair: Pair) -> bool:
    """Whether a grant lives; its access token, its refresh token and its refresh have to agree."""
    signs = {
        await world.is_active(pair.access_token),
        await world.is_active(pair.refresh_token),
        (await world.refresh(pair.refresh_token)).status_code == 200,
    }
    assert len(signs) == 1
    return signs.pop()


@pytest.mark.parametrize("kind", [0, 1], ids=["access token", "refresh token"])
@pytest.mark.parametrize("hint", ["", "access_token", "refresh_token", "nonsense"])
async def test_either_token_ends_the_whole_grant(world: World, kind: int, hint: str) -> None:
    pair = await world.tokens()
    response = await world.revoke(pair[kind], world.acme.web, token_type_hint=hint)
    assert (response.status_code, response.content) == (200, b"")
    assert "content-type" not in response.headers
    assert response.headers["cache-control"] == "no-store"
    assert not await is_alive(world, pair)


async def test_every_token_that_the_grant_ever_gave_ends(world: World) -> None:
    pairs = [await world.tokens()]
    for _ in range(3):
        pairs.append(await world.refreshed(pairs[-1].refresh_token))
    await world.revoke(pairs[1].access_token, world.acme.web)
    for pair in pairs:
        assert not await world.is_active(pair.access_token)
        assert (await world.refresh(pair.refresh_token)).status_code == 401


async def test_an_old_token_is_good_enough_to_end_with(world: World) -> None:
    first = await world.tokens()
    last = await world.refreshed((await world.refreshed(first.refresh_token)).refresh_token)
    await world.revoke(first.refresh_token, world.acme.web)
    assert not await is_alive(world, last)
    pair = await world.tokens()
    world.clock.forward(3600)
    await world.revoke(pair.access_token, world.acme.web)
    assert not await is_alive(world, pair)


async def test_it_ends_that_grant_alone(world: World) -> None:
    pair, other = await world.tokens(), await world.tokens()
    await world.revoke(pair.access_token, world.acme.web)
    assert await is_alive(world, other)


@pytest.mark.parametrize(
    "token", ["unknown", "gp_rt_" + "A" * 100, "a.b.c", "x" * 20_000, "é"], ids=lambda text: text[:9]
)
async def test_an_unknown_token_is_no_fault(world: World, token: str) -> None:
    for by in (world.acme, world.acme.web, world.acme.native):
        response = await world.revoke(token, by)
        assert (response.status_code, response.content) == (200, b"")
        assert "content-type" not in response.headers


async def test_ending_twice_is_no_fault_and_one_event(world: World) -> None:
    pair = await world.tokens()
    for _ in range(3):
        assert (await world.revoke(pair.refresh_token, world.acme.web)).status_code == 200
    (event,) = await world.events(world.acme.org, "grant.revoked")
    assert (event.actor, event.result, event.client_id) == ("app:web-acme", "ok", "web-acme")


async def test_a_public_app_needs_only_its_name(world: World) -> None:
    for kind in (0, 1):
        pair = await world.tokens(world.acme.native)
        assert (await world.revoke(pair[kind], world.acme.native)).status_code == 200
        assert not await is_alive(world, pair)


async def test_another_apps_token_is_refused_and_lives(world: World) -> None:
    pair, native = await world.tokens(), await world.tokens(world.acme.native)
    for victim, by in (
        (pair, world.acme.api),
        (pair, world.acme.native),
        (native, world.acme.web),
        (pair, world.beta.web),
        (pair, world.beta.native),
        (pair, world.beta),
    ):
        for token in victim:
            response = await world.revoke(token, by)
            assert response.status_code == 400
            assert response.json()["error"] == "invalid_grant"
    assert await is_alive(world, pair)
    assert await is_alive(world, native)
    assert await world.events(world.acme.org, "grant.revoked") == []


async def test_a_token_of_another_client_tells_nothing_of_its_owner(world: World) -> None:
    pair = await world.tokens()
    for by in (world.acme.api, world.beta.web):
        response = await world.revoke(pair.access_token, by)
        assert set(response.json()) == {"error", "error_description", "event_id"}
        assert "web-acme" not in response.text


async def test_a_key_with_the_power_may_end_what_its_organization_has(world: World) -> None:
    for client in (world.acme.web, world.acme.native):
        pair = await world.tokens(client)
        key, _ = await world.make_key(world.acme.org, ("grants:revoke",))
        assert (await world.revoke(pair.access_token, f"Bearer {key}")).status_code == 200
        assert not await is_alive(world, pair)


async def test_a_key_without_the_power_may_not(world: World) -> None:
    pair = await world.tokens()
    key, _ = await world.make_key(world.acme.org, ("apps:write", "tokens:issue", "tokens:introspect", "grants:read"))
    response = await world.revoke(pair.access_token, f"Bearer {key}")
    assert response.status_code == 403
    assert response.json()["error"] == "insufficient_scope"
    assert 'scope="grants:revoke"' in response.headers["www-authenticate"]
    assert await is_alive(world, pair)


async def test_a_key_of_the_whole_instance_may_end_any(world: World) -> None:
    key, _ = await world.make_key(INSTANCE)
    for tenant in (world.acme, world.beta):
        pair = await world.tokens(tenant.web, tenant)
        assert (await world.revoke(pair.access_token, f"Bearer {key}")).status_code == 200
        assert not await is_alive(world, pair)


async def test_it_is_asked_by_post_and_in_the_body_alone(world: World) -> None:
    pair = await world.tokens()
    assert (await world.call("GET", f"/revoke?token={pair.access_token}", world.acme)).status_code == 405
    response = await world.call("POST", f"/revoke?token={pair.access_token}", world.acme, form={})
    assert response.status_code == 400
    assert await is_alive(world, pair)


async def test_code_of_a_browser_may_ask_and_read_the_answer_and_the_refusal(world: World) -> None:
    pair = await world.tokens(world.acme.native)
    answers: list[httpx.Response] = []
    for token, by in ((pair.access_token, world.acme.web), (pair.access_token, world.acme.native)):
        form = {"token": token, "client_id": by.client_id}
        headers = {"origin": "https://spa.test"}
        answers.append(await world.call("POST", "/revoke", form=form, headers=headers))
    assert [answer.status_code for answer in answers] == [401, 200]
    assert {answer.headers["access-control-allow-origin"] for answer in answers} == {"*"}
