"""The PostgreSQL engine when things go wrong: connections that end, locks, deadlocks, stalls, and commits without an answer."""

import asyncio
import time
from collections.abc import Awaitable, Iterator
from typing import Any

import psycopg
import pytest

import postgres
from gatepost.errors import StoreUnavailableError
from gatepost.store.events import list_events, policy_version
from gatepost.store.orgs import find_org, list_orgs, set_org_disabled
from gatepost.store.postgres import DEADLINE, PostgresStore, engine
from gatepost.store.postgres.schema import upgrade
from gatepost.store.question import SQL, Row, Steps, question
from proxy import Proxy

from .test_postgres import SLACK, ids, new_org, one
from .world import NOW, act

OTHERS = "pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"


@pytest.fixture
def url() -> str:
    return postgres.databases().migrated()


@pytest.fixture
def store(url: str) -> Iterator[PostgresStore]:
    store = PostgresStore(url)
    yield store
    store.close()


@pytest.fixture
def proxy(url: str) -> Iterator[Proxy]:
    with Proxy(postgres.databases().server.port).running() as proxy:
        yield proxy


@pytest.fixture
def through(url: str, proxy: Proxy) -> Iterator[PostgresStore]:
    """A store whose connections go through the proxy."""
    store = PostgresStore(url.replace(f":{postgres.databases().server.port}/", f":{proxy.port}/"))
    yield store
    store.close()


@pytest.fixture
def beside(url: str) -> Iterator["psycopg.Connection[Any]"]:
    """A connection beside the store, in a transaction of its own."""
    with psycopg.connect(url) as connection:
        yield connection


def end_others(connection: "psycopg.Connection[Any]") -> int:
    """End every other connection to the database, as an administrator can, and answer how many there were."""
    ended = connection.execute(f"select pg_terminate_backend(pid) from {OTHERS}").fetchall()
    connection.commit()
    return len(ended)


# Connections that end


async def test_an_ended_connection_is_replaced_and_nobody_notices(
    store: PostgresStore, beside: "psycopg.Connection[Any]"
) -> None:
    made = []
    for _ in range(5):
        made.append((await store.ask(new_org())).id)
        assert await store.read(find_org(made[-1]))
        assert end_others(beside) >= 2
        assert await store.read(find_org(made[-1]))
    assert await ids(store) == set(made)


async def test_connections_ended_under_load_cost_and_repeat_nothing(
    store: PostgresStore, beside: "psycopg.Connection[Any]"
) -> None:
    asks = [asyncio.ensure_future(store.ask(new_org())) for _ in range(20)]
    for _ in range(10):
        await asyncio.sleep(0.005)
        end_others(beside)
        asks += [asyncio.ensure_future(store.ask(new_org())) for _ in range(20)]
    made = {org.id for org in await asyncio.gather(*asks)}
    assert len(made) == 220
    assert await ids(store) == made
    for org in made:
        assert len(await store.read(list_events(org, 9))) == 1


async def test_without_a_database_everybody_is_refused_in_time(url: str) -> None:
    store = PostgresStore(url.replace(str(postgres.databases().server.port), str(postgres.free_port())))
    began = time.monotonic()
    asks: list[Awaitable[Any]] = [store.ask(new_org()), store.read(list_orgs()), store.recent(policy_version())]
    refused: list[Any] = await asyncio.gather(*asks, return_exceptions=True)
    assert [type(each) for each in refused] == [StoreUnavailableError] * 3
    assert len(set(map(id, refused))) == 3
    assert "refused" in refused[0].detail
    assert DEADLINE * 0.9 <= time.monotonic() - began <= DEADLINE + SLACK
    store.close()


async def test_a_full_queue_refuses_at_once(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "WAITING", 5)
    asks = [asyncio.ensure_future(each) for _ in range(8) for each in (store.ask(new_org()), store.read(list_orgs()))]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    refused = [ask for ask in asks if ask.done() and isinstance(ask.exception(), StoreUnavailableError)]
    assert len(refused) == 6
    outcomes = await asyncio.gather(*asks, return_exceptions=True)
    assert sum(not isinstance(outcome, BaseException) for outcome in outcomes) == 10


async def test_closing_keeps_who_was_answered_and_refuses_the_others(url: str) -> None:
    for pause in (0, 0, 0.001, 0.002, 0.004):
        store = PostgresStore(url)
        await store.ask(new_org())
        before = await ids(store)
        waiting = [asyncio.ensure_future(store.ask(new_org())) for _ in range(5)]
        await asyncio.sleep(pause)
        store.close()
        outcomes = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 5)
        assert {type(outcome).__name__ for outcome in outcomes} <= {"Org", "StoreUnavailableError"}
        with pytest.raises(StoreUnavailableError):
            await store.ask(new_org())
        again = PostgresStore(url)
        answered = {outcome.id for outcome in outcomes if not isinstance(outcome, BaseException)}
        assert await ids(again) == before | answered
        again.close()


def test_a_store_moves_from_one_event_loop_to_the_next(url: str) -> None:
    store = PostgresStore(url)
    for count in (1, 2, 3):
        asyncio.run(store.ask(new_org()))
        assert len(asyncio.run(ids(store))) == count
    store.close()


# Locks


async def test_a_locked_row_is_waited_for_and_the_neighbours_go_on(
    store: PostgresStore, beside: "psycopg.Connection[Any]"
) -> None:
    org = (await store.ask(new_org())).id
    beside.execute("update orgs set name = 'held' where org = %s", (org,))
    held = asyncio.ensure_future(store.ask(set_org_disabled(org, True, act())))
    others = [await store.ask(new_org()) for _ in range(5)]
    assert len(others) == 5
    assert not held.done()
    beside.commit()
    assert await held is True


async def test_who_waits_too_long_for_a_row_is_refused_in_time(
    store: PostgresStore, beside: "psycopg.Connection[Any]"
) -> None:
    org = (await store.ask(new_org())).id
    beside.execute("update orgs set name = 'held' where org = %s", (org,))
    began = time.monotonic()
    asks = [store.ask(set_org_disabled(org, True, act())) for _ in range(20)]
    refused = await asyncio.gather(*asks, return_exceptions=True)
    assert [type(each) for each in refused] == [StoreUnavailableError] * 20
    assert time.monotonic() - began <= DEADLINE + SLACK
    beside.commit()
    kept = await store.read(find_org(org))
    assert kept is not None
    assert (kept.name, kept.disabled_at) == ("held", None)
    assert await store.ask(set_org_disabled(org, True, act()))


@question
def rename_both(first: bytes, second: bytes) -> Steps[list[Row]]:
    """Locks two rows in this order, whatever anybody else does: a ring, if another does it the other way round."""
    yield SQL("update orgs set name = name || 'x' where org = ? returning 1", (first,))
    return (yield SQL("update orgs set name = name || 'y' where org = ? returning name", (second,)))


async def test_a_ring_of_locks_is_undone_and_both_succeed(url: str) -> None:
    stores = [PostgresStore(url) for _ in range(2)]
    a, b = [(await stores[0].ask(new_org())).id for _ in range(2)]
    for _ in range(5):
        await asyncio.gather(stores[0].ask(rename_both(a, b)), stores[1].ask(rename_both(b, a)))
    orgs = await stores[0].read(list_orgs())
    assert [(org.name.count("x"), org.name.count("y")) for org in orgs] == [(5, 5), (5, 5)]
    for store in stores:
        store.close()


# Commits without an answer


async def test_a_commit_whose_answer_is_lost_is_found_out(through: PostgresStore, proxy: Proxy) -> None:
    """Each of them is answered with its own outcome, and happened once."""
    await through.ask(new_org())
    for batch in (1, 10):
        before = await ids(through)
        proxy.lost_answers = 1
        made = {org.id for org in await asyncio.gather(*(through.ask(new_org()) for _ in range(batch)))}
        assert proxy.lost_answers == 0
        assert await ids(through) == before | made
        assert len(made) == batch


async def test_a_commit_that_never_arrives_is_made_again(through: PostgresStore, proxy: Proxy) -> None:
    await through.ask(new_org())
    for batch in (1, 10):
        before = await ids(through)
        proxy.lost_commits = 1
        made = {org.id for org in await asyncio.gather(*(through.ask(new_org()) for _ in range(batch)))}
        assert proxy.lost_commits == 0
        assert await ids(through) == before | made
    for org in await ids(through):
        assert len(await through.read(list_events(org, 9))) == 1


async def test_what_nobody_can_find_out_is_not_asked_again(
    url: str, through: PostgresStore, proxy: Proxy, beside: "psycopg.Connection[Any]"
) -> None:
    """A database that keeps no marks."""
    beside.execute("drop table commits")
    beside.commit()
    try:
        await through.ask(new_org())
        before = await ids(through)
        proxy.lost_answers = 1
        with pytest.raises(StoreUnavailableError, match="cannot know"):
            await through.ask(new_org())
        assert len(await ids(through) - before) == 1
    finally:
        upgrade(url, NOW, migrate=False)


async def test_marks_of_connections_long_gone_are_cleared_away(url: str, beside: "psycopg.Connection[Any]") -> None:
    beside.execute("insert into commits (link, number, at) values ('gone', 7, 1)")
    beside.commit()
    store = PostgresStore(url)
    await asyncio.gather(*(store.ask(new_org()) for _ in range(3)))
    store.close()
    rows = beside.execute("select link, number from commits").fetchall()
    assert rows
    assert b"gone" not in [link for link, _ in rows]


async def test_connections_cut_under_load_lose_and_repeat_nothing(through: PostgresStore, proxy: Proxy) -> None:
    asks = []
    for number in range(12):
        asks += [asyncio.ensure_future(through.ask(new_org())) for _ in range(10)]
        await asyncio.sleep(0.004 * (number % 4))
        await asyncio.to_thread(proxy.cut)
    outcomes = await asyncio.gather(*asks, return_exceptions=True)
    made = {outcome.id for outcome in outcomes if not isinstance(outcome, BaseException)}
    assert {type(outcome).__name__ for outcome in outcomes} <= {"Org", "StoreUnavailableError"}
    assert made <= await ids(through)
    for org in await ids(through):
        assert len(await through.read(list_events(org, 9))) == 1


async def test_a_stalled_network_refuses_in_time_and_recovers(through: PostgresStore, proxy: Proxy) -> None:
    await asyncio.gather(*(through.ask(new_org()) for _ in range(5)), through.read(list_orgs()))
    await asyncio.to_thread(proxy.stall)
    began = time.monotonic()
    asks = [each for _ in range(10) for each in (through.ask(new_org()), through.read(list_orgs()))]
    refused = await asyncio.gather(*asks, return_exceptions=True)
    assert [type(each) for each in refused] == [StoreUnavailableError] * 20
    assert time.monotonic() - began <= DEADLINE + engine.GRACE + SLACK
    await asyncio.to_thread(proxy.resume)
    back = time.monotonic()
    while True:
        try:
            await through.ask(new_org())
            break
        except StoreUnavailableError:
            assert time.monotonic() - back <= 2 + SLACK
    assert await through.read(list_orgs())


# What the database says of itself


async def test_a_database_that_only_reads_refuses_writes_and_recovers(
    store: PostgresStore, url: str, beside: "psycopg.Connection[Any]"
) -> None:
    org = (await store.ask(new_org())).id
    beside.autocommit = True
    name = url.rpartition("/")[2]
    beside.execute(f"alter database {name} set default_transaction_read_only = on")
    end_others(beside)
    with pytest.raises(StoreUnavailableError, match="changed nothing"):
        await store.ask(new_org())
    assert await store.read(find_org(org))
    beside.execute("set default_transaction_read_only = off")
    beside.execute(f"alter database {name} reset default_transaction_read_only")
    assert await store.ask(new_org())


async def test_an_acknowledged_write_is_durable_whatever_the_databases_default(
    store: PostgresStore, url: str, beside: "psycopg.Connection[Any]"
) -> None:
    beside.autocommit = True
    name = url.rpartition("/")[2]
    beside.execute(f"alter database {name} set synchronous_commit = off")
    try:
        assert await store.ask(one("select current_setting('synchronous_commit')")) == [("on",)]
    finally:
        beside.execute(f"alter database {name} reset synchronous_commit")
