"""The schema of the next version, given to a database that is large and in use: the servers of this one go on."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import psycopg
import pytest

from .clients import check, settle, working
from .fill import fill, run
from .next_version import COLUMNS, INDEX, PROGRAM
from .nodes import Instance

pytestmark = pytest.mark.xdist_group("migrating")

UNTIL = 2_000_000_000
"""When the last of the grants ends."""

WAITED = 2.0
"""Seconds that a request may take at most: after so many it is refused."""


@pytest.fixture
def grown(request: pytest.FixtureRequest) -> int:
    """How many grants there are: by option."""
    count: int = request.config.getoption("--grown")
    return count


@contextmanager
def reading(url: str) -> Iterator[None]:
    """Somebody reads all of the table all the while, as pg_dump does."""
    stop = Event()

    def read() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not stop.is_set():
                with connection.transaction():
                    connection.execute("select count(*), pg_sleep(1) from grants")
                time.sleep(0.2)

    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(read)
        try:
            yield
        finally:
            stop.set()
        reader.result(30)


def test_servers_go_on_while_a_large_database_is_migrated(instance: Instance, grown: int) -> None:
    world, url = instance.populate(), instance.settings["GATEPOST_DATABASE"]
    fill(url, world, grown, UNTIL)
    run(url, "vacuum analyze grants")
    with instance.serve(1) as nodes:
        with reading(url), working(world, nodes, each=8) as known:
            settle(known)
            before = max(one.slowest for one in known)
            for one in known:
                one.slowest = 0
            took = migrate(instance)
        waited = max(one.slowest for one in known)
        print(
            f"\n{grown:,} grants: migrated in {took:.1f} s; the slowest of their requests took {waited:.2f} s,"
            f" {before:.2f} s before"
        )
        assert [one.refused for one in known] == [0] * len(known)
        check(known, world, nodes[0])
    assert waited < WAITED
    [(valid,)] = run(url, "select count(*) from pg_index where indexrelid = 'grants_by_kind'::regclass and indisvalid")
    assert valid == 1


def test_a_large_file_is_migrated_while_its_server_stands_still(directory: Path, grown: int) -> None:
    instance = Instance(directory, f"sqlite:///{directory / 'gatepost.db'}")
    fill(instance.settings["GATEPOST_DATABASE"], instance.populate(), grown, UNTIL)
    took = migrate(instance)
    print(f"\n{grown:,} grants: migrated in {took:.1f} s")
    assert took < 5 + grown / 100_000


def migrate(instance: Instance) -> float:
    """Bring the schema up with the next version; answer the seconds that it took."""
    began = time.monotonic()
    assert instance.command("migrate", program=PROGRAM)["missing"] == [
        {"version": each.number, "name": each.name} for each in (COLUMNS, INDEX)
    ]
    return time.monotonic() - began
