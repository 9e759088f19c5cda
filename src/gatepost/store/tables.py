"""The tables as the migrations leave them: what whoever moves whole rows, and knows nothing of their meaning, must know."""

import re
from typing import NamedTuple

from gatepost.store.migrations import MIGRATIONS

_MADE = re.compile(r"create table (?P<name>\w+) \((?P<columns>.*),\s+primary key \((?P<key>[^)]*)\)\)", re.DOTALL)
_GREW = re.compile(r"alter table (?P<name>\w+) add column (?P<column>\w+)")


class Table(NamedTuple):
    """A table: its name, its columns in order, and those of its primary key."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]


def tables() -> list[Table]:
    """Every table of the newest schema, in the order in which they were made; not the one that records the migrations."""
    found: dict[str, Table] = {}
    for statement in (text for migration in MIGRATIONS for text in migration.statements):
        if made := _MADE.match(statement):
            columns = tuple(column.split()[0] for column in made["columns"].split(","))
            found[made["name"]] = Table(made["name"], columns, tuple(re.split(r",\s*", made["key"])))
        elif grew := _GREW.match(statement):
            table = found[grew["name"]]
            found[table.name] = table._replace(columns=(*table.columns, grew["column"]))
    return list(found.values())
