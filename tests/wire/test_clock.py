"""A clock that is wrong for a while: it revokes nothing, revives nothing that was revoked, and does no harm that stays."""

import pytest

from .world import DAY, World

STEPS = (-40 * 365 * DAY, -DAY, -3600, -1, 1, 3600, DAY)
"""What a clock may be off by: as far as having lost the date altogether."""


@pytest.mark.parametrize("step", STEPS)
async def test_grants_outlive_a_wrong_clock(world: World, step: int) -> None:
    """Used while it is wrong and when it is right again, with the current token and with the previous one."""
    clients = (world.acme.web, world.acme.native)
    pairs = [await world.tokens(client) for client in clients]
    idle = [await world.tokens(client) for client in clients]
    world.clock.forward(step)
    pairs = [await world.refreshed(pair.refresh_token) for pair in pairs]
    retried = [await world.refreshed(pair.refresh_token) for pair in (*pairs, *pairs)]
    assert len({pair.refresh_token for pair in retried}) == len(clients)
    assert [await world.is_active(pair.access_token) for pair in retried] == [True] * len(retried)
    world.clock.forward(-step)
    for pair in (*retried[:2], *idle):
        await world.refreshed(pair.refresh_token)


@pytest.mark.parametrize("step", STEPS)
async def test_what_was_revoked_or_replayed_stays_so(world: World, step: int) -> None:
    revoked, replayed = await world.tokens(), await world.tokens()
    assert (await world.revoke(revoked.refresh_token)).status_code == 200
    second = await world.refreshed(replayed.refresh_token)
    await world.refreshed(second.refresh_token)
    assert (await world.refresh(replayed.refresh_token)).status_code == 401
    for seconds in (step, -step):
        world.clock.forward(seconds)
        for pair in (revoked, replayed, second):
            assert (await world.refresh(pair.refresh_token)).status_code == 401
            assert not await world.is_active(pair.access_token)


async def test_a_clock_that_ran_ahead_has_swept_nothing_that_was_alive(world: World) -> None:
    pairs = [await world.tokens() for _ in range(20)]
    world.clock.forward(96 * DAY)
    for _ in range(100):
        await world.tokens()
    world.clock.forward(-96 * DAY)
    for pair in pairs:
        await world.refreshed(pair.refresh_token)


async def test_a_key_or_secret_that_expired_is_good_at_no_time_after_its_end(world: World) -> None:
    key, _ = await world.make_key(world.acme.org, expires_at=world.clock.now + DAY)
    assert (await world.verify(by=f"Bearer {key}")).status_code == 200
    for step in (2 * DAY, 3600, -7200):
        world.clock.forward(step)
        assert (await world.verify(by=f"Bearer {key}")).status_code == 401
