"""Usage as it is counted: what was issued, refused and looked at, of which app, and how long it took."""

import asyncio
from itertools import count

import pytest

from gatepost.errors import StoreUnavailableError
from gatepost.flows import counting, duties
from gatepost.flows.counting import time_of, took
from gatepost.flows.duties import Duties
from gatepost.flows.usage import Period, latency_of, period_of, usage_of, usage_of_apps
from gatepost.store import usage
from gatepost.store.question import INSTANCE
from gatepost.store.usage import HOUR, KEPT, MINUTE

from .world import ADDRESS, DAY, ISSUER, Client, World


async def counted(world: World, org: bytes, app: Client | None = None) -> dict[tuple[str, str], int]:
    """How often what was counted, of an organization or one app of it."""
    await world.instance.counts.flush()
    points = await usage_of(world.instance, org, today(world), world.operator, app.client_id if app else None)
    return {(each.kind, each.name): each.times for each in points}


def today(world: World) -> Period:
    return period_of(DAY, world.clock())


async def test_what_is_issued_is_counted_by_grant_type(world: World) -> None:
    pair = await world.tokens()
    pair = await world.refreshed(pair.refresh_token)
    form = {"grant_type": "refresh_token", "refresh_token": pair.refresh_token}
    assert (await world.call("POST", "/token", world.acme.web, form=form)).status_code == 200
    form = {"grant_type": "client_credentials"}
    assert (await world.call("POST", "/token", world.acme.api, form=form)).status_code == 200
    verified, refreshed = ("issued", "verify"), ("issued", "refresh_token")
    assert await counted(world, world.acme.org, world.acme.web) == {verified: 1, refreshed: 2}
    assert await counted(world, world.acme.org, world.acme.api) == {("issued", "client_credentials"): 1}
    assert await counted(world, world.beta.org) == {}


async def test_what_is_refused_is_counted_by_its_code(world: World) -> None:
    pair = await world.tokens()
    await world.revoke(pair.refresh_token)
    form = {"grant_type": "refresh_token", "refresh_token": pair.refresh_token}
    for _ in range(3):
        assert (await world.call("POST", "/token", world.acme.web, form=form)).status_code == 400
    await world.call("POST", "/token", world.acme.web, form={"grant_type": "password"})
    refused = await counted(world, world.acme.org, world.acme.web)
    assert refused == {
        ("issued", "verify"): 1,
        ("refused", "invalid_grant"): 3,
        ("refused", "unsupported_grant_type"): 1,
    }


async def test_a_name_that_somebody_made_up_is_not_counted_under_it(world: World) -> None:
    for number in range(20):
        await world.call("POST", "/token", f"Basic {number}", form={"grant_type": "refresh_token"})
        await world.call("POST", "/token", form={"grant_type": "refresh_token", "client_id": f"nobody-{number}"})
    await world.instance.counts.flush()
    shares = await usage_of_apps(world.instance, INSTANCE, today(world), world.operator, None, 10)
    assert [(client_id, bool(counted)) for client_id, counted in shares.items()] == [("", True)]


async def test_tokens_that_pass_are_counted_by_who_looked(world: World) -> None:
    pair = await world.tokens()
    assert await world.is_active(pair.access_token)
    for _ in range(2):
        assert (await world.call("GET", "/check", f"Bearer {pair.access_token}")).status_code == 204
    found = await counted(world, world.acme.org, world.acme.web)
    assert found == {("issued", "verify"): 1, ("passed", "introspect"): 1, ("passed", "check"): 2}


async def test_what_apps_have_adds_up_to_what_all_have(world: World) -> None:
    for app, times in ((world.acme.web.client_id, 2), (world.acme.api.client_id, 3), ("", 4)):
        for _ in range(times):
            world.instance.counts.count(world.acme.org, app, "refused", "invalid_grant")
    assert await counted(world, world.acme.org) == {("refused", "invalid_grant"): 9}
    assert await counted(world, world.acme.org, world.acme.api) == {("refused", "invalid_grant"): 3}
    assert world.instance.counts.totals() == {("refused", "invalid_grant"): 9}


async def test_two_nodes_add_up(world: World) -> None:
    other = await world.again()
    pair = await world.tokens()
    await other.refreshed(pair.refresh_token)
    await other.instance.counts.flush()
    assert await counted(world, world.acme.org) == {("issued", "verify"): 1, ("issued", "refresh_token"): 1}


async def test_what_cannot_be_written_is_written_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.tokens()

    async def refuse(question: object) -> None:
        raise StoreUnavailableError("the disk is full")

    with monkeypatch.context() as full:
        full.setattr(world.instance.store, "ask", refuse)
        await world.instance.counts.flush()
    assert await counted(world, world.acme.org) == {("issued", "verify"): 1}


async def test_the_token_endpoint_is_timed(world: World) -> None:
    for _ in range(20):
        world.instance.counts.time("/token", 0.001)
    world.instance.counts.time("/token", 0.4)
    world.instance.counts.time("/other", 3)
    await world.instance.counts.flush()
    latency = await latency_of(world.instance, "/token", today(world))
    assert latency is not None
    assert (latency.requests, 0.001 <= latency.p50 < 0.0012, 0.001 <= latency.p95 < 0.0012) == (21, True, True)
    assert await latency_of(world.instance, "/nothing", today(world)) is None


@pytest.mark.parametrize("seconds", [0.0, 1e-6, 0.000_37, 0.004, 1.5])
async def test_a_time_is_told_at_most_a_fifth_too_high(world: World, seconds: float) -> None:
    world.instance.counts.time("/a b", seconds)
    world.instance.counts.totals()
    [(_, _, kind, name)] = world.instance.counts._unwritten
    told = time_of(name)
    assert kind == took("/a b")
    assert max(seconds, 1e-6) <= told * 1.000001
    assert told <= max(seconds, 1e-6) * 1.2


async def test_the_rest_is_written_when_the_server_stops(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "FLUSH_SECONDS", 3600)
    running = asyncio.create_task(Duties(world.instance.counts.run, fails).run())
    await asyncio.sleep(0)
    await world.tokens()
    running.cancel()
    await asyncio.wait([running])
    assert await counted(await world.again(), world.acme.org) == {("issued", "verify"): 1}
    assert len(world.canary.take_faults()) == 1


async def fails() -> None:
    raise RuntimeError("a duty that fails takes none of the others with it")


async def test_a_duty_that_failed_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duties, "AGAIN_SECONDS", 0)
    tries = count(1)

    async def duty() -> None:
        if next(tries) < 3:
            raise RuntimeError("not yet")

    await asyncio.wait_for(Duties(duty).run(), 5)
    assert next(tries) == 4, "it failed twice, and went through the third time"


@pytest.mark.parametrize(
    ("length", "step", "points"),
    [
        (60, 60, 1),
        (HOUR, 300, 12),
        (8 * HOUR, 900, 32),
        (DAY, HOUR, 24),
        (7 * DAY, 6 * HOUR, 28),
        (30 * DAY, DAY, 30),
        (90 * DAY, 3 * DAY, 30),
    ],
)
def test_a_period_has_few_steps_and_ends_with_now(length: int, step: int, points: int) -> None:
    now = 1_800_000_123
    period = period_of(length, now)
    assert (period.step, len(period.starts), period.since % step) == (step, points, 0)
    assert period.until - step <= now < period.until


def test_a_period_is_read_from_rows_as_wide_as_may_be() -> None:
    spans = (HOUR, 8 * HOUR, DAY, 7 * DAY, 30 * DAY, 90 * DAY)
    widths = [period_of(length, 1_800_000_123).width for length in spans]
    assert widths == [MINUTE, MINUTE, HOUR, HOUR, usage.DAY, usage.DAY]


@pytest.mark.parametrize("width", KEPT)
def test_all_that_a_period_shows_is_kept(width: int) -> None:
    for now in range(1_800_000_000, 1_800_000_000 + 3 * DAY, 1799):
        for length in (*range(MINUTE, DAY, 599), *range(DAY, 90 * DAY + 1, 6 * HOUR + 1), 90 * DAY):
            period = period_of(length, now)
            assert period.width != width or period.since >= now - KEPT[width]


async def test_no_count_holds_a_secret(world: World) -> None:
    pair = await world.tokens()
    await world.refresh(pair.refresh_token + "x", address=ADDRESS)
    await world.call("GET", "/check", "Bearer " + pair.refresh_token)
    await counted(world, world.acme.org)


async def test_an_app_says_how_it_is_used_here(world: World) -> None:
    await world.tokens()
    await world.instance.counts.flush()
    use = await world.call("GET", f"/api/v1/apps/{world.acme.web.client_id}/use", world.acme)
    assert use.json() == {"connections": 1, "more": False, "last_used_at": "2027-01-15T07:59:59Z"}
    unused = await world.call("GET", f"/api/v1/apps/{world.acme.native.client_id}/use", world.acme)
    assert unused.json() == {"connections": 0, "more": False, "last_used_at": None}
    foreign = await world.call("GET", f"/api/v1/apps/{world.beta.web.client_id}/use", world.acme)
    assert foreign.status_code == 404


async def test_what_apps_have_is_listed_some_apps_at_a_time(world: World) -> None:
    org, used = world.acme.org, sorted(["", *(each.client_id for each in (world.acme.web, world.acme.api))])
    for client_id in used:
        for name in ("refresh_token", "verify"):
            world.instance.counts.count(org, client_id, "issued", name)
    world.instance.counts.count(world.beta.org, world.beta.web.client_id, "issued", "verify")
    await world.instance.counts.flush()
    seen, url = [], "/api/v1/usage/apps?limit=1"
    while url:
        page = (await world.call("GET", url, world.acme)).json()
        seen.append([(each["client_id"], each["name"]) for each in page["items"]])
        url = (page["next"] or "").removeprefix(ISSUER)
    assert seen == [[(client_id, "refresh_token"), (client_id, "verify")] for client_id in used]
    whole = (await world.call("GET", "/api/v1/usage/apps", world.acme)).json()
    assert whole["next"] is None
    assert [(each["client_id"], each["name"], each["times"]) for each in whole["items"]] == [
        (*each, 1) for part in seen for each in part
    ]
