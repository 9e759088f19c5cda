"""An SQLite database as a file: copied while it is written, looked over before it is believed, held for oneself."""

import contextlib
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import apsw

from gatepost.errors import GatepostError, StoreUnavailableError
from gatepost.progress import Progress
from gatepost.store import migrations
from gatepost.store.migrating import apply_next, prepare, schema_version
from gatepost.store.question import Question, Row, T, drive
from gatepost.store.sqlite import BUSY_MS, DIALECT, REFUSED, execute, transact

PAGES = 2000
"""How many pages are copied between two reports of progress."""

STEPS = 1_000_000
"""How many steps SQLite takes between two signs of life."""

SHOWN = 10
"""Faults that are named; a database with more needs no longer list."""

BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database's file."""

_SHAPE = """select m.type, m.name, m.tbl_name, x.name, x.type, x.pk, x.hidden
    from sqlite_schema m left join pragma_table_xinfo(m.name) x where m.name not like 'sqlite\\_%' escape '\\'"""


def copy(source: Path, target: Path, on_progress: Progress) -> None:
    """Copy the database into a new file as it is at this moment, while others write it.

    The read transaction around the copy is what keeps the moment: without it, a write by another process would start the
    copy afresh, without end under load. Raises `temporarily_unavailable`.
    """
    with _opened(source) as origin, _opened(target) as copied:
        copied.pragma("synchronous", "off")  # The copy is made durable as a whole, by whoever puts it in place.
        origin.execute("begin")
        origin.execute("select 1 from sqlite_schema").fetchall()
        with copied.backup("main", origin, "main") as backup:
            while not backup.done:
                backup.step(PAGES)
                on_progress(backup.page_count - backup.remaining, backup.page_count)
        origin.execute("rollback")
        copied.pragma("journal_mode", "delete")


def find_faults(path: Path, *, deep: bool, on_progress: Progress = lambda done, total: None) -> list[str]:
    """What is broken in the file, at most SHOWN of it; nothing in the file is believed, and nothing in it is run.

    `deep` looks at every index entry too. Nobody knows how far it is, only that it goes on.
    """
    turns = count(1)

    def tell() -> bool:
        on_progress(next(turns), None)
        return False

    check = "integrity_check" if deep else "quick_check"
    try:
        with _opened(path, flags=apsw.SQLITE_OPEN_READONLY) as connection:
            connection.set_progress_handler(tell, STEPS)
            found = [row[0] for row in connection.execute(f"pragma {check}({SHOWN})")]
    except StoreUnavailableError as fault:
        return [fault.detail]
    return [] if found == ["ok"] else found


def has_our_schema(path: Path) -> bool:
    """Whether the file's tables, columns and indexes are those that our migrations make, and there is nothing else."""
    with _opened(path, flags=apsw.SQLITE_OPEN_READONLY) as connection:
        try:
            found = set(connection.execute(_SHAPE))
            version = drive(execute, connection.cursor(), schema_version())
        except apsw.SQLError:
            return False
    with contextlib.closing(apsw.Connection(":memory:")) as fresh:
        cursor = fresh.cursor()
        made: int = transact(cursor, [prepare(DIALECT)])[0]
        while made < min(version, migrations.NEWEST):
            made = transact(cursor, [apply_next(DIALECT, 0)])[0]
        return version == made and found == set(cursor.execute(_SHAPE))


def count_rows(path: Path) -> dict[str, int]:
    """How many rows each table has."""
    with _opened(path, flags=apsw.SQLITE_OPEN_READONLY) as connection:
        tables = "select name from sqlite_schema where type = 'table' order by name"
        names: list[Row] = connection.execute(tables).fetchall()
        counts: list[Row] = [connection.execute(f'select count(*) from "{row[0]}"').fetchall()[0] for row in names]
    return {row[0]: count[0] for row, count in zip(names, counts, strict=True)}


def ask(path: Path, question: Question[T]) -> T:
    """The outcome of one question asked of a file that no server uses, in a transaction."""
    with _opened(path) as connection:
        outcome: T = transact(connection.cursor(), [question])[0]
    return outcome


@contextlib.contextmanager
def sole_use(path: Path) -> Iterator[None]:
    """Hold the database, if there is one, so that nobody else has it open; all of it is in its one file then.

    Leaving WAL mode is what proves it: SQLite does so only for the last connection there is. A file that is no database
    any more is nobody's. Raises `conflict` when another process has it open.
    """
    with contextlib.ExitStack() as stack:
        if path.exists():
            connection = stack.enter_context(contextlib.closing(apsw.Connection(str(path))))
            connection.set_busy_timeout(BUSY_MS)
            try:
                _hold(connection)
            except (apsw.BusyError, apsw.LockedError):
                raise GatepostError(
                    "conflict", f"{path} is in use by another process.", fix="stop the server first"
                ) from None
            except (apsw.CorruptError, apsw.NotADBError):
                connection.close()
        yield


def _hold(connection: apsw.Connection) -> None:
    connection.pragma("journal_mode", "delete")
    connection.execute("begin exclusive")
    if connection.pragma("journal_mode") != "delete":
        raise apsw.BusyError("somebody entered WAL mode again in between")


def leave_wal(path: Path) -> None:
    """Bring everything into the database's one file, so that it can be moved."""
    with _opened(path) as connection:
        connection.pragma("journal_mode", "delete")


@contextlib.contextmanager
def _opened(path: Path, flags: int = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE) -> Iterator[apsw.Connection]:
    """A connection for a file that may come from anywhere. Raises `temporarily_unavailable` for what SQLite refuses."""
    try:
        with contextlib.closing(apsw.Connection(str(path), flags=flags)) as connection:
            connection.set_busy_timeout(BUSY_MS)
            for option in (apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER):
                connection.config(option, 0)
            connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
            connection.pragma("cell_size_check", True)
            yield connection
    except REFUSED as fault:
        raise StoreUnavailableError(f"{path}: {fault!r}") from fault
