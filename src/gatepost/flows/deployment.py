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
from gatepost.flows.restore import Place
from gatepost.flows.signing import check_opens
from gatepost.records import SigningKeyRecord
from gatepost.secrets import Keyring
from gatepost.settings import Settings
from gatepost.store.checkup import Expiring, list_expiring, newest_instant
from gatepost.store.migrations import NEWEST, schema_version
from gatepost.store.question import Store
from gatepost.store.signing_keys import list_signing_keys
from gatepost.store.sqlite_file import find_faults

SOON = 14 * 86_400
"""Seconds ahead that an end is told of."""

LISTED = 20

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


class Facts(NamedTuple):
    """A deployment as it was found. A fault is a text, empty where there is none."""

    settings: Settings
    place: Place
    now: int
    known: Known
    refusals: tuple[tuple[str, str], ...]
    """What `serve` would refuse of the settings, each with its mend."""
    is_dev: bool
    directory: File
    files: tuple[File, ...]
    is_writable: bool
    is_locking: bool
    is_cut_short: bool
    filesystem: str
    free: int
    wal: int
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
    place: Place,
    known: Known,
    now: int,
    *,
    refusals: tuple[tuple[str, str], ...],
    dev_file: Path,
    deep: bool,
    on_progress: Callable[[int, int | None], None],
) -> Facts:
    """Everything there is to know of a deployment whose database exists. `deep` reads the whole of it."""
    directory = place.database.parent
    is_writable, is_locking = _try_directory(directory)
    certificate_fault, certificate_ends_at = _certificate(settings.server.tls_cert)
    wal = place.database.with_name(place.database.name + "-wal")
    paths = (place.database, place.key, dev_file, Path(settings.server.tls_key))
    return Facts(
        settings=settings,
        place=place,
        now=now,
        known=known,
        refusals=refusals,
        is_dev=dev_file.exists(),
        directory=_file(directory),
        files=tuple(_file(path) for path in paths if path.is_file()),
        is_writable=is_writable,
        is_locking=is_locking,
        is_cut_short=place.draft.exists(),
        filesystem=filesystem_of(directory.resolve(), _mounts()),
        free=shutil.disk_usage(directory).free,
        wal=wal.stat().st_size if wal.exists() else 0,
        faults=tuple([known.fault] if known.fault else find_faults(place.database, deep=deep, on_progress=on_progress)),
        key_fault=_key_fault(place, known.signing_keys),
        certificate_fault=certificate_fault,
        certificate_ends_at=certificate_ends_at,
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
        another = subprocess.run([sys.executable, "-ISc", _TRY_LOCK, file.name], stderr=subprocess.DEVNULL, check=False)  # noqa: S603
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


def _key_fault(place: Place, signing_keys: tuple[SigningKeyRecord, ...]) -> str:
    """Why the instance key is of no use; empty when it is."""
    try:
        text = place.given.reveal() if place.given else place.key.read_text()
        check_opens(Keyring.parse(text), list(signing_keys))
    except OSError as fault:
        return f"{place.key} cannot be read: {fault.strerror}"
    except ValueError as fault:
        return f"it is not the text of a key: {fault}"
    except GatepostError as fault:
        return fault.description
    return ""


def _certificate(path: str) -> tuple[str, int | None]:
    """Why the TLS certificate cannot be read, and when it ends."""
    try:
        return "", ends_at(Path(path).read_bytes()) if path else None
    except (OSError, ValueError) as fault:
        return str(fault), None
