"""The engines that the contract suite runs on. A second one is one more row of ENGINES; no test changes."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

import postgres
from gatepost.store import sqlite as sqlite_engine
from gatepost.store.migrating import apply_next, prepare
from gatepost.store.migrations import NEWEST
from gatepost.store.postgres import PostgresStore
from gatepost.store.postgres import schema as postgres_schema
from gatepost.store.question import Store


class Engine(NamedTuple):
    """How to get a database of one's own, without a schema or with the newest one, and how to open a store on it.

    `walks` is how many walks of the model it is worth: a step costs more where a statement is a round trip.
    """

    name: str
    dialect: dict[str, str]
    locate_empty: Callable[[Path], str]
    locate: Callable[[Path], str]
    open: Callable[[str], Store]
    walks: int


def _new_file(directory: Path) -> str:
    return str(directory / "gatepost.db")


def _migrated_file(directory: Path) -> str:
    path = directory / "gatepost.db"
    sqlite_engine.upgrade(path, 0, migrate=True)
    return str(path)


ENGINES = (
    Engine(
        "sqlite",
        sqlite_engine.DIALECT,
        _new_file,
        _migrated_file,
        lambda place: sqlite_engine.SqliteStore(Path(place)),
        150,
    ),
    Engine(
        "postgres",
        postgres_schema.DIALECT,
        lambda _: postgres.databases().new(),
        lambda _: postgres.databases().migrated(),
        # What the suite asks has to be right, however long a disk stands still meanwhile.
        partial(PostgresStore, deadline=30),
        30,
    ),
)


class Database:
    """One database and the stores that a test opened on it."""

    def __init__(self, engine: Engine, place: str) -> None:
        self.dialect = engine.dialect
        self.place = place
        self._open = engine.open
        self._opened: list[Store] = []

    def connect(self) -> Store:
        """A further store on the database, for whoever closes it."""
        return self._open(self.place)

    def open(self) -> Store:
        """A further store on the database, closed with it."""
        self._opened.append(self.connect())
        return self._opened[-1]

    def close(self) -> None:
        while self._opened:
            self._opened.pop().close()


async def migrate(store: Store, dialect: dict[str, str], now: int = 0) -> None:
    """Give an empty database the newest schema."""
    version = await store.ask(prepare(dialect))
    while version < NEWEST:
        version = await store.ask(apply_next(dialect, now))


@pytest.fixture(params=ENGINES, ids=lambda engine: engine.name)
def engine(request: pytest.FixtureRequest) -> Engine:
    chosen: Engine = request.param
    return chosen


@pytest.fixture
def empty_database(engine: Engine, tmp_path: Path) -> Iterator[Database]:
    database = Database(engine, engine.locate_empty(tmp_path))
    yield database
    database.close()


@pytest.fixture
def database(engine: Engine, tmp_path: Path) -> Iterator[Database]:
    database = Database(engine, engine.locate(tmp_path))
    yield database
    database.close()


@pytest.fixture
def store(database: Database) -> Store:
    return database.open()
