"""Migrations: whoever comes first applies each, whoever comes second finds it applied."""

from collections import Counter

from gatepost.store.migrations import MIGRATIONS, NEWEST, apply_next, prepare, schema_version
from gatepost.store.question import INSTANCE

from .conftest import Database, migrate
from .test_races import race
from .world import NOW, dump, tables


async def test_two_at_once_apply_each_migration_once(empty_database: Database) -> None:
    dialect = empty_database.dialect
    assert set(await race(empty_database, [prepare(dialect)] * 4, threads=4)) == {0}
    outcomes = await race(empty_database, [apply_next(dialect, NOW)] * (NEWEST + 3), threads=2)
    assert Counter(outcomes) == {NEWEST: 4} | dict.fromkeys(range(1, NEWEST), 1)


async def test_a_fresh_database_migrated_by_many_has_each_migration_once(empty_database: Database) -> None:
    dialect = empty_database.dialect
    store = empty_database.open()
    await store.ask(prepare(dialect))
    await race(empty_database, [apply_next(dialect, NOW)] * 8, threads=8)
    assert await store.read(schema_version()) == min(8, NEWEST)
    rows = await store.read(dump(INSTANCE))
    assert set(rows) == {table.name for table in tables()}


async def test_migrating_twice_changes_nothing(empty_database: Database) -> None:
    store = empty_database.open()
    await migrate(store, empty_database.dialect)
    await migrate(store, empty_database.dialect)
    assert await store.read(schema_version()) == MIGRATIONS[-1].number
