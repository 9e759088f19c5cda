"""What the PostgreSQL engine promises beyond the contract: groups, retries, bounds, and what becomes of a lost commit."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import psycopg
import pytest

import postgres
from gatepost.secrets import new_id
from gatepost.store.events import policy_version
from gatepost.store.orgs import list_orgs, make_org, set_org_disabled
from gatepost.store.postgres import PostgresStore, link
from gatepost.store.postgres.schema import upgrade
from gatepost.store.question import SQL, Question, Row, Steps, Value, question
from gatepost.store.spent import spend

from .test_sqlite import break_statement, fail, names
from .world import EPOCH, NOW, act

SLACK = 2.0
"""What a busy machine may add to a bound."""


@pytest.fixture
def url() -> str:
    return postgres.databases().migrated()


@pytest.fixture
def store(url: str) -> Iterator[PostgresStore]:
    store = PostgresStore(url)
    yield store
    store.close()


@question
def one(text: str, *params: Value) -> Steps[list[Row]]:
    return (yield SQL(text, params))


def new_org(name: str = "Acme") -> Question[Any]:
    return make_org(new_id(), name, EPOCH, act())


async def ids(store: PostgresStore) -> set[bytes]:
    return {org.id for org in await store.read(list_orgs(limit=10**6))}


# What is asked together


async def test_what_is_asked_together_is_committed_together(store: PostgresStore) -> None:
    await asyncio.gather(*(store.ask(new_org()) for _ in range(200)))
    assert len(await ids(store)) == 200
    rows = await store.read(one("select count(distinct xmin::text) from orgs"))
    assert rows[0][0] < 100


@pytest.mark.parametrize("culprit", [lambda: fail(new_id()), break_statement], ids=["question", "statement"])
async def test_a_question_that_raises_costs_its_neighbours_nothing(
    store: PostgresStore, culprit: Callable[[], Question[Any]]
) -> None:
    asks = [store.ask(new_org()) for _ in range(10)]
    asks.insert(5, store.ask(culprit()))
    outcomes = await asyncio.gather(*asks, return_exceptions=True)
    assert isinstance(outcomes.pop(5), LookupError | psycopg.errors.UndefinedTable)
    made = {outcome.id for outcome in outcomes if not isinstance(outcome, BaseException)}
    assert len(made) == 10
    assert await ids(store) == made
    assert await store.read(names()) == []


async def test_nodes_that_fight_for_the_same_ids_wait_in_a_line(url: str) -> None:
    """In a ring they would wait until the database breaks it, a second later. A disk that stands still is none of it."""
    stores = [PostgresStore(url, deadline=30) for _ in range(3)]
    took = []
    for _ in range(4):
        presented = [new_id() for _ in range(300)]
        asks = [
            each.ask(spend("proof", id, NOW, NOW + 60, NOW))
            for each in stores
            for id in random.sample(presented, len(presented))
        ]
        began = time.monotonic()
        assert sum(await asyncio.gather(*asks)) == len(presented)
        took.append(time.monotonic() - began)
    for each in stores:
        each.close()
    assert min(took[1:]) < 0.8


async def test_a_read_that_raises_costs_its_neighbours_nothing(store: PostgresStore) -> None:
    await store.ask(new_org())
    asks: list[Awaitable[Any]] = [store.read(list_orgs()) for _ in range(5)]
    asks.insert(2, store.read(break_statement()))
    outcomes = await asyncio.gather(*asks, return_exceptions=True)
    assert isinstance(outcomes.pop(2), psycopg.errors.UndefinedTable)
    assert [len(outcome) for outcome in outcomes if isinstance(outcome, list)] == [1] * 5


async def test_a_caller_who_gives_up_costs_its_neighbours_nothing(store: PostgresStore) -> None:
    asks = [asyncio.ensure_future(store.ask(new_org())) for _ in range(3)]
    await asyncio.sleep(0)
    asks[1].cancel()
    first, gone, third = await asyncio.gather(*asks, return_exceptions=True)
    assert isinstance(gone, asyncio.CancelledError)
    assert not isinstance(first, BaseException)
    assert not isinstance(third, BaseException)
    assert await store.ask(new_org())


async def test_more_statements_than_are_kept_prepared_run_all_the_same(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "PREPARED", 2)
    for number in range(6):
        assert await store.read(one(f"select ?, {number}", "x")) == [("x", number)]
        assert await store.ask(one(f"select ?, {number}", "x")) == [("x", number)]


@question
def make_names(count: int) -> Steps[int]:
    for number in range(count):
        yield SQL("insert into names (org, kind, name, owner) values (?, 'test', ?, ?)", (b"", str(number), b""))
    return count


async def test_a_question_may_say_as_much_as_it_likes_before_it_is_answered(store: PostgresStore) -> None:
    assert await store.ask(make_names(5000)) == 5000
    assert await store.read(one("select count(*) from names where kind = 'test'")) == [(5000,)]


# Values


@pytest.mark.parametrize(
    "value",
    [b"", bytes(range(256)), "", "ÄöŁ 🦊 \x01 \u2028", 0, -1, 2**63 - 1, -(2**63), None],
    ids=["no bytes", "all bytes", "no text", "text", "0", "-1", "most", "least", "null"],
)
async def test_a_value_comes_back_as_it_went(store: PostgresStore, value: Value) -> None:
    kind = {bytes: "bytea", str: "text", int: "bigint", type(None): "text"}[type(value)]
    assert await store.read(one(f"select cast(? as {kind})", value)) == [(value,)]
    assert await store.ask(one(f"select cast(? as {kind})", value)) == [(value,)]


async def test_a_comparison_answers_one_or_zero(store: PostgresStore) -> None:
    assert repr(await store.read(one("select 1 = 1, 1 = 2, cast(null as boolean)"))) == "[(1, 0, None)]"


async def test_statements_are_planned_as_they_are_written(store: PostgresStore) -> None:
    """To weigh all orders of nine tables, or to compile a plan, takes longer than to look a page of grants up."""
    settings = "select current_setting('join_collapse_limit'), current_setting('jit')"
    assert await store.read(one(settings)) == await store.ask(one(settings)) == [("1", "off")]


async def test_text_sorts_by_its_bytes(store: PostgresStore) -> None:
    """The test server's own collation sorts as people do, and would put B behind a."""
    for name in ("b", "B", "a", "A", "ä"):
        await store.ask(one("insert into names (org, kind, name, owner) values (?, 'test', ?, ?)", b"", name, b""))
    rows = await store.read(one("select name from names where kind = 'test' order by name"))
    assert [name for (name,) in rows] == ["A", "B", "a", "b", "ä"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("select ?", 2**63),
        ("select ?", "\x00"),
        ("select ?", "\ud800"),
        ("select sum(id) from (select cast(1 as bigint) as id) a where ? = 1", 1),
    ],
    ids=["number", "NUL", "surrogate", "sum"],
)
async def test_what_cannot_be_said_is_refused_and_does_no_harm(store: PostgresStore, text: str, value: Value) -> None:
    """A number of more than 64 bits, text with a NUL, and an answer of a type that SQLite would give differently."""
    with pytest.raises((OverflowError, UnicodeEncodeError, psycopg.Error)):
        await store.read(one(text, value))
    with pytest.raises((OverflowError, UnicodeEncodeError, psycopg.Error)):
        await store.ask(one(text, value))
    assert await store.ask(new_org())


# What is recent

VERSION = policy_version()


async def start_listening(store: PostgresStore, url: str) -> None:
    """Have the store keep what is recent, and wait until it would be told."""

    def wait() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not connection.execute("select 1 from pg_stat_activity where query like 'listen %'").fetchall():
                time.sleep(0.01)

    await store.recent(VERSION)
    await asyncio.to_thread(wait)
    await asyncio.sleep(0.05)


async def test_what_changed_elsewhere_is_seen_within_a_second(url: str, store: PostgresStore) -> None:
    other = PostgresStore(url)
    org = (await store.ask(new_org())).id
    for disabled in (True, False) * 3:
        before = await store.recent(VERSION)
        await other.ask(set_org_disabled(org, disabled, act()))
        began = time.monotonic()
        while await store.recent(VERSION) == before:
            assert time.monotonic() - began < 1 + SLACK
            await asyncio.sleep(0.002)
    other.close()


async def test_a_listener_is_told_at_once(url: str, store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the second behind it."""
    monkeypatch.setattr("gatepost.store.postgres.recent.KEPT_SECONDS", 3600)
    monkeypatch.setattr("gatepost.store.postgres.recent.RENEWED_SECONDS", 3600)
    other = PostgresStore(url)
    org = (await store.ask(new_org())).id
    await start_listening(store, url)
    for disabled in (True, False, True):
        before = await store.recent(VERSION)
        await other.ask(set_org_disabled(org, disabled, act()))
        began = time.monotonic()
        while await store.recent(VERSION) == before:
            assert time.monotonic() - began < SLACK
            await asyncio.sleep(0.002)
    other.close()


async def test_without_a_listener_a_second_is_enough(url: str, store: PostgresStore) -> None:
    org = (await store.ask(new_org())).id
    await store.ask(one("drop trigger gatepost on versions"))
    try:
        await start_listening(store, url)
        before = await store.recent(VERSION)
        await store.ask(set_org_disabled(org, True, act()))
        assert await store.recent(VERSION) == before, "it was kept, so there is something to wait for"
        await asyncio.sleep(1.01)
        assert await store.recent(VERSION) > before
    finally:
        upgrade(url, NOW, migrate=False)


async def test_what_is_recent_is_not_read_again(url: str, store: PostgresStore) -> None:
    await start_listening(store, url)
    asked, other = one("select clock_timestamp()::text"), one("select clock_timestamp()::text")
    first = await store.recent(asked)
    assert await store.recent(asked) == first
    assert await store.recent(other) != first
