"""Migrations: whoever comes first applies each, whoever comes second finds it applied."""

import pytest

from gatepost.secrets import new_id
from gatepost.store.browsing import uses_of_apps
from gatepost.store.migrating import apply_all, apply_next, list_applied, prepare, schema_version
from gatepost.store.migrations import MIGRATIONS, NEWEST
from gatepost.store.question import INSTANCE, SQL, Steps, question
from gatepost.store.tables import tables
from gatepost.store.usage import ALL, DAY, HOUR, MINUTE, Point, Share, usage_series, usage_sums

from .conftest import Database, migrate
from .test_races import race
from .world import NOW, dump


@pytest.mark.parametrize("threads", [2, 8])
async def test_many_at_once_apply_each_migration_once(empty_database: Database, threads: int) -> None:
    dialect = empty_database.dialect
    assert set(await race(empty_database, [prepare(dialect)] * 4, threads=2)) == {0}
    for number in range(1, NEWEST + 1):
        # Whoever comes second may find the next one missing, and apply that.
        assert min(await race(empty_database, [apply_next(dialect, NOW)] * 8, threads=threads)) >= number
    store = empty_database.open()
    applied = [each.version for each in await store.read(list_applied())]
    assert applied == list(range(1, NEWEST + 1))
    assert set(await store.read(dump(INSTANCE))) == {table.name for table in tables()}


async def test_migrating_twice_changes_nothing(empty_database: Database) -> None:
    store = empty_database.open()
    await migrate(store, empty_database.dialect)
    await migrate(store, empty_database.dialect)
    assert await store.read(schema_version()) == MIGRATIONS[-1].number


async def test_a_new_database_gets_all_at_once(empty_database: Database) -> None:
    dialect = empty_database.dialect
    await race(empty_database, [prepare(dialect)] * 2, threads=2)
    assert set(await race(empty_database, [apply_all(dialect, NOW)] * 4, threads=4)) == {NEWEST}
    assert [each.version for each in await empty_database.open().read(list_applied())] == list(range(1, NEWEST + 1))


IN_USAGE = """insert into usage (org, width, at, client_id, kind, name, times) values (?, ?, ?, ?, ?, ?, ?)
    on conflict (org, width, at, client_id, kind, name) do update set times = usage.times + excluded.times"""
"""How a node of the version before `counts` counts."""


@question
def count_as_before(*counts: tuple[bytes, str, str, str, int], at: int) -> Steps[None]:
    for org, client_id, kind, name, times in counts:
        for width in (MINUTE, HOUR):
            yield SQL(IN_USAGE, (org, width, at - at % width, client_id, kind, name, times))


async def test_usage_is_carried_over_into_sums_and_days(empty_database: Database) -> None:
    store, dialect = empty_database.open(), empty_database.dialect
    await store.ask(prepare(dialect))
    while await store.read(schema_version()) < 16:
        await store.ask(apply_next(dialect, NOW))
    org, today = new_id(), NOW - NOW % DAY
    shop, desk = (org, "shop", "issued", "verify", 1), (org, "desk", "issued", "verify", 2)
    nobody, took = (org, "", "refused", "invalid_client", 4), (INSTANCE, "", "took", "/token 38", 8)
    await store.ask(count_as_before(shop, nobody, took, at=today))
    await store.ask(count_as_before(shop, desk, took, at=today + HOUR))
    await store.ask(count_as_before(shop, at=today - 30 * DAY))
    assert await store.ask(apply_next(dialect, NOW)) == 17

    for width, step, times in ((MINUTE, HOUR, [4, 1, 3]), (HOUR, HOUR, [4, 1, 3]), (DAY, DAY, [4, 4])):
        series = usage_series(org, ("issued", "refused"), width, today, today + DAY, step)
        assert sorted(each.times for each in await store.read(series)) == sorted(times), width
        assert await store.read(usage_series(org, ("issued",), width, 0, today, step)) == (
            [Point(today - 30 * DAY, "issued", "verify", 1)] if width == DAY else []
        ), "what nobody may ask for is left behind"
    shares = await store.read(usage_sums(org, ("issued", "refused"), today, ("", "desk", "shop")))
    assert {each.client_id: each.times for each in shares} == {"": 4, "desk": 2, "shop": 2}
    for since, timed in ((today, [16]), (today + HOUR, [8]), (today + HOUR + MINUTE, [])):
        sums = await store.read(usage_sums(INSTANCE, ("took /token",), since))
        assert sums == [Share(ALL, "took /token", "38", each) for each in timed]
    uses = await store.read(uses_of_apps(org, ("shop", "desk"), NOW, 1))
    assert {use.used_at for use in uses.values()} == {today + HOUR}

    await store.ask(count_as_before(shop, at=today + HOUR))
    series = usage_series(org, ("issued",), DAY, today, today + DAY, DAY)
    assert [each.times for each in await store.read(series)] == [4], "an older node counts on, where nobody looks"
