"""Millions of grants, written past the server in one statement."""

from contextlib import closing
from pathlib import Path

import psycopg

from gatepost.secrets import parse_id
from gatepost.store.sqlite import connect

from .nodes import World

COLUMNS = """org, id, client_id, scope, generation, salt, epoch, created_at, rotated_at, last_used_at, uses, idle_ttl,
    expires_at"""
ROWS = "'read', 7, {salt}, 1, {until} - 7776000, {until}, {until}, 7, 2592000, {until} - {count} + i"
FILL = {
    "sqlite": f"""with recursive numbers(i) as (select 1 union all select i + 1 from numbers where i < {{count}})
        insert into grants ({COLUMNS}) select ?, unhex(printf('%032x', i)), ?,
        {ROWS.replace("{salt}", "randomblob(16)")} from numbers""",
    "postgresql": f"""insert into grants ({COLUMNS}) select %s, decode(lpad(to_hex(i), 32, '0'), 'hex'), %s,
        {ROWS.replace("{salt}", "decode(md5(i::text), 'hex')")} from generate_series(1, {{count}}) i""",
}


def fill(url: str, world: World, count: int, until: int) -> None:
    """Make grants of the world's app, of which the last ends then, and each of the others a second before the next."""
    statement = FILL[url.partition(":")[0]].format(count=count, until=until)
    run(url, statement, (parse_id("org", world.org), world.client_id))


def run(url: str, statement: str, parameters: tuple[object, ...] = ()) -> list[tuple[int, ...]]:
    """What a statement answers, in a transaction of its own."""
    if url.startswith("sqlite"):
        with closing(connect(Path(url.removeprefix("sqlite:///")))) as connection:
            return list(connection.execute(statement, parameters))
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode(), parameters)
        return cursor.fetchall() if cursor.description else []
