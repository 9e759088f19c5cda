"""Usage: whoever counts adds to the same rows, and what is old goes away a little at a time."""

from collections import Counter

import pytest

from gatepost.secrets import new_id
from gatepost.store.browsing import uses_of_apps
from gatepost.store.question import SQL, Question, Steps, Store, question
from gatepost.store.usage import (
    ALL,
    DAY,
    HOUR,
    KEPT,
    MINUTE,
    Count,
    Point,
    Share,
    add_usage,
    list_used_apps,
    usage_series,
    usage_sums,
)

from .conftest import Database
from .test_races import race

ORG, OTHER = new_id(), new_id()
AT = 1_800_000_000
KINDS = ("issued",)


def count(times: int = 1, *, org: bytes = ORG, app: str = "shop", name: str = "refresh_token") -> Count:
    return Count(org, app, "issued", name, times)


def add(*counts: Count, at: int = AT) -> Question[None]:
    """Add counts of apps as a node does, with those of all."""
    sums = Counter[tuple[bytes, str, str]]()
    for org, _, kind, name, times in counts:
        sums[org, kind, name] += times
    return add_usage((*counts, *(Count(org, ALL, kind, name, n) for (org, kind, name), n in sums.items())), at)


@question
def rows(width: int) -> Steps[int]:
    found = yield SQL("select count(*) from counts where width = ?", (width,))
    return int(found[0][0])


async def test_counts_add_up_by_step(store: Store) -> None:
    for at, times in ((AT, 2), (AT + 59, 3), (AT + 60, 4), (AT + HOUR, 5)):
        await store.ask(add(count(times), at=at))
    assert await store.read(usage_series(ORG, KINDS, MINUTE, AT, AT + 2 * HOUR, MINUTE)) == [
        Point(AT, "issued", "refresh_token", 5),
        Point(AT + 60, "issued", "refresh_token", 4),
        Point(AT + HOUR, "issued", "refresh_token", 5),
    ]
    for width in (MINUTE, HOUR):
        series = await store.read(usage_series(ORG, KINDS, width, AT, AT + 2 * HOUR, HOUR))
        assert [each.times for each in series] == [9, 5]
    later = usage_series(ORG, KINDS, HOUR, AT + HOUR, AT + 2 * HOUR, HOUR)
    assert [each.times for each in await store.read(later)] == [5]
    day = AT - AT % DAY
    for app in (ALL, "shop"):
        found = await store.read(usage_series(ORG, KINDS, DAY, day, day + DAY, DAY, app))
        assert found == [Point(day, "issued", "refresh_token", 14)]


async def test_apps_and_organizations_are_counted_apart(store: Store) -> None:
    counts = (count(1), count(2, app="desk"), count(4, name="verify"), count(8, org=OTHER), count(16, app=""))
    await store.ask(add(*counts))
    assert await store.read(usage_sums(ORG, KINDS, AT, ("", "desk", "shop", "none"))) == [
        Share("", "issued", "refresh_token", 16),
        Share("desk", "issued", "refresh_token", 2),
        Share("shop", "issued", "refresh_token", 1),
        Share("shop", "issued", "verify", 4),
    ]
    series = {
        app: [each.times for each in await store.read(usage_series(ORG, KINDS, HOUR, AT, AT + 1, HOUR, app))]
        for app in ("shop", "", ALL)
    }
    assert series == {"shop": [1, 4], "": [16], ALL: [19, 4]}


async def test_only_the_kinds_that_are_asked_for_are_told(store: Store) -> None:
    await store.ask(add(count(1), Count(ORG, "shop", "took /token", "38", 2)))
    for kind, times in (("issued", 1), ("took /token", 2)):
        assert [each.times for each in await store.read(usage_series(ORG, (kind,), HOUR, AT, AT + 1, HOUR))] == [times]
        assert [each.times for each in await store.read(usage_sums(ORG, (kind,), AT))] == [times]
    both = usage_series(ORG, ("took /token", "issued"), HOUR, AT, AT + 1, HOUR)
    assert [each.times for each in await store.read(both)] == [1, 2]


@pytest.mark.parametrize(
    "since", [0, DAY - HOUR, DAY, DAY + HOUR, 2 * DAY - HOUR, 2 * DAY - MINUTE, 2 * DAY, 2 * DAY + MINUTE]
)
async def test_a_sum_has_all_from_an_instant_on(store: Store, since: int) -> None:
    day = AT - AT % DAY
    moments = (0, DAY - 1, DAY, DAY + 59, DAY + 60, DAY + HOUR - 1, DAY + HOUR, 2 * DAY - 1, 2 * DAY, 2 * DAY + 60)
    for number, moment in enumerate(moments):
        await store.ask(add(count(1 << number), at=day + moment))
    [share] = await store.read(usage_sums(ORG, KINDS, day + since))
    assert share == Share(ALL, "issued", "refresh_token", sum(1 << n for n, at in enumerate(moments) if at >= since))


async def test_apps_in_use_are_listed_one_part_after_the_other(store: Store) -> None:
    for number, app in enumerate(("desk", "", "shop", "till", "van")):
        await store.ask(add(count(app=app), count(app="other", org=OTHER), at=AT + number))
    assert await store.read(list_used_apps(ORG, AT, "", 3)) == ["desk", "shop", "till"]
    assert await store.read(list_used_apps(ORG, AT, "till", 3)) == ["van"]
    assert await store.read(list_used_apps(ORG, AT + 3, "", 3)) == ["till", "van"]


async def test_nodes_that_count_the_same_at_once_lose_nothing(database: Database) -> None:
    counts = tuple(count(app=f"app-{number}") for number in range(100))
    await race(database, [add(*counts[::step]) for step in (1, -1) * 8], threads=4)
    store = database.open()
    shares = await store.read(usage_sums(ORG, KINDS, AT, (*(each.client_id for each in counts), ALL)))
    assert [each.times for each in shares] == [1600] + [16] * 100


@pytest.mark.parametrize("width", KEPT)
async def test_old_rows_are_swept_by_those_that_write(store: Store, width: int) -> None:
    wider = [each for each in KEPT if each > width]
    apps = tuple(count(app=f"app-{number}") for number in range(10))
    await store.ask(add(*apps))
    late = AT + KEPT[width] + width
    await store.ask(add(count(org=OTHER), at=late))
    assert await store.read(rows(width)) == 11 - 4 + 2, "twice as many as were written, the sum of each among them"
    for _ in range(4):
        await store.ask(add(count(org=OTHER), at=late))
    assert await store.read(usage_series(ORG, KINDS, width, 0, late, width)) == []
    assert await store.read(rows(width)) == 2
    for each in wider:
        assert [point.times for point in await store.read(usage_series(ORG, KINDS, each, 0, late, each))] == [10]


async def test_an_app_was_last_used_when_it_was_last_counted(store: Store) -> None:
    await store.ask(add(count(1), count(2, name="verify"), count(8, org=OTHER), count(16, app="")))
    await store.ask(add(count(1), at=AT + 70))
    await store.ask(add(count(1), at=AT + 30))
    uses = await store.read(uses_of_apps(ORG, ("shop", "desk", "", ALL), AT, 1))
    assert [uses[each].used_at for each in ("shop", "desk", "", ALL)] == [AT + 70, None, None, None], (
        "a clock may fall back"
    )
    assert (await store.read(uses_of_apps(OTHER, ("shop",), AT, 1)))["shop"].used_at == AT
