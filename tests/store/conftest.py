"""The engines that the contract suite runs on. A second one is one more row of ENGINES; no test changes."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from gatepost.store.migrations import NEWEST, apply_next, prepare
from gatepost.store.question import Store
from gatepost.store.sqlite import DIALECT, SqliteStore


class Engine(NamedTuple):
    """How to get an empty database of one's own, and how to open one more store on it."""

    name: str
    dialect: dict[str, str]
    locate: Callable[[Path], str]
    open: Callable[[str], Store]


ENGINES = (
    Engine("sqlite", DIALECT, lambda directory: str(directory / "gatepost.db"), lambda place: SqliteStore(Path(place))),
)


class Database:
    """One database and the stores that a test opened on it."""

    def __init__(self, engine: Engine, directory: Path) -> None:
        self.dialect = engine.dialect
        self.place = engine.locate(directory)
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
    database = Database(engine, tmp_path)
    yield database
    database.close()


@pytest.fixture
async def database(empty_database: Database) -> Database:
    store = empty_database.connect()
    await migrate(store, empty_database.dialect)
    store.close()
    return empty_database


@pytest.fixture
def store(database: Database) -> Store:
    return database.open()
