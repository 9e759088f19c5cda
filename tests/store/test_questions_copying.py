"""Questions that move whole rows: pages, the mark that says how far a copy came, and rows made equal by their keys."""

from collections.abc import AsyncIterator

import pytest

from gatepost.secrets import new_id
from gatepost.store.copying import (
    Place,
    Unmarked,
    begin,
    count_rows,
    drop_rows,
    find_place,
    find_rows,
    finish,
    is_empty,
    key_of,
    put_page,
    read_page,
)
from gatepost.store.migrating import schema_version
from gatepost.store.migrations import UNFINISHED
from gatepost.store.question import Row, Store
from gatepost.store.tables import tables

from .world import act, populate

TABLES = {table.name: table for table in tables()}
NAMES, SPENT = TABLES["names"], TABLES["spent"]
START = Place("orgs", None)
PLACE = Place("names", (b"\x00\xff", "it's", 'a "text" — ü'))


def spent(kind: str, expires_at: int, id: bytes | None = None) -> Row:
    return (b"\x01" * 16, kind, id or new_id(), expires_at)


@pytest.fixture
async def marked(store: Store) -> AsyncIterator[Store]:
    await store.ask(begin(START, 1))
    yield store
    # The next test may get the same database, emptied of everything but its versions.
    await store.ask(finish(act(), "{}"))


async def test_a_mark_keeps_everybody_else_out_until_it_is_taken_off(store: Store) -> None:
    assert await store.read(find_place()) is None
    before = await store.read(schema_version())
    await store.ask(begin(START, 1))
    await store.ask(begin(PLACE, 2))
    assert await store.read(find_place()) == START, "whoever comes second finds where the first one is"
    assert await store.read(schema_version()) == UNFINISHED
    assert await store.ask(finish(act(), "{}"))
    assert not await store.ask(finish(act(), "{}"))
    assert await store.read(find_place()) is None
    assert await store.read(schema_version()) == before


async def test_pages_have_every_row_once(store: Store) -> None:
    assert await store.read(is_empty(tuple(TABLES.values())))
    for number in range(4):
        await populate(store, f"org{number}")
    assert not await store.read(is_empty(tuple(TABLES.values())))
    for table in TABLES.values():
        found: list[Row] = []
        while page := await store.read(read_page(table, key_of(table, found[-1]) if found else None, 3)):
            assert len(page) <= 3
            found += page
        assert len(found) == len(set(found)) == await store.read(count_rows(table))


async def test_a_page_makes_rows_equal_and_moves_the_mark(marked: Store) -> None:
    same, changed, missing = spent("a", 1), spent("b", 2), spent("c", 3)
    assert await marked.ask(put_page(SPENT, [same, changed], START)) == 2
    rows = [same, (*changed[:3], 9), missing]
    assert await marked.ask(put_page(SPENT, rows, PLACE)) == 2
    assert await marked.read(find_place()) == PLACE
    assert set(await marked.read(find_rows(SPENT, [same, changed, missing, spent("d", 4)]))) == set(rows)
    assert await marked.ask(put_page(SPENT, rows, PLACE)) == 0


async def test_nothing_is_put_where_the_mark_is_gone(store: Store) -> None:
    assert await store.ask(put_page(SPENT, [spent("a", 1)], START)) == Unmarked()
    assert await store.read(count_rows(SPENT)) == 0


async def test_rows_are_dropped_by_their_keys_alone(marked: Store) -> None:
    kept, gone = spent("a", 1, b"\x01"), spent("a", 1, b"\x02")
    await marked.ask(put_page(SPENT, [kept, gone], START))
    await marked.ask(drop_rows(SPENT, [(*gone[:3], 77)]))
    assert await marked.read(read_page(SPENT, None, 10)) == [kept]
