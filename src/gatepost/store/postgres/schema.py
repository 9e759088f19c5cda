"""The schema on PostgreSQL: migrations run on a connection of their own, without the haste of a question."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import TypeVar

from psycopg import pq

from gatepost.errors import StoreUnavailableError
from gatepost.store import migrations
from gatepost.store.migrating import apply_all, apply_next, prepare
from gatepost.store.postgres import mark
from gatepost.store.postgres.faults import LostError, StatementError, fault_of
from gatepost.store.postgres.opening import APPLICATION, connect, conninfo_of
from gatepost.store.postgres.recent import CHANNEL
from gatepost.store.postgres.values import BINARY, Loading, declared, dump, numbered
from gatepost.store.question import SQL, Question, Row, Steps, drive, question

T = TypeVar("T")

DIALECT = {"bytes": "bytea", "text": 'text collate "C"', "table": ""}
"""Text sorts by its bytes, as in SQLite, whatever the database's own collation; and a new libc cannot break an index of it."""

ATTEMPTS = 10

LEAVING_TURNS = 20
"""How often we look whether somebody is still there: the server needs a moment to notice that a connection was closed."""

_PATIENT = SQL("set lock_timeout = 0")


def upgrade(url: str, now: int, *, migrate: bool) -> int:
    """Bring the schema up and answer the version it has now.

    A database without any gets all migrations at once; one that has some gets the missing ones only if `migrate` says so,
    each in a transaction of its own. Processes that do this at once wait for each other.
    """
    with closing(connect(conninfo_of(url), deadline=0)) as connection:
        pgconn = connection.pgconn
        try:
            _execute(pgconn, _PATIENT)
            version = transact(pgconn, prepare(DIALECT))
            if version == 0:
                version = transact(pgconn, apply_all(DIALECT, now))
            while migrate and version < migrations.NEWEST:
                _build(pgconn, migrations.MIGRATIONS[version])
                version = transact(pgconn, apply_next(DIALECT, now))
            transact(pgconn, _keep_marks())
            for extra in (_leave_room(), _announce_changes()):
                with _where_possible():
                    transact(pgconn, extra)
            return version
        except LostError as fault:
            raise StoreUnavailableError(str(fault)) from fault


def build(url: str, migration: migrations.Migration) -> None:
    """Build the indexes that a migration needs on large tables, ahead of it, while others write to them."""
    with closing(connect(conninfo_of(url), deadline=0)) as connection:
        try:
            _execute(connection.pgconn, _PATIENT)
            _build(connection.pgconn, migration)
        except LostError as fault:
            raise StoreUnavailableError(str(fault)) from fault


def exists(url: str) -> bool:
    """Whether the database has a schema of ours."""
    with closing(connect(conninfo_of(url), deadline=0)) as connection:
        return _execute(connection.pgconn, SQL("select to_regclass('schema_version') is not null")) == [(1,)]


def is_in_use(url: str) -> bool:
    """Whether any process of ours has the database open. One that goes by another name, or a database's proxy, is not seen."""
    with closing(connect(conninfo_of(url), deadline=0)) as connection:
        others = SQL(
            """select 1 from pg_stat_activity where datname = current_database() and application_name = ?
                and pid <> pg_backend_pid() limit 1""",
            (APPLICATION,),
        )
        for _ in range(LEAVING_TURNS):
            if not _execute(connection.pgconn, others):
                return False
            time.sleep(0.05)
    return True


@question
def _keep_marks() -> Steps[None]:
    yield mark.TABLE


@question
def _announce_changes() -> Steps[None]:
    """Have the database tell every process that listens when a version moved."""
    yield SQL("lock table versions in share row exclusive mode")
    rows = yield SQL("select 1 from pg_trigger where tgname = ? and tgrelid = to_regclass('versions')", (CHANNEL,))
    if not rows:
        yield SQL(
            f"""create function {CHANNEL}() returns trigger language plpgsql
                as $$ begin perform pg_notify('{CHANNEL}', ''); return null; end $$"""
        )
        yield SQL(
            f"create trigger {CHANNEL} after insert or update on versions for each row execute function {CHANNEL}()"
        )


@question
def _leave_room() -> Steps[None]:
    """Have a fifth of each page of grants left free: a refresh finds room on its own page then, and touches no index.

    What the operator has set is left as it is.
    """
    rows = yield SQL("select 1 from pg_class where oid = to_regclass('grants') and reloptions is null")
    if rows:
        yield SQL("alter table grants set (fillfactor = 80)")


@contextmanager
def _where_possible() -> Iterator[None]:
    """For what Gatepost is better with and works without, as on a database that has no triggers: that one is polled."""
    try:
        yield
    except StatementError as fault:
        if fault.sqlstate[:2] not in ("0A", "42"):
            raise


def _build(pgconn: pq.abc.PGconn, migration: migrations.Migration) -> None:
    """Where it cannot be done ahead, the migration does it."""
    for index in migration.indexes:
        with _where_possible():
            _persist(partial(_build_index, pgconn, index))


def _build_index(pgconn: pq.abc.PGconn, index: str) -> None:
    """Build an index without holding up writers.

    What an attempt that was cut short left is not a whole index, and is dropped.
    """
    name = index.partition(" ")[0]
    half = SQL("select 1 from pg_index where indexrelid = to_regclass(?) and not indisvalid", (name,))
    if _execute(pgconn, half):
        _execute(pgconn, SQL(f"drop index concurrently {name}"))
    _execute(pgconn, SQL(f"create index concurrently if not exists {index}"))


def transact(pgconn: pq.abc.PGconn, asked: Question[T]) -> T:
    """The outcome of one question in one transaction, here and now; again if it lost against a neighbour.

    Raises what the question raises, and a StatementError for what the database refuses.
    """
    return _persist(partial(_in_transaction, pgconn, asked))


def _persist(work: Callable[[], T]) -> T:
    for attempt in range(1, ATTEMPTS):
        try:
            return work()
        except StatementError as fault:
            if not fault.passes:
                raise
        time.sleep(0.05 * attempt)
    return work()


def _in_transaction(pgconn: pq.abc.PGconn, asked: Question[T]) -> T:
    _execute(pgconn, SQL("begin"))
    try:
        outcome = drive(_execute, pgconn, asked)
        _execute(pgconn, SQL("commit"))
        return outcome
    except BaseException:
        if pgconn.status == pq.ConnStatus.OK:
            _execute(pgconn, SQL("rollback"))
        raise


def _execute(pgconn: pq.abc.PGconn, statement: SQL) -> list[Row]:
    params = statement.params
    result = pgconn.exec_params(
        numbered(statement.text), dump(params), declared(params), [BINARY] * len(params), BINARY
    )
    if result.status == pq.ExecStatus.TUPLES_OK:
        return Loading().rows(result)
    if result.status != pq.ExecStatus.COMMAND_OK:
        raise fault_of(result)
    return []
