"""What there is to know about a deployment before judging it: files, file system, database, keys. Looks, and changes nothing."""

import fcntl
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from gatepost.certificates import ends_at
from gatepost.errors import GatepostError
from gatepost.flows.upkeep.restore import draft_of
from gatepost.progress import Progress
from gatepost.records import SigningKeyRecord
from gatepost.settings import Settings
from gatepost.store.checkup import Expiring, list_expiring, newest_instant
from gatepost.store.migrating import schema_version
from gatepost.store.migrations import NEWEST
from gatepost.store.question import Store
from gatepost.store.signing_keys import list_signing_keys
from gatepost.store.sqlite_file import find_faults

SOON = 14 * 86_400
"""Seconds ahead of its end that a credential or certificate is told of."""

LISTED = 20
"""How many credentials are listed at most."""

_TRY_LOCK = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+b'), fcntl.LOCK_EX | fcntl.LOCK_NB)"


class File(NamedTuple):
    """A file or directory as the operating system has it: permission bits, and the number of its owner."""

    path: Path
    mode: int
    owner: int


class Known(NamedTuple):
    """What the database tells of itself, or why it tells nothing."""

    schema: int = 0
    signing_keys: tuple[SigningKeyRecord, ...] = ()
    newest: int = 0
    expiring: tuple[Expiring, ...] = ()
    fault: str = ""
    fix: str = ""


class Disk(NamedTuple):
    """Where a database that is a file stands. `leftover` is the draft of a restore that did not end."""

    directory: File
    is_writable: bool
    is_locking: bool
    filesystem: str
    free: int
    wal: int
    leftover: Path | None


class Facts(NamedTuple):
    """A deployment as it was found. `disk` is None for a database on a server. A fault is a text, empty where there is none.

    `refusals` are what `serve` would refuse of the settings, each with its fix.
    """

    settings: Settings
    now: int
    known: Known
    refusals: tuple[tuple[str, str], ...]
    is_dev: bool
    files: tuple[File, ...]
    disk: Disk | None
    faults: tuple[str, ...]
    key_fault: str
    certificate_fault: str
    certificate_ends_at: int | None


async def ask_database(open_store: Callable[[], Store], now: int) -> Known:
    """What the database tells; with another schema than this version's, no more than which."""
    try:
        store = open_store()
        try:
            schema = await store.read(schema_version())
            if schema != NEWEST:
                return Known(schema)
            return Known(
                schema,
                tuple(await store.read(list_signing_keys())),
                await store.read(newest_instant()),
                tuple(await store.read(list_expiring(now + SOON, LISTED))),
            )
        finally:
            store.close()
    except GatepostError as refusal:
        return Known(fault=refusal.detail or refusal.description, fix=refusal.fix)
    except Exception as fault:  # Whatever is wrong with the database is what we look for.
        return Known(fault=str(fault))


def look(
    settings: Settings,
    known: Known,
    now: int,
    *,
    database: Path | None,
    files: tuple[Path, ...],
    is_dev: bool,
    key_fault: str,
    refusals: tuple[tuple[str, str], ...],
    deep: bool,
    on_progress: Progress,
) -> Facts:
    """Everything there is to know. `database` is the file, if it is one; `deep` reads the whole of it."""
    certificate_fault, certificate_ends_at = _certificate(settings.server.tls_cert)
    faults = [known.fault] if known.fault else []
    if database and not faults:
        faults = find_faults(database, deep=deep, on_progress=on_progress)
    return Facts(
        settings=settings,
        now=now,
        known=known,
        refusals=refusals,
        is_dev=is_dev,
        files=tuple(_file(path) for path in files if path.is_file()),
        disk=_disk(database) if database else None,
        faults=tuple(faults),
        key_fault=key_fault,
        certificate_fault=certificate_fault,
        certificate_ends_at=certificate_ends_at,
    )


def _disk(database: Path) -> Disk:
    directory = database.parent
    is_writable, is_locking = _try_directory(directory)
    wal = database.with_name(database.name + "-wal")
    return Disk(
        directory=_file(directory),
        is_writable=is_writable,
        is_locking=is_locking,
        filesystem=filesystem_of(directory.resolve(), _mounts()),
        free=shutil.disk_usage(directory).free,
        wal=wal.stat().st_size if wal.exists() else 0,
        leftover=draft if (draft := draft_of(database)).exists() else None,
    )


def _file(path: Path) -> File:
    found = path.stat()
    return File(path, found.st_mode & 0o777, found.st_uid)


def _try_directory(directory: Path) -> tuple[bool, bool]:
    """Whether a file can be written there, and whether a lock on it keeps another process out, as SQLite needs."""
    try:
        file = tempfile.NamedTemporaryFile(dir=directory, prefix=".doctor-")  # noqa: SIM115  # entered below
    except OSError:
        return False, True
    with file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True, False
        # Our own interpreter, our own code, and a name we made: another process must be refused the lock.
        command = [sys.executable, "-ISc", _TRY_LOCK, file.name]
        another = subprocess.run(command, stderr=subprocess.DEVNULL, check=False)  # noqa: S603  # our own code
        return True, another.returncode != 0


def _mounts() -> str:
    """What is mounted where, as Linux tells it; nothing elsewhere."""
    try:
        return Path("/proc/self/mountinfo").read_text()
    except OSError:
        return ""


def filesystem_of(path: Path, mounts: str) -> str:
    """The type of file system a path is on; empty when the table of mounts does not say. proc(5), mountinfo."""
    best, type = "", ""
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        point = left.split()[4].replace("\\040", " ")
        if len(point) >= len(best) and path.is_relative_to(point):
            best, type = point, right.split()[0]
    return type


def _certificate(path: str) -> tuple[str, int | None]:
    """Why the TLS certificate cannot be read, and when it ends."""
    try:
        return "", ends_at(Path(path).read_bytes()) if path else None
    except (OSError, ValueError) as fault:
        return str(fault), None
