"""Migrations: whoever comes first applies each, whoever comes second finds it applied."""

import pytest

from gatepost.store.migrations import MIGRATIONS, NEWEST, apply_all, apply_next, list_applied, prepare, schema_version
from gatepost.store.question import INSTANCE
from gatepost.store.tables import tables

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
