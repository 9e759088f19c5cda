"""The schema on PostgreSQL, and the URL that leads to it."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest

import postgres
from gatepost.errors import GatepostError
from gatepost.flows.upkeep.schema import migrate
from gatepost.store.engines import find_database
from gatepost.store.migrations import MIGRATIONS, NEWEST, Migration
from gatepost.store.postgres import PostgresStore
from gatepost.store.postgres.opening import shown
from gatepost.store.postgres.schema import build, exists, upgrade

from .world import NOW


def test_many_can_migrate_an_empty_database_at_once() -> None:
    for _ in range(3):
        url = postgres.databases().new()
        assert not exists(url)
        begin = threading.Barrier(4)

        def start(url: str = url, begin: threading.Barrier = begin) -> int:
            begin.wait(10)
            return upgrade(url, NOW, migrate=False)

        with ThreadPoolExecutor(4) as pool:
            assert [each.result() for each in [pool.submit(start) for _ in range(4)]] == [NEWEST] * 4
        assert exists(url)


def test_an_older_schema_waits_for_consent(monkeypatch: pytest.MonkeyPatch) -> None:
    url = postgres.databases().new()
    upgrade(url, NOW, migrate=False)
    later = MIGRATIONS[-1]._replace(number=NEWEST + 1, name="later", statements=("create table later (org {bytes})",))
    monkeypatch.setattr("gatepost.store.migrations.MIGRATIONS", (*MIGRATIONS, later))
    monkeypatch.setattr("gatepost.store.migrations.NEWEST", NEWEST + 1)
    assert upgrade(url, NOW, migrate=False) == NEWEST
    assert upgrade(url, NOW, migrate=True) == NEWEST + 1
    assert upgrade(url, NOW, migrate=True) == NEWEST + 1


def test_a_migration_that_fails_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    url = postgres.databases().new()
    upgrade(url, NOW, migrate=False)
    broken = MIGRATIONS[-1]._replace(number=NEWEST + 1, statements=("create table half (org {bytes})", "nonsense"))
    monkeypatch.setattr("gatepost.store.migrations.MIGRATIONS", (*MIGRATIONS, broken))
    monkeypatch.setattr("gatepost.store.migrations.NEWEST", NEWEST + 1)
    with pytest.raises(Exception, match="nonsense"):
        upgrade(url, NOW, migrate=True)
    with psycopg.connect(url) as connection:
        assert connection.execute("select to_regclass('half'), max(version) from schema_version").fetchall() == [
            (None, NEWEST)
        ]


WRITE = """insert into events (org, id, at, type, result, actor, detail)
    values ('o', decode(md5(%s), 'hex'), 1, 't', 'ok', 'a', '')"""


@pytest.fixture
def url() -> str:
    """A database with the schema of this version."""
    url = postgres.databases().new()
    upgrade(url, NOW, migrate=False)
    return url


@pytest.fixture
def later(url: str, monkeypatch: pytest.MonkeyPatch) -> Migration:
    """The migration of the next version: an index on a table that is large by then."""
    later = Migration(NEWEST + 1, "later", indexes=("events_by_type on events (org, type)",))
    for module in ("store.migrations", "flows.upkeep.schema"):
        monkeypatch.setattr(f"gatepost.{module}.MIGRATIONS", (*MIGRATIONS, later))
        monkeypatch.setattr(f"gatepost.{module}.NEWEST", later.number)
    return later


def is_built(url: str) -> bool:
    with psycopg.connect(url) as connection:
        found = connection.execute("select indisvalid from pg_index where indexrelid = to_regclass('events_by_type')")
        return found.fetchall() == [(True,)]


def migrate_now(url: str) -> None:
    database = find_database(url)
    with closing(database.open_patiently()) as store:
        asyncio.run(migrate(database, store, NOW, lambda *_: None))


def test_an_index_on_a_large_table_is_built_while_others_write(url: str, later: Migration) -> None:
    building = "select 1 from pg_stat_activity where state = 'active' and query ~ '^create index.*events_by_type'"
    with ThreadPoolExecutor(1) as pool, psycopg.connect(url) as slow, psycopg.connect(url, autocommit=True) as quick:
        slow.execute(WRITE, ("slow",))
        migrating = pool.submit(migrate_now, url)
        while not quick.execute(building).fetchall():
            assert not migrating.done(), migrating.result()
            time.sleep(0.01)
        quick.execute("set lock_timeout = '500ms'")
        quick.execute(WRITE, ("quick",))
        assert not migrating.done()
        slow.commit()
        migrating.result(30)
    assert is_built(url)
    assert upgrade(url, NOW, migrate=False) == later.number


def test_an_index_that_was_half_built_is_built_anew(url: str, later: Migration) -> None:
    build(url, later)
    with psycopg.connect(url) as connection:
        connection.execute("update pg_index set indisvalid = false where indexrelid = 'events_by_type'::regclass")
    assert not is_built(url)
    build(url, later)
    assert is_built(url)


def test_two_who_build_one_index_both_come_to_an_end(url: str, later: Migration) -> None:
    with ThreadPoolExecutor(2) as pool:
        for each in [pool.submit(build, url, later) for _ in range(2)]:
            each.result(30)
    assert is_built(url)


def test_grants_keep_room_for_refreshes_unless_somebody_has_decided() -> None:
    url = postgres.databases().new()
    asked = "select reloptions from pg_class where oid = 'grants'::regclass"
    upgrade(url, NOW, migrate=False)
    with psycopg.connect(url, autocommit=True) as connection:
        assert connection.execute(asked).fetchall() == [(["fillfactor=80"],)]
        connection.execute("alter table grants set (fillfactor = 95)")
        upgrade(url, NOW, migrate=False)
        assert connection.execute(asked).fetchall() == [(["fillfactor=95"],)]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://ann:hunter2@db.example:6432/gatepost?sslmode=require", "postgresql://db.example:6432/gatepost"),
        ("postgresql://a:x@one,two:6432/g", "postgresql://one,two:6432/g"),
        ("postgresql:///g?host=/run/pg", "postgresql:///run/pg/g"),
    ],
)
def test_a_database_is_shown_without_its_secrets(url: str, expected: str) -> None:
    assert shown(url) == expected


@pytest.mark.parametrize("url", ["postgresql://ann:hunter2@[h/d", "postgresql://h/d?nonsense=1"])
def test_a_url_that_cannot_be_read_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(GatepostError) as refused:
        PostgresStore(url)
    assert refused.value.exit == 3
    assert "hunter2" not in f"{refused.value} {refused.value.detail} {refused.value.fix}"
