"""What the SQLite engine promises beyond the contract: group commit, durability, and grace when the file refuses."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from gatepost.errors import GatepostError, StoreUnavailableError
from gatepost.records import Org
from gatepost.secrets import new_id
from gatepost.store.events import list_events
from gatepost.store.migrations import MIGRATIONS, NEWEST
from gatepost.store.orgs import find_org, list_orgs, make_org
from gatepost.store.question import SQL, Steps, question
from gatepost.store.sqlite import BUSY_MS, SqliteStore, check_version, connect, upgrade

from .world import EPOCH, NOW, act


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "gatepost.db"
    upgrade(path, NOW, migrate=True)
    return path


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(path)
    yield store
    store.close()


@question
def fail(org: bytes) -> Steps[None]:
    """Writes, then raises: nothing of it may stay."""
    yield SQL("insert into names (org, kind, name, owner) values (?, 'test', 'left behind', ?)", (org, org))
    raise LookupError("a fault of this question alone")


@question
def break_statement() -> Steps[None]:
    yield SQL("insert into nowhere values (1)")


@question
def break_constraint(org: bytes) -> Steps[None]:
    """Fails in the middle of what it writes, and SQLite itself undoes the transaction."""
    two = "select ? as org, ? as owner union all select ?, ?"
    yield SQL(
        f"insert into names (org, kind, name, owner) select org, 'test', 'left behind', owner from ({two})", (org,) * 4
    )


@question
def refuse() -> Steps[LookupError]:
    """Has a refusal as its outcome: what it did stays done."""
    yield SQL("select 1 from orgs where org = ?", (b"",))
    return LookupError("a refusal")


@question
def names() -> Steps[list[str]]:
    rows = yield SQL("select name from names where org = ? or org <> ?", (b"", b""))
    return [row[0] for row in rows]


def new_org() -> tuple[bytes, str, int]:
    return new_id(), "Acme", EPOCH


async def test_what_is_asked_together_is_committed_together(store: SqliteStore, path: Path) -> None:
    """A reader beside it sees none of it or all of it."""
    watcher = connect(path)
    counts: set[object] = set()
    asks = [asyncio.ensure_future(store.ask(make_org(*new_org(), act()))) for _ in range(100)]
    while not all(ask.done() for ask in asks):
        counts.add(watcher.execute("select count(*) from orgs").fetchall()[0][0])
        await asyncio.sleep(0)
    watcher.close()
    assert counts <= {0, 100}
    assert len(await store.read(list_orgs())) == 100


async def test_more_than_a_batch_is_answered_in_turn(store: SqliteStore) -> None:
    await asyncio.gather(*(store.ask(make_org(*new_org(), act())) for _ in range(1000)))
    assert len(await store.read(list_orgs(limit=2000))) == 1000


@pytest.mark.parametrize(
    "culprit",
    [lambda: fail(new_id()), break_statement, lambda: break_constraint(new_id())],
    ids=["question", "statement", "constraint"],
)
async def test_a_question_that_raises_costs_its_neighbours_nothing(store: SqliteStore, culprit: Any) -> None:
    asks = [store.ask(make_org(*new_org(), act())) for _ in range(10)]
    asks.insert(5, store.ask(culprit()))
    outcomes = await asyncio.gather(*asks, return_exceptions=True)
    assert isinstance(outcomes.pop(5), LookupError | apsw.SQLError | apsw.ConstraintError)
    made = {outcome.id for outcome in outcomes if not isinstance(outcome, BaseException)}
    assert len(made) == 10
    assert {org.id for org in await store.read(list_orgs())} == made
    assert await store.read(names()) == []


async def test_a_refusal_leaves_nothing_for_the_collector_of_garbage(store: SqliteStore) -> None:
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            with pytest.raises(LookupError):
                await store.ask(refuse())
        await asyncio.sleep(0.1)
        assert gc.collect() < 20
    finally:
        gc.enable()


async def test_a_caller_who_gives_up_costs_its_neighbours_nothing(store: SqliteStore) -> None:
    asks = [asyncio.ensure_future(store.ask(make_org(*new_org(), act()))) for _ in range(3)]
    await asyncio.sleep(0)
    asks[1].cancel()
    first, gone, third = await asyncio.gather(*asks, return_exceptions=True)
    assert isinstance(gone, asyncio.CancelledError)
    assert not isinstance(first, BaseException)
    assert not isinstance(third, BaseException)
    assert await store.ask(make_org(*new_org(), act()))


async def test_everybody_refused_gets_an_error_of_their_own(path: Path) -> None:
    """One exception raised in many tasks would carry all their traces, and whatever one of them notes on it."""
    store = SqliteStore(path)
    store.close()
    refused = await asyncio.gather(*(store.ask(make_org(*new_org(), act())) for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in refused] == [StoreUnavailableError] * 3
    assert len(set(map(id, refused))) == 3


async def test_closing_refuses_who_still_waits_and_keeps_who_was_answered(path: Path) -> None:
    store = SqliteStore(path)
    answered = await store.ask(make_org(*new_org(), act()))
    waiting = [asyncio.ensure_future(store.ask(make_org(*new_org(), act()))) for _ in range(3)]
    await asyncio.sleep(0)
    store.close()
    outcomes = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 5)
    assert all(isinstance(outcome, StoreUnavailableError | Org) for outcome in outcomes)
    again = SqliteStore(path)
    kept = {org.id for org in await again.read(list_orgs())}
    again.close()
    acknowledged = {outcome.id for outcome in outcomes if not isinstance(outcome, BaseException)}
    assert kept == acknowledged | {answered.id}


def limit_pages(store: SqliteStore, pages: int) -> None:
    """The file may not grow past so many pages: SQLite then refuses as it does on a full disk."""
    store._writing.connection.pragma("max_page_count", pages)


async def test_a_full_disk_refuses_writes_only_and_recovers(store: SqliteStore, path: Path) -> None:
    known = await store.ask(make_org(*new_org(), act()))
    used = store._writing.connection.pragma("page_count")
    limit_pages(store, used)
    big = "x" * 100_000
    refused = await asyncio.gather(
        *(store.ask(make_org(new_id(), big, EPOCH, act())) for _ in range(3)), return_exceptions=True
    )
    assert [type(each) for each in refused] == [StoreUnavailableError] * 3
    assert all(isinstance(each, GatepostError) and each.status == 503 for each in refused)
    assert await store.read(find_org(known.id)) == known
    assert [org.id for org in await store.read(list_orgs())] == [known.id], "nothing of a refused write stays"
    limit_pages(store, 1 << 30)
    assert await store.ask(make_org(new_id(), big, EPOCH, act()))
    assert connect(path).execute("pragma integrity_check").fetchall() == [("ok",)]


LOCKER = """
import sys, apsw
connection = apsw.Connection(sys.argv[1])
connection.execute("begin exclusive")
print("locked", flush=True)
sys.stdin.read()
connection.execute("rollback")
"""


@pytest.fixture
def locker(path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process that holds the write lock until its standard input ends."""
    command = [sys.executable, "-c", LOCKER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "locked\n"
        yield process
        if process.stdin and not process.stdin.closed:
            process.stdin.close()


async def test_a_locked_database_refuses_writes_in_time_and_reads_go_on(
    store: SqliteStore, locker: "subprocess.Popen[str]"
) -> None:
    began = time.monotonic()
    write = asyncio.ensure_future(store.ask(make_org(*new_org(), act())))
    slowest = 0.0
    while not write.done():
        before = time.monotonic()
        assert await store.read(list_orgs()) == []
        await asyncio.sleep(0.005)
        slowest = max(slowest, time.monotonic() - before)
    waited = time.monotonic() - began
    with pytest.raises(StoreUnavailableError) as refused:
        await write
    assert refused.value.status == 503
    assert BUSY_MS / 1000 * 0.9 <= waited <= BUSY_MS / 1000 + 2
    assert slowest < 0.5, "the event loop never waits for the lock"
    assert locker.stdin
    locker.stdin.close()
    locker.wait()
    assert await store.ask(make_org(*new_org(), act())), "it recovers by itself"


async def test_a_lock_that_goes_in_time_costs_only_the_wait(
    store: SqliteStore, locker: "subprocess.Popen[str]"
) -> None:
    write = asyncio.ensure_future(store.ask(make_org(*new_org(), act())))
    await asyncio.sleep(0.2)
    assert not write.done()
    assert locker.stdin
    locker.stdin.close()
    assert await asyncio.wait_for(write, 5)


WRITER = """
import asyncio, sys
from pathlib import Path
from typing import Any
from gatepost.records import Org
from gatepost.secrets import new_id
from gatepost.store.events import Act
from gatepost.store.orgs import make_org
from gatepost.store.sqlite import SqliteStore

async def write():
    store = SqliteStore(Path(sys.argv[1]))
    async def one():
        while True:
            org = await store.ask(make_org(new_id(), "Acme", 1, Act(1, "test")))
            print(org.id.hex(), flush=True)
    await asyncio.gather(*(one() for _ in range(8)))

asyncio.run(write())
"""


def write_until_killed(path: Path, cycles: int) -> set[str]:
    """What processes that write to the database had acknowledged when they were killed, one after the other."""
    acknowledged: set[str] = set()
    for cycle in range(cycles):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            acknowledged |= {process.stdout.readline().strip() for _ in range(20 + cycle)}
            os.kill(process.pid, signal.SIGKILL)
            acknowledged |= {line.strip() for line in process.stdout if line.endswith("\n")}
    return acknowledged


async def test_a_killed_process_loses_nothing_it_acknowledged(path: Path) -> None:
    acknowledged = await asyncio.to_thread(write_until_killed, path, 3)
    assert len(acknowledged) >= 60
    store = SqliteStore(path)
    kept = {org.id.hex() for org in await store.read(list_orgs(limit=10**6))}
    assert acknowledged <= kept
    for org in await store.read(list_orgs(limit=10**6)):
        assert len(await store.read(list_events(org.id, 9))) == 1, "the act and its event are one"
    store.close()
    assert connect(path).execute("pragma integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),
        ("journal_size_limit", 64 << 20),
        ("busy_timeout", BUSY_MS),
        ("cell_size_check", 1),
    ],
)
def test_every_connection_is_durable(path: Path, pragma: str, value: object) -> None:
    assert connect(path).pragma(pragma) == value


def test_the_writer_is_durable_too(store: SqliteStore) -> None:
    assert store._writing.connection.pragma("synchronous") == 2
    assert store._writing.connection.pragma("journal_mode") == "wal"


def test_plans_do_not_depend_on_parameters(path: Path) -> None:
    assert connect(path).config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, -1) == 1


@pytest.mark.parametrize("version", ["3.51.2", "3.50.9", "2.99.99", "3.9.0"])
def test_an_sqlite_that_can_corrupt_is_refused(version: str) -> None:
    with pytest.raises(GatepostError, match="can corrupt") as refused:
        check_version(version)
    assert refused.value.exit == 3


@pytest.mark.parametrize("version", ["3.51.3", "3.54.1", "3.100.0", "4.0.0", "3.52.0.1"])
def test_a_sound_sqlite_is_welcome(version: str) -> None:
    check_version(version)


def test_a_file_that_is_no_database_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "gatepost.db").write_text("not a database, " * 1000)
    with pytest.raises(StoreUnavailableError):
        upgrade(tmp_path / "gatepost.db", NOW, migrate=True)


def test_a_directory_that_is_not_there_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError):
        upgrade(tmp_path / "missing" / "gatepost.db", NOW, migrate=True)


async def test_many_can_open_a_new_file_at_once(tmp_path: Path) -> None:
    for number in range(10):
        fresh = tmp_path / f"{number}.db"
        opened = await asyncio.gather(*(asyncio.to_thread(upgrade, fresh, NOW, migrate=True) for _ in range(4)))
        assert set(opened) == {NEWEST}


def test_a_fresh_database_gets_the_whole_schema(tmp_path: Path) -> None:
    assert upgrade(tmp_path / "gatepost.db", NOW, migrate=False) == NEWEST


def test_an_older_schema_waits_for_consent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "gatepost.db"
    upgrade(path, NOW, migrate=False)
    later = MIGRATIONS[-1]._replace(number=NEWEST + 1, name="later", statements=("create table later (org {bytes})",))
    monkeypatch.setattr("gatepost.store.migrations.MIGRATIONS", (*MIGRATIONS, later))
    monkeypatch.setattr("gatepost.store.migrations.NEWEST", NEWEST + 1)
    assert upgrade(path, NOW, migrate=False) == NEWEST
    assert upgrade(path, NOW, migrate=True) == NEWEST + 1
    assert upgrade(path, NOW, migrate=True) == NEWEST + 1


def test_a_migration_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "gatepost.db"
    upgrade(path, NOW, migrate=False)
    broken = MIGRATIONS[-1]._replace(number=NEWEST + 1, statements=("create table half (org {bytes})", "nonsense"))
    monkeypatch.setattr("gatepost.store.migrations.MIGRATIONS", (*MIGRATIONS, broken))
    monkeypatch.setattr("gatepost.store.migrations.NEWEST", NEWEST + 1)
    with pytest.raises(apsw.SQLError):
        upgrade(path, NOW, migrate=True)
    assert connect(path).execute("select count(*) from sqlite_schema where name = 'half'").fetchall() == [(0,)]
    assert connect(path).execute("select max(version) from schema_version").fetchall() == [(NEWEST,)]
