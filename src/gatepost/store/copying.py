"""Questions for moving an instance from one database to another, whichever engines they are on. Only `gatepost copy` asks them.

A copy under way leaves a mark in `schema_version`: a version that no Gatepost knows. So until the copy is whole nothing
opens the database but another `gatepost copy`, and that finds in the mark how far the one before it came. Each page of
rows moves the mark in its own transaction.

Rows are told apart by their primary key and are otherwise opaque. Two databases need not sort text alike, so nothing here
compares the orders of both: a place is one in the source's order, and what the target has is looked up by key.
"""

import ast
from collections.abc import Iterable
from typing import NamedTuple

from gatepost.store.events import Act, record
from gatepost.store.migrations import UNFINISHED
from gatepost.store.question import INSTANCE, SQL, Row, Steps, Value, question
from gatepost.store.tables import Table


class Place(NamedTuple):
    """How far a copy came: into which table, and behind which key of it; None before its first row."""

    table: str
    key: Row | None


class Unmarked(NamedTuple):
    """The target has lost its mark: somebody else has finished this copy."""


@question
def is_empty(tables: tuple[Table, ...]) -> Steps[bool]:
    """Whether none of the tables has a row."""
    for table in tables:
        if (yield SQL(f"select 1 from {table.name} limit 1")):
            return False
    return True


@question
def begin(place: Place, now: int) -> Steps[None]:
    """Mark the database as the target of a copy. One that is marked already stays where it is."""
    yield SQL(
        "insert into schema_version (org, version, name, applied_at) values (?, ?, ?, ?) on conflict do nothing",
        (INSTANCE, UNFINISHED, repr(tuple(place)), now),
    )


@question
def find_place() -> Steps[Place | None]:
    """Where the copy into this database is; None when none is under way."""
    rows = yield SQL("select name from schema_version where org = ? and version = ?", (INSTANCE, UNFINISHED))
    return Place(*ast.literal_eval(rows[0][0])) if rows else None


@question
def finish(act: Act, detail: str) -> Steps[bool]:
    """Take the mark off: the database is whole and may be opened. False when somebody else has done so."""
    rows = yield SQL(
        "delete from schema_version where org = ? and version = ? returning version", (INSTANCE, UNFINISHED)
    )
    if rows:
        yield from record(INSTANCE, "instance.copied", act, detail=detail)
    return bool(rows)


@question
def count_rows(table: Table) -> Steps[int]:
    """How many rows a table has."""
    rows = yield SQL(f"select count(*) from {table.name}")
    count: int = rows[0][0]
    return count


@question
def read_page(table: Table, after: Row | None, limit: int) -> Steps[list[Row]]:
    """Up to `limit` whole rows behind a key, in the order of the keys."""
    key = ", ".join(table.key)
    behind = f"where ({key}) > ({_marks(table.key)})" if after else ""
    return (
        yield SQL(
            f"select {_columns(table)} from {table.name} {behind} order by {key} limit ?", (*(after or ()), limit)
        )
    )


@question
def put_page(table: Table, rows: list[Row], place: Place) -> Steps[int | Unmarked]:
    """Make the rows with these keys be these rows, and move the mark. Answers how many were missing or different."""
    marked = yield SQL(
        "update schema_version set name = ? where org = ? and version = ? returning version",
        (repr(tuple(place)), INSTANCE, UNFINISHED),
    )
    if not marked:
        return Unmarked()
    made = yield _insert(table, rows)
    if len(made) == len(rows):
        return len(rows)
    there = set((yield from find_rows(table, rows)))
    stale = [row for row in rows if row not in there]
    if stale:
        yield from drop_rows(table, stale)
        yield _insert(table, stale)
    return len(made) + len(stale)


@question
def find_rows(table: Table, rows: list[Row]) -> Steps[list[Row]]:
    """The rows that have the keys of these."""
    where, params = _with_keys(table, rows)
    return (yield SQL(f"select {_columns(table)} from {table.name} where {where}", params))


@question
def drop_rows(table: Table, rows: list[Row]) -> Steps[None]:
    """Delete the rows that have the keys of these."""
    where, params = _with_keys(table, rows)
    yield SQL(f"delete from {table.name} where {where}", params)


def key_of(table: Table, row: Row) -> Row:
    """The primary key of a row."""
    return tuple(row[table.columns.index(column)] for column in table.key)


def _insert(table: Table, rows: list[Row]) -> SQL:
    values = ", ".join([f"({_marks(table.columns)})"] * len(rows))
    text = f"insert into {table.name} ({_columns(table)}) values {values} on conflict do nothing returning 1"
    return SQL(text, _flat(rows))


def _with_keys(table: Table, rows: list[Row]) -> tuple[str, tuple[Value, ...]]:
    values = ", ".join([f"({_marks(table.key)})"] * len(rows))
    return f"({', '.join(table.key)}) in (values {values})", _flat(key_of(table, row) for row in rows)


def _columns(table: Table) -> str:
    return ", ".join(table.columns)


def _marks(columns: tuple[str, ...]) -> str:
    return ", ".join("?" * len(columns))


def _flat(rows: Iterable[Row]) -> tuple[Value, ...]:
    return tuple(value for row in rows for value in row)
