"""`gatepost copy`: a move between databases after which every token goes on, however often it was cut short."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

import postgres
from gatepost.errors import GatepostError
from gatepost.flows.callers import authenticate_key
from gatepost.flows.instance import Instance
from gatepost.flows.introspect import VerifiedTokens, introspect
from gatepost.flows.refresh import refresh
from gatepost.flows.upkeep.copy import TABLES, copy_instance
from gatepost.opening import open_instance
from gatepost.secrets import Keyring, Secret, new_id
from gatepost.settings import Settings
from gatepost.store.copying import read_page
from gatepost.store.engines import find_database
from gatepost.store.migrations import UNFINISHED
from gatepost.store.orgs import make_org
from gatepost.store.question import SQL, Row, Steps, Store, question
from gatepost.store.sqlite import connect, transact
from store.world import act, populate

from .conftest import ISSUER, Gatepost, Shop

T = TypeVar("T")

MANY = 20_000

Databases = Callable[[str], str]
"""The URL of a new database, `sqlite` or `postgres`."""


@pytest.fixture
def databases(tmp_path: Path) -> Iterator[Databases]:
    server, made = postgres.start(), list[str]()

    def new(kind: str) -> str:
        if kind == "sqlite":
            return f"sqlite:///{tmp_path / f'{new_id().hex()}.db'}"
        made.append(f"copy_{new_id().hex()}")
        return server.create(made[-1])

    yield new
    with server.connect("postgres") as connection:
        for name in made:
            connection.execute(f"drop database {name} with (force)")


def on(url: str, work: Callable[[Store], Awaitable[T]], *, migrate: bool = False) -> T:
    """Work on a database as it is."""

    async def run() -> T:
        database = find_database(url)
        if migrate:
            database.upgrade(0, migrate=True)
        with contextlib.closing(database.open_patiently()) as store:
            return await work(store)

    return asyncio.run(run())


async def fill(store: Store) -> None:
    """Two organizations that have one of everything."""
    await populate(store, "acme")
    await populate(store, "zürich")


async def fill_with_many(store: Store) -> None:
    world = await populate(store, "acme")

    @question
    def insert() -> Steps[None]:
        for _ in range(MANY):
            yield SQL(
                """insert into grants (org, id, client_id, scope, generation, salt, epoch, created_at, rotated_at,
                    last_used_at, uses, idle_ttl, expires_at) values (?, ?, ?, 'read', 1, ?, 1, 1, 1, 1, 0, 60, 60)""",
                (world.org, new_id(), world.client_id, os.urandom(16)),
            )

    await store.ask(insert())


async def everything(store: Store) -> dict[str, set[Row]]:
    """Every row of every table."""
    return {table.name: set(await store.read(read_page(table, None, 1 << 20))) for table in TABLES}


@question
def run(text: str, *params: Any) -> Steps[list[Row]]:
    return (yield SQL(text, params))


def without_the_copy_itself(rows: dict[str, set[Row]]) -> dict[str, set[Row]]:
    """What a finished copy has more than its original is the event that tells of it, and that moves policy's version."""
    return rows | {
        "events": {row for row in rows["events"] if "instance.copied" not in row},
        "versions": {row for row in rows["versions"] if "policy" not in row},
    }


def assert_same(new: str, old: str) -> None:
    assert without_the_copy_itself(on(new, everything)) == without_the_copy_itself(on(old, everything))


@pytest.mark.parametrize("source", ["sqlite", "postgres"])
@pytest.mark.parametrize("target", ["sqlite", "postgres"])
def test_everything_is_on_the_other_side(gatepost: Gatepost, databases: Databases, source: str, target: str) -> None:
    old, new = databases(source), databases(target)
    on(old, fill, migrate=True)
    before = on(old, everything)
    told = gatepost.json("copy", "--from", old, "--to", new)
    assert told["whole"]
    assert told["written"] == sum(map(len, before.values())) == sum(told["counts"].values())
    assert on(old, everything) == before
    assert_same(new, old)
    assert len(on(new, everything)["events"]) == len(before["events"]) + 1


def test_tokens_that_were_issued_before_go_on_working(gatepost: Gatepost, shop: Shop, databases: Databases) -> None:
    new = databases("postgres")
    gatepost.json("copy", "--to", new)
    settings = Settings(data=str(gatepost.data), database=Secret(new))

    async def use(instance: Instance) -> tuple[Any, Any]:
        caller = await authenticate_key(instance, f"Bearer {shop.api_key}")
        seen = await introspect(instance, VerifiedTokens(), caller, shop.tokens.access_token)
        return seen, await refresh(instance, shop.tokens.refresh_token or "", "127.0.0.1")

    async def serve() -> tuple[Any, Any]:
        instance = open_instance(settings, ISSUER)
        with contextlib.closing(instance.store):
            return await use(instance)

    seen, issued = asyncio.run(serve())
    assert seen["active"]
    assert issued.refresh_token != shop.tokens.refresh_token


def _command(*arguments: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "gatepost", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_a_copy_that_was_killed_goes_on_where_it_was(gatepost: Gatepost, databases: Databases) -> None:
    old, new = databases("sqlite"), databases("postgres")
    on(old, fill_with_many, migrate=True)
    with _command("copy", "--from", old, "--to", new, "--json") as process:
        count = 0
        while count < MANY // 10:
            assert process.poll() is None, "it was done before it could be killed"
            with contextlib.suppress(Exception):
                count = on(new, lambda store: store.read(run("select count(*) from grants")))[0][0]
        process.send_signal(signal.SIGKILL)
    gatepost.data.mkdir()
    (gatepost.data / "instance.key").write_text(Keyring.fresh_text())
    assert "copy that is not finished" in gatepost.refused(3, "org", "list", "--database", new)["message"]
    told = gatepost.json("copy", "--from", old, "--to", new)
    assert told["resumed"]
    assert 0 < told["written"] < MANY
    assert_same(new, old)


def test_what_differs_is_found_and_mended(gatepost: Gatepost, databases: Databases) -> None:
    """A row that was changed in the unfinished copy, one that is gone, one too many."""
    old, new = databases("sqlite"), databases("postgres")
    on(old, fill, migrate=True)
    assert not gatepost.json("copy", "--from", old, "--to", new, "--live")["whole"]
    for change in (
        "update grants set scope = 'write' where revoked_at is null",
        "delete from redirect_uris",
        "update users set email = 'eve@example.com'",
        "insert into spent (org, kind, id, expires_at) select org, 'x', id, 1 from grants",
    ):
        on(new, lambda store, change=change: store.ask(run(change)))  # type: ignore[misc]  # mypy sees no default
    told = gatepost.json("copy", "--from", old, "--to", new)
    assert told["written"] == 2 + 2 + 2 + 4
    assert_same(new, old)


def test_what_the_source_did_meanwhile_is_caught_up_with(gatepost: Gatepost, databases: Databases) -> None:
    old, new = databases("postgres"), databases("sqlite")
    world = on(old, lambda store: populate(store, "acme"), migrate=True)
    gatepost.json("copy", "--from", old, "--to", new, "--live")
    on(old, lambda store: store.ask(run("delete from grants where id = ?", world.grant)))
    on(old, lambda store: populate(store, "later"))
    gatepost.json("copy", "--from", old, "--to", new)
    assert_same(new, old)


def test_a_source_that_is_written_while_it_is_compared_is_noticed(databases: Databases) -> None:
    old, new = databases("sqlite"), databases("sqlite")
    on(old, fill, migrate=True)
    source, target = find_database(old), find_database(new)
    target.upgrade(0, migrate=False)
    assert source.file
    scribe = connect(source.file)

    late = iter([make_org(new_id(), "Late", 1, act())])

    def scribble(done: int, total: int | None) -> None:
        if done == total:
            transact(scribe.cursor(), list(late))

    copying = copy_instance(source, target, act(), is_live=False, on_copied=lambda *_: None, on_compared=scribble)
    with pytest.raises(GatepostError, match="Somebody writes to the source"):
        asyncio.run(copying)
    scribe.close()
    assert target.upgrade(0, migrate=False) == UNFINISHED


def test_only_an_empty_database_is_copied_into(gatepost: Gatepost, databases: Databases) -> None:
    mine, other, target = databases("sqlite"), databases("sqlite"), databases("postgres")
    on(mine, fill, migrate=True)
    on(other, fill, migrate=True)
    before = on(other, everything)
    assert "holds data" in gatepost.refused(5, "copy", "--from", mine, "--to", other)["message"]
    assert on(other, everything) == before
    gatepost.json("copy", "--from", other, "--to", target, "--live")
    assert "another instance" in gatepost.refused(5, "copy", "--from", mine, "--to", target)["message"]
    gatepost.json("copy", "--from", other, "--to", target)
    assert "holds data" in gatepost.refused(5, "copy", "--from", other, "--to", target)["message"]


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_source_with_a_server_is_copied_live_or_not_at_all(
    gatepost: Gatepost, databases: Databases, kind: str
) -> None:
    old, new = databases(kind), databases("sqlite")
    on(old, fill, migrate=True)
    environment = {**os.environ, "GATEPOST_DATABASE": old, "GATEPOST_DATA": str(gatepost.data)}
    arguments = ["serve", "--issuer", "http://127.0.0.1:1", "--port", "0", "--json"]
    gatepost.data.mkdir()
    (gatepost.data / "instance.key").write_text(Keyring.fresh_text())
    with subprocess.Popen(
        [sys.executable, "-m", "gatepost", *arguments], stdout=subprocess.PIPE, env=environment
    ) as server:
        assert server.stdout
        assert json.loads(server.stdout.readline())["ready"]
        # The server opens its connections when somebody asks it; here, for what is to be sent.
        time.sleep(0.5)
        gatepost.refused(5, "copy", "--from", old, "--to", new)
        assert not gatepost.json("copy", "--from", old, "--to", new, "--live")["whole"]
        server.terminate()
    assert gatepost.json("copy", "--from", old, "--to", new)["whole"]


def test_the_source_is_only_read(gatepost: Gatepost, databases: Databases) -> None:
    """A database user without the right to write is enough."""
    old, new = databases("postgres"), databases("sqlite")
    on(old, fill, migrate=True)
    server, name = postgres.start(), old.rpartition("/")[2]
    role = f"reader_{new_id().hex()}"
    with server.connect(name) as connection:
        connection.execute(f"create role {role} login; grant pg_read_all_data to {role}")
    try:
        assert gatepost.json("copy", "--from", old.replace("gatepost@", f"{role}@"), "--to", new)["whole"]
    finally:
        with server.connect(name) as connection:
            connection.execute(f"drop owned by {role}; drop role {role}")


def test_what_makes_no_sense_is_refused(gatepost: Gatepost, databases: Databases) -> None:
    old, new = databases("sqlite"), databases("sqlite")
    gatepost.refused(2, "copy")
    gatepost.refused(4, "copy", "--from", old, "--to", new)
    on(old, fill, migrate=True)
    gatepost.refused(2, "copy", "--from", old, "--to", old)
    on(old, lambda store: store.ask(run("delete from schema_version")))
    assert "gatepost migrate" in gatepost.refused(3, "copy", "--from", old, "--to", new)["fix"]


def test_people_are_told_what_to_do_next(gatepost: Gatepost, acme: str, databases: Databases) -> None:
    new = databases("sqlite")
    live = gatepost("copy", "--to", new, "--live")
    assert "without --live" in live.err
    done = gatepost("copy", "--to", new)
    assert "same instance key" in done.out
    assert "1 orgs" in done.out
