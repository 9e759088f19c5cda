"""A backup: the database as it is at one moment, copied while it is written, verified, and in place only when it is whole."""

import tempfile
from pathlib import Path

from gatepost import __version__
from gatepost.errors import GatepostError
from gatepost.files import whole_file
from gatepost.flows.signing import check_opens
from gatepost.flows.upkeep.archive import (
    DATABASE,
    Manifest,
    hash_file,
    read_database,
    read_head,
    write_archive,
)
from gatepost.progress import Progress
from gatepost.secrets import Keyring, Secret
from gatepost.store.migrating import schema_version
from gatepost.store.migrations import NEWEST
from gatepost.store.signing_keys import list_signing_keys
from gatepost.store.sqlite_file import ask, copy, count_rows, find_faults, has_our_schema


def back_up(
    database: Path, key: Secret | None, file: Path, now: int, *, replace: bool, on_progress: Progress
) -> Manifest:
    """Write the backup to `file`, and the instance key with it if one is given.

    Raises `conflict` when the file exists and is not to be replaced, `server_error` when the database is damaged,
    `invalid_configuration` when the key does not belong to it or there is something in it that a restore would refuse.
    """
    with (
        whole_file(file, replace=replace) as out,
        tempfile.TemporaryDirectory(prefix=f".{file.name}.", dir=file.parent) as directory,
    ):
        copied = Path(directory) / DATABASE
        copy(database, copied, on_progress)
        schema = _verify(copied, key)
        manifest = Manifest(
            gatepost=__version__,
            made_at=now,
            schema=schema,
            has_key=key is not None,
            database_bytes=copied.stat().st_size,
            database_sha256=hash_file(copied),
            counts=count_rows(copied),
        )
        write_archive(out, manifest, key, copied)
        out.seek(0)
        read_database(out, read_head(out).manifest, None, on_progress)
    return manifest


def _verify(copied: Path, key: Secret | None) -> int:
    """Find the copy good, and answer the version of its schema."""
    faults = find_faults(copied, deep=True)
    if faults:
        raise GatepostError(
            "server_error", f"The database is damaged: {'; '.join(faults)}.", fix="gatepost restore an older backup"
        )
    if not has_our_schema(copied):
        raise GatepostError(
            "invalid_configuration",
            "There are tables in the database that are not Gatepost's, or it is a newer Gatepost's.",
            fix="gatepost doctor",
        )
    schema = ask(copied, schema_version())
    if key and schema == NEWEST:
        check_key(copied, key)
    return schema


def check_key(database: Path, key: Secret) -> None:
    """Raises `invalid_configuration` unless this is an instance key, and opens the database's signing keys."""
    try:
        keyring = Keyring.parse(key.reveal())
    except ValueError as fault:
        raise GatepostError("invalid_configuration", f"The instance key cannot be read: {fault}") from None
    check_opens(keyring, ask(database, list_signing_keys()))
