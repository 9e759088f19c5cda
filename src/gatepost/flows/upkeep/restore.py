"""A restore: all of a backup or nothing of it, however it ends.

The backup is unpacked, verified and brought up to date in a directory beside the database. One rename then decides: the
directory gets the name that says "ready", and from then on the restore has happened. What is left, moving the instance
key and the database to their places, can be done again at any time: whoever opens the data next finishes it. So a crash at
any moment leaves the old data whole or the new data whole, even where the key changes with the database and no single
rename could move both.
"""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from gatepost.errors import GatepostError
from gatepost.files import sync_directory, whole_file
from gatepost.flows.instance import wall_clock
from gatepost.flows.upkeep.archive import DATABASE, KEY, Head, Manifest, check_room, read_database, read_head
from gatepost.flows.upkeep.backup import check_key
from gatepost.progress import Progress
from gatepost.secrets import Secret
from gatepost.store.events import Act
from gatepost.store.migrations import NEWEST
from gatepost.store.restored import note_restored
from gatepost.store.sqlite import upgrade
from gatepost.store.sqlite_file import BESIDE, ask, find_faults, has_our_schema, leave_wal, sole_use


class Place(NamedTuple):
    """Where a database and its instance key stand. `given` is the key by setting, which takes the file's place."""

    database: Path
    key: Path
    given: Secret | None

    @property
    def draft(self) -> Path:
        return draft_of(self.database)

    @property
    def ready(self) -> Path:
        return self.database.with_name(self.database.name + ".restored")


class Restored(NamedTuple):
    """What was restored, and where its instance key is: in the `backup`, by `setting`, in the `directory`, or `missing`."""

    manifest: Manifest
    key: str


def draft_of(database: Path) -> Path:
    """The directory in which a restore is made ready."""
    return database.with_name(database.name + ".restoring")


def holds_data(place: Place) -> bool:
    """Whether there is a database that a restore would replace."""
    return place.database.exists() and place.database.stat().st_size > 0


def restore(
    archive: Path,
    place: Place,
    actor: str,
    *,
    replace: bool,
    on_progress: Progress,
    clock: Callable[[], int] = wall_clock,
) -> Restored:
    """Put a backup in this place. Nothing is touched before all of it was found good.

    Raises `conflict` when there is data and it is not to be replaced, or somebody uses it; `not_found` without the archive;
    `invalid_request` for an archive that is not ours or damaged; `invalid_configuration` for a newer Gatepost's, or a
    key that does not open it.
    """
    if holds_data(place) and not replace:
        raise GatepostError(
            "conflict", f"{place.database} holds data.", fix="--force replaces it; --if-empty leaves it as it is"
        )
    with _opened(archive) as file:
        head = read_head(file)
        key, source = _choose_key(head, place, replace)
        place.database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_room(place.database.parent, head.manifest)
        with _drafted(place) as draft:
            with whole_file(draft / DATABASE, replace=False) as out:
                read_database(file, head.manifest, out, on_progress)
            if source == "backup" and key:
                with whole_file(draft / KEY, replace=False) as out:
                    out.write(key.reveal().encode())
            _prepare(draft / DATABASE, head.manifest, key, clock())
            with sole_use(place.database):
                # Nobody can make anything any more, so whatever was made is older than this moment.
                _make_ready(place, head.manifest, Act(clock(), actor))
                _finish(place)
    return Restored(head.manifest, source)


def finish_restore(place: Place) -> None:
    """Finish a restore that was cut short after it had happened, if there is one."""
    if place.ready.exists():
        with contextlib.suppress(FileNotFoundError), _locked(place.ready, fcntl.LOCK_EX):
            _finish(place)


@contextlib.contextmanager
def _opened(archive: Path) -> Iterator[BinaryIO]:
    try:
        file = archive.open("rb")
    except OSError as fault:
        raise GatepostError(
            "not_found",
            f"{archive} cannot be read: {fault.strerror}.",
            fix="name the file that `gatepost backup` wrote",
        ) from None
    with file:
        yield file


def _choose_key(head: Head, place: Place, replace: bool) -> tuple[Secret | None, str]:
    """The instance key that the restored database will be opened with, and where it comes from."""
    if place.given:
        return place.given, "setting"
    found = Secret(place.key.read_text()) if place.key.exists() else None
    if head.key is None:
        return found, "directory" if found else "missing"
    if found and found != head.key and not replace:
        raise GatepostError(
            "conflict",
            f"{place.key} is another key than the backup's, perhaps the only copy.",
            fix="move it away, or --force to replace it",
        )
    return head.key, "backup"


@contextlib.contextmanager
def _drafted(place: Place) -> Iterator[Path]:
    """An empty directory beside the database, ours alone, and gone at the end unless it got another name."""
    place.draft.mkdir(mode=0o700, exist_ok=True)
    try:
        with _locked(place.draft, fcntl.LOCK_EX | fcntl.LOCK_NB):
            for left in place.draft.iterdir():
                left.unlink()
            try:
                yield place.draft
            finally:
                shutil.rmtree(place.draft, ignore_errors=True)
    except BlockingIOError:
        raise GatepostError("conflict", "Another restore is under way here.", fix="let it end") from None


@contextlib.contextmanager
def _locked(directory: Path, how: int) -> Iterator[None]:
    number = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(number, how)
        yield
    finally:
        os.close(number)


def _prepare(database: Path, manifest: Manifest, key: Secret | None, now: int) -> None:
    """Find the unpacked database good, and bring it up to date."""
    faults = find_faults(database, deep=True)
    if faults:
        raise GatepostError("invalid_request", f"The database in the backup is damaged: {'; '.join(faults)}.")
    if manifest.schema > NEWEST:
        raise GatepostError(
            "invalid_configuration",
            f"The backup is of a newer Gatepost, {manifest.gatepost}.",
            fix=f"use Gatepost {manifest.gatepost} or newer",
        )
    if not has_our_schema(database):
        raise GatepostError("invalid_request", "The database in the backup is not one of Gatepost's.")
    upgrade(database, now, migrate=True)
    if key:
        check_key(database, key)


def _make_ready(place: Place, manifest: Manifest, act: Act) -> None:
    """Tell the database that it was restored, and give its directory the name that makes it so, all of it on the disk."""
    ask(place.draft / DATABASE, note_restored(manifest.made_at, act))
    leave_wal(place.draft / DATABASE)
    with (place.draft / DATABASE).open("rb") as file:
        os.fsync(file.fileno())
    sync_directory(place.draft)
    # The moment of the restore: before this rename the old data holds, after it the new.
    os.rename(place.draft, place.ready)
    sync_directory(place.database.parent)


def _finish(place: Place) -> None:
    """Move what is ready to its place. The database goes last: once it is gone from here, so is everything before it."""
    if (place.ready / DATABASE).exists():
        for suffix in BESIDE:
            place.database.with_name(place.database.name + suffix).unlink(missing_ok=True)
        if (place.ready / KEY).exists():
            place.key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with whole_file(place.key, replace=True) as file:
                file.write((place.ready / KEY).read_bytes())
        os.replace(place.ready / DATABASE, place.database)
        sync_directory(place.database.parent)
    shutil.rmtree(place.ready, ignore_errors=True)
