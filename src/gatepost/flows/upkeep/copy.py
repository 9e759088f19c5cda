"""A move to another database: every row carried over, the copy compared with its original, and opened only when they are equal.

Whole rows move, as they are; nothing is computed anew. So every id, salt, count and hash is on the other side what it was
here, and with the same instance key every token goes on as if nothing had happened.

A run that is cut short leaves a mark in the target (see `store.copying`) and the next one goes on from there. What the
source has changed meanwhile shows when both sides are summed up, and is carried over then. A sum is of one hash for
each row and does not depend on their order, as two databases need not agree on one.
"""

from collections.abc import AsyncIterator
from contextlib import closing
from hashlib import blake2b
from typing import NamedTuple

import orjson

from gatepost.errors import GatepostError
from gatepost.progress import Progress
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
from gatepost.store.engines import Database
from gatepost.store.events import Act
from gatepost.store.migrating import list_applied, schema_version
from gatepost.store.migrations import NEWEST
from gatepost.store.question import Row, Store
from gatepost.store.tables import Table, tables

PAGE = 500
"""Rows that move together: enough to share a commit, few enough for the parameters that one statement may have."""

TABLES = tuple(tables())
ORGS, EVENTS = (next(table for table in TABLES if table.name == name) for name in ("orgs", "events"))


class Copied(NamedTuple):
    """What a run did: the rows it wrote, whether it went on from an earlier one, and the rows of a copy that is whole."""

    written: int
    is_resumed: bool
    counts: dict[str, int] | None


class _Sum(NamedTuple):
    rows: int
    hashes: int


async def copy_instance(
    source: Database, target: Database, act: Act, *, is_live: bool, on_copied: Progress, on_compared: Progress
) -> Copied:
    """Copy all there is from one database into another that holds nothing, or what an earlier run brought there.

    With `is_live` servers may go on writing to the source: then the copy is not finished by this run, and the one after
    it, without them, has little left to do. Raises `conflict` when the target holds other data or a server uses the
    source, `invalid_configuration` when a schema is not this Gatepost's.
    """
    _check_quiet(source, is_live)
    with closing(source.open_patiently()) as origin, closing(target.open_patiently()) as copied:
        await _check_schema(source, origin)
        place, is_resumed = await _begin(origin, copied, target, act.at)
        place, written = await _carry(origin, copied, place, on_copied)
        if is_live:
            return Copied(written, is_resumed, None)
        counts, caught_up = await _settle_all(origin, copied, place, on_compared)
    _check_quiet(source, is_live)
    with closing(target.open_patiently()) as copied:
        await copied.ask(finish(act, orjson.dumps({"from": source.shown, "rows": sum(counts.values())}).decode()))
    return Copied(written + caught_up, is_resumed, counts)


def _check_quiet(source: Database, is_live: bool) -> None:
    if not is_live and source.is_in_use():
        raise GatepostError(
            "conflict",
            f"A server uses {source.shown}: what it writes from now on would be missing from the copy.",
            fix="stop it first; or copy most of it now with --live, and the rest once it is stopped",
        )


async def _check_schema(source: Database, origin: Store) -> None:
    version = await origin.read(schema_version())
    if version != NEWEST:
        raise GatepostError(
            "invalid_configuration",
            f"The schema of {source.shown} has version {version}; this Gatepost copies version {NEWEST}.",
            fix="gatepost migrate",
        )


async def _begin(origin: Store, copied: Store, target: Database, now: int) -> tuple[Place, bool]:
    """Where to go on, and whether somebody began before."""
    place = await copied.read(find_place())
    if place is None:
        if not await copied.read(is_empty(TABLES)):
            raise GatepostError("conflict", f"{target.shown} holds data already.", fix="name an empty database")
        place = Place(TABLES[0].name, None)
        await copied.ask(begin(place, now))
        return place, False
    if NEWEST not in {each.version for each in await copied.read(list_applied())}:
        why = "a copy that another version of Gatepost began"
    elif await _holds_strangers(origin, copied):
        why = "the unfinished copy of another instance"
    else:
        return place, True
    raise GatepostError("conflict", f"{target.shown} holds {why}.", fix="name an empty database")


async def _holds_strangers(origin: Store, copied: Store) -> bool:
    """Whether the copy has an organization that its original never had. None is ever deleted."""
    async for rows in _pages(copied, ORGS, None):
        known = {key_of(ORGS, row) for row in await origin.read(find_rows(ORGS, rows))}
        if any(key_of(ORGS, row) not in known for row in rows):
            return True
    return False


async def _carry(origin: Store, copied: Store, place: Place, on_progress: Progress) -> tuple[Place, int]:
    """Carry over all rows behind a place. Answers the place at the end of them, and how many were written."""
    left = await _count(origin) - await _count(copied)
    passed = written = 0
    first = [table.name for table in TABLES].index(place.table)
    for table in TABLES[first:]:
        if table.name != place.table:
            place = Place(table.name, None)
        async for rows in _pages(origin, table, place.key):
            place = Place(table.name, key_of(table, rows[-1]))
            written += await _put(copied, table, rows, place)
            passed += len(rows)
            on_progress(passed, max(left, passed))
    return place, written


async def _settle_all(origin: Store, copied: Store, place: Place, on_progress: Progress) -> tuple[dict[str, int], int]:
    """Compare both sides, and mend each table in which they differ. Answers the rows of each, and how many were mended."""
    counts, mended, passed = {}, 0, 0
    total = 2 * await _count(origin)

    async def summed(store: Store, table: Table) -> _Sum:
        nonlocal passed
        found = _Sum(0, 0)
        async for rows in _pages(store, table, None):
            found = _Sum(found.rows + len(rows), (found.hashes + sum(map(_hash, rows))) % (1 << 256))
            passed += len(rows)
            on_progress(passed, max(total, passed))
        return found

    for table in TABLES:
        found = await summed(origin, table)
        if found != await summed(copied, table):
            mended += await _mend(origin, copied, table, place)
            if await summed(origin, table) != await summed(copied, table):
                raise _written(table)
        counts[table.name] = found.rows
    # What changed behind the comparison's back left an event: commands always do, and servers before long.
    if await origin.read(count_rows(EVENTS)) != counts[EVENTS.name]:
        raise _written(EVENTS)
    return counts, mended


def _written(table: Table) -> GatepostError:
    return GatepostError(
        "conflict",
        f"Somebody writes to the source: its {table.name} changed while all was compared.",
        fix="stop every server on it, then run the same command again; it goes on from here",
    )


async def _mend(origin: Store, copied: Store, table: Table, place: Place) -> int:
    """Carry over what is missing or different in the copy, and delete from it what the original does not have."""
    mended = 0
    async for rows in _pages(origin, table, None):
        mended += await _put(copied, table, rows, place)
    async for rows in _pages(copied, table, None):
        known = {key_of(table, row) for row in await origin.read(find_rows(table, rows))}
        gone = [row for row in rows if key_of(table, row) not in known]
        if gone:
            await copied.ask(drop_rows(table, gone))
            mended += len(gone)
    return mended


async def _pages(store: Store, table: Table, key: Row | None) -> AsyncIterator[list[Row]]:
    while rows := await store.read(read_page(table, key, PAGE)):
        key = key_of(table, rows[-1])
        yield rows


async def _put(copied: Store, table: Table, rows: list[Row], place: Place) -> int:
    match await copied.ask(put_page(table, rows, place)):
        case Unmarked():
            raise GatepostError("conflict", "Another run has finished this copy.", fix="nothing is left to do")
        case int(written):
            return written


async def _count(store: Store) -> int:
    return sum([await store.read(count_rows(table)) for table in TABLES])


def _hash(row: Row) -> int:
    return int.from_bytes(blake2b(repr(row).encode(), digest_size=32).digest(), "big")
