"""The SQLite engine: group commit, with statements run in the event loop and only the commit in a thread.

# Why everything that is queued commits at once, and where it runs

A commit is only worth its name after fsync, and fsync costs the same for one change as for a hundred. So `ask` queues its
question; the pump takes all that is queued, runs each in turn inside one transaction, commits once and answers all of
them. While that commit waits for the disk, in a thread, the event loop parses, checks and signs for the requests that
will make up the next one. Under load a durable write costs each request a share of one fsync; alone, it costs one fsync.

Statements run in the event loop because they take microseconds: handing each to a thread was measured to cost several
times the statement itself, in switches between two threads that want the interpreter. The same holds for reads: a point
look-up in WAL mode never waits for the writer.

A question that raises must not cost its neighbours anything. When one does, the whole batch is rolled back and run again
one by one, each in its own transaction: the neighbours commit, the culprit gets its exception.

When the database itself refuses (disk full, locked for too long, an I/O fault), nothing of the batch was committed and
everybody in it is told so. The next batch tries afresh: there is no state to repair, so recovery needs no restart. A lock
that another process holds is waited for, but nobody waits longer than `BUSY_MS` for it, however many wait before them.

A damaged file is another matter: what it still yields may be anything. From the first sign of damage the engine refuses
everything, reads too, so the server's readiness goes red; a start afresh, on a file brought back, ends it.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import apsw

from gatepost.errors import GatepostError, StoreUnavailableError
from gatepost.light import Light
from gatepost.store import migrations
from gatepost.store.figures import Figures
from gatepost.store.migrating import apply_all, apply_next, prepare
from gatepost.store.question import SQL, Question, Row, drive

T = TypeVar("T")

OLDEST_SQLITE = (3, 51, 3)
"""Older ones can corrupt a WAL database when two connections write and checkpoint at the same moment."""

DIALECT = {"bytes": "blob", "text": "text", "table": " without rowid"}

BATCH = 256
BUSY_MS = 2000
LEAST_BUSY_MS = 50
"""What even those wait who were queued for long: enough for a command's commit."""

RECENT_SECONDS = 0.25

CHECKPOINT_PAGES = 4000
"""Pages in the WAL after which it is copied into the file: what is written again and again before is copied once."""
WAL_KEPT = 64 << 20

_UNREAD = object()
_ONE: list[Row] = [(1,)]

REFUSED = (
    apsw.FullError,
    apsw.IOError,
    apsw.BusyError,
    apsw.LockedError,
    apsw.ReadOnlyError,
    apsw.CantOpenError,
    apsw.CorruptError,
    apsw.NotADBError,
    apsw.NoMemError,
    apsw.ProtocolError,
    apsw.PermissionsError,
    apsw.CursorClosedError,
)


DAMAGE = (apsw.CorruptError, apsw.NotADBError)


class _Asked(Light, frozen=True):
    question: Question[Any]
    future: "asyncio.Future[Any]"
    at: float


class SqliteStore:
    """The engine for one database file, used by one event loop at a time. Commands may write beside it, briefly."""

    def __init__(self, path: Path) -> None:
        check_version(apsw.sqlite_lib_version())
        self._reading = connect(path).cursor()
        self._writing = connect(path).cursor()
        self._writing.connection.set_busy_timeout(0)
        self._queue: list[_Asked] = []
        self._pumping: asyncio.Task[None] | None = None
        self._disk = ThreadPoolExecutor(1, "gatepost-store")
        self._damage: apsw.Error | None = None
        self._recent: dict[Question[Any], Any] = {}
        self._recent_until = 0.0
        self._figures = Figures()

    async def read(self, question: Question[T]) -> T:
        self._check_sound()
        try:
            return drive(execute, self._reading, question)
        except REFUSED as fault:
            raise self._unavailable(fault) from fault

    async def recent(self, question: Question[T]) -> T:
        """As of the last commit here; what a command commits beside this process holds after `RECENT_SECONDS`."""
        now = time.monotonic()
        if now >= self._recent_until:
            self._recent.clear()
            self._recent_until = now + RECENT_SECONDS
        outcome: T = self._recent.get(question, _UNREAD)
        if outcome is _UNREAD:
            self._figures.looked_up += 1
            outcome = self._recent[question] = await self.read(question)
        else:
            self._figures.kept += 1
        return outcome

    def ask(self, question: Question[T]) -> "asyncio.Future[T]":
        self._check_sound()
        if self._pumping is None:
            # It starts after the handlers that are ready now, so what they ask is in its first batch. Which loop runs is asked
            # once for all of them: each time, Python asks the kernel whether it was forked.
            self._loop = asyncio.get_running_loop()
            self._pumping = self._loop.create_task(self._pump())
        future: asyncio.Future[T] = self._loop.create_future()
        self._queue.append(_Asked(question, future, time.monotonic()))
        return future

    async def product(self) -> str:
        return f"SQLite {apsw.sqlite_lib_version()}"

    def figures(self) -> Figures:
        self._figures.waiting = len(self._queue)
        self._figures.connections = 2
        return self._figures

    def close(self) -> None:
        """Let the commit under way finish, then let go of the file. Whoever is still queued is refused."""
        self._disk.shutdown()
        self._reading.connection.close()
        self._writing.connection.close()

    async def _pump(self) -> None:
        """Commit what is queued, batch by batch, and answer it, until nothing is."""
        try:
            while self._queue:
                await self._gather()
                batch, self._queue = self._queue[:BATCH], self._queue[BATCH:]
                began = time.perf_counter()
                answers = await self._commit(batch)
                self._figures.note_batch(len(batch), time.perf_counter() - began)
                for asked, answer in zip(batch, answers, strict=True):
                    _answer(asked.future, answer)
        finally:
            self._pumping = None

    async def _gather(self) -> None:
        """Let the requests that are already here join the batch: until a turn of the event loop brings no more."""
        before = 0
        while before < len(self._queue) < BATCH:
            before = len(self._queue)
            await asyncio.sleep(0)

    async def _commit(self, batch: list[_Asked]) -> list[Any]:
        """The outcome of each question once all are durable, or the exception in its place."""
        try:
            await self._begin(batch[0].at)
            outcomes = [drive(execute, self._writing, asked.question) for asked in batch]
            await self._in_thread(_commit, self._writing)
            self._recent.clear()
        except REFUSED as fault:
            rollback(self._writing)
            return [self._unavailable(fault) for _ in batch]
        except Exception as fault:
            rollback(self._writing)
            if len(batch) == 1:
                return [fault]
            return [(await self._commit([asked]))[0] for asked in batch]
        return outcomes

    async def _begin(self, since: float) -> None:
        """Start a transaction; wait for another process's lock in the thread, so the event loop never does.

        `since` is when the first of the batch was asked: it waits `BUSY_MS` in all.
        """
        try:
            self._writing.execute("begin immediate")
        except apsw.BusyError:
            patience = max(LEAST_BUSY_MS, BUSY_MS - int((time.monotonic() - since) * 1000))
            await self._in_thread(_begin_patiently, self._writing, patience)

    async def _in_thread(self, work: Callable[..., None], *arguments: Any) -> None:
        await asyncio.get_running_loop().run_in_executor(self._disk, work, *arguments)

    def _check_sound(self) -> None:
        if self._damage:
            raise unavailable(self._damage)

    def _unavailable(self, fault: apsw.Error) -> StoreUnavailableError:
        """The refusal for a fault. Damage is remembered."""
        if isinstance(fault, DAMAGE):
            self._damage = fault
        return unavailable(fault)


def unavailable(fault: apsw.Error, path: Path | None = None) -> StoreUnavailableError:
    """What a fault of the database means for whoever asked."""
    where = f"{path}: " if path else ""
    detail = f"{where}{fault!r}"
    if isinstance(fault, DAMAGE):
        return StoreUnavailableError(
            detail,
            "Gatepost's database is damaged, so nothing is answered from it.",
            f"{where}{fault}; `gatepost restore` brings a backup back",
        )
    return StoreUnavailableError(detail, fix=f"{where}{fault}; see to the disk, and to the file's owner and mode")


def _commit(cursor: apsw.Cursor) -> None:
    cursor.execute("commit")


def _begin_patiently(cursor: apsw.Cursor, patience_ms: int) -> None:
    cursor.connection.set_busy_timeout(patience_ms)
    try:
        cursor.execute("begin immediate")
    finally:
        cursor.connection.set_busy_timeout(0)


def rollback(cursor: apsw.Cursor) -> None:
    """Undo the transaction under way, if there still is one: a full disk or `close` may have ended it already.

    What cannot be undone now is undone before the next transaction, or by whoever opens the file next.
    """
    with contextlib.suppress(apsw.Error):
        if cursor.connection.in_transaction:
            cursor.execute("rollback")


def transact(cursor: apsw.Cursor, questions: list[Question[Any]]) -> list[Any]:
    """Run the questions in one transaction and answer their outcomes once it is durable."""
    cursor.execute("begin immediate")
    try:
        outcomes = [drive(execute, cursor, question) for question in questions]
        cursor.execute("commit")
    except BaseException:
        rollback(cursor)
        raise
    return outcomes


def execute(cursor: apsw.Cursor, statement: SQL) -> list[Row]:
    """The rows of a statement."""
    text, is_counted = _adapted(statement.text)
    found = cursor.execute(text, statement.params)
    return _ONE * cursor.connection.changes() if is_counted else found.fetchall()


@lru_cache(maxsize=256)
def _adapted(text: str) -> tuple[str, bool]:
    """The statement as SQLite does it with the least work, and whether its rows are the ones it changed.

    Those of `returning 1` are counted: for real ones SQLite would fill a table first. An insert that fails takes the whole
    transaction with it, which `ask` does in any case: to be able to undo it alone, SQLite would copy every page it touches.
    """
    counted = text.removesuffix(" returning 1")
    return counted.replace("insert into", "insert or rollback into", 1), counted != text


def connect(path: Path) -> apsw.Connection:
    """A connection with the settings that durability and the readers' freedom rest on.

    Raises `temporarily_unavailable` when the file cannot be opened, or is no database.
    """
    try:
        connection = apsw.Connection(str(path))
        connection.set_busy_timeout(BUSY_MS)
        _configure(connection)
    except REFUSED as fault:
        raise unavailable(fault, path) from fault
    return connection


def _configure(connection: apsw.Connection) -> None:
    # Without this guarantee SQLite plans a join afresh for every new set of parameters: ten times the cost of the look-up.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    _enter_wal(connection)
    for pragma, value in (
        ("synchronous", "full"),
        ("mmap_size", 0),
        ("wal_autocheckpoint", CHECKPOINT_PAGES),
        ("journal_size_limit", WAL_KEPT),
        # The undo log of a statement in a batch is small, and needs no file.
        ("temp_store", "memory"),
        ("cell_size_check", True),
    ):
        connection.pragma(pragma, value)


def _enter_wal(connection: apsw.Connection) -> None:
    """Switch a new file to WAL. SQLite refuses at once, without waiting, the one of two that would wait for the other."""
    patience = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            connection.pragma("journal_mode", "wal")
            return
        except apsw.BusyError:
            if time.monotonic() >= patience:
                raise
            time.sleep(0.002)


def upgrade(path: Path, now: int, *, migrate: bool) -> int:
    """Bring the schema up and answer the version it has now.

    A database without any gets all migrations at once; one that has some gets the missing ones only if `migrate` says so,
    each in a transaction of its own.
    """
    cursor = connect(path).cursor()
    try:
        version: int = transact(cursor, [prepare(DIALECT)])[0]
        if version == 0:
            version = transact(cursor, [apply_all(DIALECT, now)])[0]
        while migrate and version < migrations.NEWEST:
            version = transact(cursor, [apply_next(DIALECT, now)])[0]
        return version
    except REFUSED as fault:
        raise unavailable(fault, path) from fault
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


def _answer(future: "asyncio.Future[Any]", answer: Any) -> None:
    """Hand out an outcome. One that nobody waits for any more is no fault of the others."""
    if future.done():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
