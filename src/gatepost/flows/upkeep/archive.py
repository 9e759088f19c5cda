"""The backup's file: an uncompressed tar of three members in one order, which any tar can open.

    manifest.json   what is in it, of when, and hashes of all of it
    instance.key    unless it was left out
    gatepost.db     the database, whole and in one file

Read as what anybody may have made: nothing but these three names, plain files, each once, in this order, and none longer
than the manifest or a bound says. No name in it is ever used as a path.
"""

import hashlib
import io
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import orjson

from gatepost.errors import GatepostError
from gatepost.progress import Progress
from gatepost.secrets import Secret

MANIFEST, KEY, DATABASE = "manifest.json", "instance.key", "gatepost.db"

FORMAT = 1
MAX_SMALL = 1 << 16
"""Bytes that the manifest or the key may have."""

_BLOCK = tarfile.BLOCKSIZE
_CHUNK = 1 << 20


class Manifest(NamedTuple):
    """What a backup says of itself. Instants are epoch seconds; `counts` are rows by table."""

    gatepost: str
    made_at: int
    schema: int
    has_key: bool
    database_bytes: int
    database_sha256: str
    counts: dict[str, int]


class Head(NamedTuple):
    """What stands before the database: the manifest, and the text of the instance key if it is in the backup."""

    manifest: Manifest
    key: Secret | None


def hash_file(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_archive(out: BinaryIO, manifest: Manifest, key: Secret | None, database: Path) -> None:
    """Write the archive. `database` is a file that nobody changes."""
    text = key.reveal().encode() if key else b""
    document = {"gatepost_backup": FORMAT, **manifest._asdict(), "check": _check(manifest, text)}
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        _add(tar, MANIFEST, manifest, io.BytesIO(orjson.dumps(document, option=orjson.OPT_INDENT_2)))
        if key:
            _add(tar, KEY, manifest, io.BytesIO(text))
        with database.open("rb") as file:
            _add(tar, DATABASE, manifest, file)


def _add(tar: tarfile.TarFile, name: str, manifest: Manifest, content: Any) -> None:
    member = tarfile.TarInfo(name)
    member.size = content.seek(0, io.SEEK_END)
    content.seek(0)
    member.mode, member.mtime = 0o600, manifest.made_at
    tar.addfile(member, content)


def read_head(file: BinaryIO) -> Head:
    """Read up to the database. Raises `invalid_request` for anything but a backup of ours."""
    manifest, check = _parse_manifest(_read_small(file, MANIFEST))
    text = _read_small(file, KEY) if manifest.has_key else b""
    if check != _check(manifest, text):
        raise _broken("its manifest or its key was changed")
    return Head(manifest, Secret(text.decode("utf-8", "replace")) if manifest.has_key else None)


def read_database(file: BinaryIO, manifest: Manifest, out: BinaryIO | None, on_progress: Progress) -> None:
    """Read the database, into `out` if there is one. Raises `invalid_request` unless it is what the manifest says."""
    size = _read_header(file, DATABASE)
    if size != manifest.database_bytes:
        raise _broken("its database is not as long as it says")
    digest = hashlib.sha256()
    for done, chunk in _chunks(file, size):
        digest.update(chunk)
        if out:
            out.write(chunk)
        on_progress(done, size)
    if digest.hexdigest() != manifest.database_sha256:
        raise _broken("its database was changed")
    if file.read(_padding(size) + _BLOCK).strip(b"\0"):
        raise _broken("there is something behind its database")


def check_room(directory: Path, manifest: Manifest) -> None:
    """Raises `temporarily_unavailable` when the database would not fit on the disk."""
    free = shutil.disk_usage(directory).free
    if free < manifest.database_bytes:
        raise GatepostError(
            "temporarily_unavailable",
            f"{directory} has room for {free} bytes, and the database has {manifest.database_bytes}.",
            fix="make room first",
        )


def _chunks(file: BinaryIO, size: int) -> Iterator[tuple[int, bytes]]:
    done = 0
    while done < size:
        chunk = file.read(min(_CHUNK, size - done))
        if not chunk:
            raise _broken("it ends too early")
        done += len(chunk)
        yield done, chunk


def _read_small(file: BinaryIO, name: str) -> bytes:
    size = _read_header(file, name)
    if size > MAX_SMALL:
        raise _broken(f"its {name} is too long")
    content = b"".join(chunk for _, chunk in _chunks(file, size))
    file.read(_padding(size))
    return content


def _read_header(file: BinaryIO, name: str) -> int:
    """The size of the next member, which must be a plain file with this name."""
    try:
        # One block, and never a block that says how to read others: no links, no long names, no sparse files.
        member = tarfile.TarInfo.frombuf(file.read(_BLOCK), "ascii", "strict")
    except (tarfile.HeaderError, UnicodeDecodeError):
        raise _broken(f"there is no {name} where it must be") from None
    if member.name != name or member.type != tarfile.REGTYPE or member.size < 0:
        raise _broken(f"there is no {name} where it must be")
    return member.size


def _padding(size: int) -> int:
    return -size % _BLOCK


def _parse_manifest(content: bytes) -> tuple[Manifest, str]:
    """The manifest, and the hash that it and the key must have."""
    try:
        document = orjson.loads(content)
        version, check = document.pop("gatepost_backup"), document.pop("check")
    except (ValueError, TypeError, KeyError, AttributeError):
        raise _broken("its manifest cannot be read") from None
    if version != FORMAT:
        raise GatepostError(
            "invalid_configuration", f"The backup has the format {version}; this Gatepost reads {FORMAT}."
        )
    kinds = {"gatepost": str, "made_at": int, "schema": int, "has_key": bool}
    kinds |= {"database_bytes": int, "database_sha256": str, "counts": dict}
    if {name: type(value) for name, value in document.items()} != kinds or not 0 <= document["made_at"] < 1 << 40:
        raise _broken("its manifest cannot be read")
    return Manifest(**document), check


def _check(manifest: Manifest, key: bytes) -> str:
    """The hash of what is beside the database. It shows an accident; whoever makes an archive can make this too."""
    return hashlib.sha256(orjson.dumps(manifest._asdict(), option=orjson.OPT_SORT_KEYS) + key).hexdigest()


def _broken(why: str) -> GatepostError:
    return GatepostError(
        "invalid_request",
        f"This is not a whole backup of Gatepost: {why}.",
        fix="use another backup; nothing was changed",
    )
