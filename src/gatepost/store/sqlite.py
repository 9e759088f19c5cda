"""The SQLite engine: one writer thread with group commit, reads on the caller's own connection.

# Why one thread writes, and why it takes everything at once

A commit is only worth its name after fsync, and fsync costs the same for one change as for a hundred. So `ask` queues its
question, and the writer takes all that is queued, runs each in turn inside one transaction, commits once and answers
all of them. Under load a durable write costs each request a share of one fsync; alone, it costs one fsync and nothing more.

A question that raises must not cost its neighbours anything. When one does, the whole batch is rolled back and run again
one by one, each in its own transaction: the neighbours commit, the culprit gets its exception.

When the database itself refuses (disk full, locked for too long, an I/O fault), nothing of the batch was committed and
everybody in it is told so. The next batch tries afresh: there is no state to repair, so recovery needs no restart.

Reads run where they are asked, on the event loop's connection: a point look-up in WAL mode takes microseconds and never
waits for the writer; handing it to a thread would cost more than the look-up.
"""

import asyncio
import contextlib
import queue
import threading
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import apsw

from gatepost.errors import GatepostError, StoreUnavailableError
from gatepost.store import migrations
from gatepost.store.question import Question

T = TypeVar("T")

OLDEST_SQLITE = (3, 51, 3)
"""Older ones can corrupt a WAL database when two connections write and checkpoint at the same moment."""

DIALECT = {"bytes": "blob", "table": " without rowid"}

BATCH = 256
BUSY_MS = 2000
WAL_KEPT = 64 << 20

_REFUSED = (
    apsw.FullError,
    apsw.IOError,
    apsw.BusyError,
    apsw.LockedError,
    apsw.ReadOnlyError,
    apsw.CantOpenError,
    apsw.CorruptError,
    apsw.NotADBError,
    apsw.NoMemError,
    apsw.PermissionsError,
)


class _Asked(NamedTuple):
    question: Question[Any]
    future: "asyncio.Future[Any]"


class SqliteStore:
    """The engine for one database file. One server process writes; commands may, briefly, beside it."""

    def __init__(self, path: Path) -> None:
        check_version(apsw.sqlite_lib_version())
        self._queue: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._writing = connect(path).cursor()
        self._reading = connect(path).cursor()
        self._writer = threading.Thread(target=self._write, name="gatepost-store", daemon=True)
        self._writer.start()

    async def read(self, question: Question[T]) -> T:
        try:
            return run(self._reading, question)
        except _REFUSED as fault:
            raise StoreUnavailableError(repr(fault)) from fault

    async def ask(self, question: Question[T]) -> T:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.put(_Asked(question, future))
        return await future

    def close(self) -> None:
        """Answer what is queued, then let go of the file."""
        self._queue.put(None)
        self._writer.join()
        self._reading.connection.close()
        self._writing.connection.close()

    def _write(self) -> None:
        """The writer thread: take what is queued, commit it at once, answer it in the event loop."""
        while True:
            batch = [self._queue.get()]
            with contextlib.suppress(queue.Empty):
                while len(batch) < BATCH:
                    batch.append(self._queue.get_nowait())
            asked = [each for each in batch if each is not None]
            if asked:
                answers = [(each.future, answer) for each, answer in zip(asked, self._commit(asked), strict=True)]
                with contextlib.suppress(RuntimeError):  # The loop is gone: the process ends, nobody waits.
                    asked[0].future.get_loop().call_soon_threadsafe(_answer, answers)
            if len(asked) < len(batch):
                return

    def _commit(self, asked: list[_Asked]) -> list[Any]:
        """The outcome of each question, or the exception in its place."""
        try:
            return transact(self._writing, [each.question for each in asked])
        except _REFUSED as fault:
            return [StoreUnavailableError(repr(fault))] * len(asked)
        except Exception as fault:
            if len(asked) == 1:
                return [fault]
            return [self._commit([each])[0] for each in asked]


def transact(cursor: apsw.Cursor, questions: list[Question[Any]]) -> list[Any]:
    """Run the questions in one transaction and answer their outcomes once it is durable."""
    cursor.execute("begin immediate")
    try:
        outcomes = [run(cursor, question) for question in questions]
        cursor.execute("commit")
    except BaseException:
        if cursor.connection.in_transaction:
            cursor.execute("rollback")
        raise
    return outcomes


def run(cursor: apsw.Cursor, question: Question[T]) -> T:
    """Drive one question through its statements."""
    steps = iter(question)
    try:
        statement = next(steps)
        while True:
            statement = steps.send(cursor.execute(statement.text, statement.params).fetchall())
    except StopIteration as stop:
        outcome: T = stop.value
        return outcome


def connect(path: Path) -> apsw.Connection:
    """A connection with the settings that durability and the readers' freedom rest on."""
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(BUSY_MS)
    # Without this guarantee SQLite plans a join afresh for every new set of parameters: ten times the cost of the look-up.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    for pragma, value in (
        ("journal_mode", "wal"),
        ("synchronous", "full"),
        ("mmap_size", 0),
        ("journal_size_limit", WAL_KEPT),
    ):
        connection.pragma(pragma, value)
    return connection


def upgrade(path: Path, now: int, *, migrate: bool) -> int:
    """Bring the schema up, each migration in a transaction of its own, and answer the version it has now.

    A database without any gets all of them; one that has some gets the missing ones only if `migrate` says so.
    """
    cursor = connect(path).cursor()
    try:
        version: int = transact(cursor, [migrations.prepare(DIALECT)])[0]
        wanted = migrations.NEWEST if migrate or version == 0 else version
        while version < wanted:
            version = transact(cursor, [migrations.apply_next(DIALECT, now)])[0]
        return version
    except _REFUSED as fault:
        raise StoreUnavailableError(f"{path}: {fault!r}") from fault
    finally:
        cursor.connection.close()


def check_version(version: str) -> None:
    """Refuse an SQLite that can corrupt the file. Raises `invalid_configuration`."""
    if tuple(int(part) for part in version.split(".")[:3]) < OLDEST_SQLITE:
        oldest = ".".join(map(str, OLDEST_SQLITE))
        raise GatepostError(
            "invalid_configuration",
            f"SQLite {version} can corrupt a database that is written while it checkpoints; Gatepost needs {oldest} or newer.",
            fix="pip install --upgrade apsw",
        )


def _answer(answers: list[tuple["asyncio.Future[Any]", Any]]) -> None:
    """In the event loop: hand out the outcomes. One that nobody waits for any more is no fault of the others."""
    for future, answer in answers:
        if future.done():
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
