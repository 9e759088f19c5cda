"""Archives that others made, or that an accident changed: refused before anything is touched."""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import orjson
import pytest

from gatepost.flows.upkeep.archive import hash_file
from gatepost.store.migrations import NEWEST

from .archives import OTHER_KEY, change, contents, make_archive
from .conftest import Gatepost

T = TypeVar("T")

REDIRECT = "https://shop.test/callback"


@pytest.fixture
def archive(gatepost: Gatepost, acme: str) -> Path:
    """A backup of an instance with the organization Acme."""
    return make_archive(gatepost)


class Parts:
    """A good backup taken apart, to be put together in another way."""

    def __init__(self, archive: Path, directory: Path) -> None:
        with tarfile.open(archive) as tar:
            read = {member.name: (tar.extractfile(member) or io.BytesIO()).read() for member in tar}
        self.manifest: dict[str, Any] = orjson.loads(read["manifest.json"])
        self.key = read["instance.key"]
        self.database = directory / "changed.db"
        self.database.write_bytes(read["gatepost.db"])

    def members(self) -> list[tuple[str, bytes]]:
        """The members, with a manifest that agrees with the database."""
        told = {"database_bytes": self.database.stat().st_size, "database_sha256": hash_file(self.database)}
        manifest = checked(self.manifest | told, self.key)
        return [("manifest.json", manifest), ("instance.key", self.key), ("gatepost.db", self.database.read_bytes())]


def checked(document: dict[str, Any], key: bytes) -> bytes:
    """The manifest with the hash that belongs to it."""
    hashed = {name: value for name, value in document.items() if name not in ("gatepost_backup", "check")}
    text = orjson.dumps(hashed, option=orjson.OPT_SORT_KEYS)
    return orjson.dumps(document | {"check": hashlib.sha256(text + key).hexdigest()})


def packed(members: list[tuple[str, bytes]], **attributes: Any) -> bytes:
    """A tar of the members; `attributes` are set on the last of them."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for number, (name, content) in enumerate(members, 1):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            for attribute, value in attributes.items() if number == len(members) else ():
                setattr(member, attribute, value)
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


def renamed(parts: Parts, index: int, name: str) -> bytes:
    members = parts.members()
    members[index] = (name, members[index][1])
    return packed(members)


def told(parts: Parts, **changes: Any) -> bytes:
    """With another manifest than the content deserves."""
    manifest, *others = parts.members()
    document = {name: value for name, value in (orjson.loads(manifest[1]) | changes).items() if value is not None}
    return packed([("manifest.json", checked(document, parts.key)), *others])


def altered(parts: Parts, *statements: str) -> bytes:
    change(parts.database, *statements)
    return packed(parts.members())


def with_key(parts: Parts, key: bytes) -> bytes:
    parts.key = key
    return packed(parts.members())


def flipped(parts: Parts, mark: bytes) -> bytes:
    """One bit is another, in the last byte of the mark where it first stands."""
    content = bytearray(packed(parts.members()))
    content[content.index(mark) + len(mark) - 1] ^= 4
    return bytes(content)


def zeroed(parts: Parts) -> bytes:
    content = bytearray(parts.database.read_bytes())
    content[-3 * 4096 : -4096] = bytes(2 * 4096)
    parts.database.write_bytes(content)
    return packed(parts.members())


def padded(parts: Parts) -> bytes:
    """A header that describes others, as long names and attributes of members need."""
    return packed([("././@PaxHeader", b"30 path=../../outside/database\n"), *parts.members()])


STRANGE: dict[str, Callable[[Parts], bytes]] = {
    "empty": lambda parts: b"",
    "noise": lambda parts: b"no archive at all" * 1000,
    "compressed": lambda parts: gzip.compress(packed(parts.members())),
    "only the manifest": lambda parts: packed(parts.members()[:1]),
    "cut in the database": lambda parts: packed(parts.members())[:-60_000],
    "a bit of the database": lambda parts: flipped(parts, b"CREATE TABLE orgs"),
    "a bit of a header": lambda parts: flipped(parts, b"manifest.json"),
    "a bit of the manifest": lambda parts: flipped(parts, b'"made_at":1'),
    "a bit of the key": lambda parts: flipped(parts, parts.key[:9]),
    "another order": lambda parts: packed(parts.members()[::-1]),
    "a member twice": lambda parts: packed([parts.members()[0], *parts.members()]),
    "a member more, before": lambda parts: packed([("more", b""), *parts.members()]),
    "a member more, behind": lambda parts: packed([*parts.members(), ("more", b"")]),
    "a path upwards": lambda parts: renamed(parts, 2, "../outside.db"),
    "a path from the root": lambda parts: renamed(parts, 2, "/tmp/outside.db"),
    "a path below": lambda parts: renamed(parts, 2, "./gatepost.db"),
    "a path in the key": lambda parts: renamed(parts, 1, "../instance.key"),
    "a header for others": padded,
    "a symbolic link": lambda parts: packed(parts.members(), type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    "a hard link": lambda parts: packed(parts.members(), type=tarfile.LNKTYPE, linkname="/etc/passwd"),
    "a device": lambda parts: packed(parts.members(), type=tarfile.CHRTYPE),
    "a directory": lambda parts: packed(parts.members(), type=tarfile.DIRTYPE),
    "a sparse file": lambda parts: packed(parts.members(), type=tarfile.GNUTYPE_SPARSE),
    "an old type": lambda parts: packed(parts.members(), type=tarfile.AREGTYPE),
    "a huge key": lambda parts: with_key(parts, b"1" * (1 << 20)),
    "another key": lambda parts: with_key(parts, OTHER_KEY.encode()),
    "no key text": lambda parts: with_key(parts, b"\xff\x00:"),
    "an empty key": lambda parts: with_key(parts, b""),
    "a key not told of": lambda parts: told(parts, has_key=False),
    "another hash": lambda parts: told(parts, database_sha256="0" * 64),
    "a length that lies": lambda parts: told(parts, database_bytes=5),
    "a length that does not fit": lambda parts: told(parts, database_bytes=1 << 60),
    "a negative length": lambda parts: told(parts, database_bytes=-1),
    "a word for a number": lambda parts: told(parts, schema="1"),
    "a number for a boolean": lambda parts: told(parts, has_key=1),
    "no moment": lambda parts: told(parts, made_at=None),
    "a moment beyond time": lambda parts: told(parts, made_at=1 << 62),
    "a moment before time": lambda parts: told(parts, made_at=-1),
    "a member of the manifest more": lambda parts: told(parts, more=1),
    "a list for counts": lambda parts: told(parts, counts=[]),
    "a format to come": lambda parts: told(parts, gatepost_backup=2, more=1),
    "a schema to come": lambda parts: told(parts, schema=NEWEST + 1),
    "no manifest text": lambda parts: packed([("manifest.json", b"[1]"), *parts.members()[1:]]),
    "a huge manifest": lambda parts: packed([("manifest.json", b" " * (1 << 20)), *parts.members()[1:]]),
    "no database": lambda parts: (parts.database.write_bytes(b"none" * 999), packed(parts.members()))[1],
    "an empty database": lambda parts: (parts.database.write_bytes(b""), packed(parts.members()))[1],
    "a damaged database": zeroed,
    "a trigger": lambda parts: altered(
        parts, "create trigger t after insert on events begin update users set disabled_at = null; end"
    ),
    "a view": lambda parts: altered(parts, "create view v as select * from users"),
    "a view for a table": lambda parts: altered(
        parts, "alter table spent rename to was", "create view spent as select * from was"
    ),
    "a virtual table": lambda parts: altered(parts, "create virtual table words using fts5(text)"),
    "a table more": lambda parts: altered(parts, "create table more (a)"),
    "a table less": lambda parts: altered(parts, "drop table spent"),
    "a column more": lambda parts: altered(parts, "alter table spent add column more text"),
    "a generated column": lambda parts: altered(
        parts,
        "drop index spent_by_expiry",
        "alter table spent drop column expires_at",
        "alter table spent add column expires_at as (1)",
    ),
    "an index less": lambda parts: altered(parts, "drop index grants_by_app"),
    "no version": lambda parts: altered(parts, "delete from schema_version"),
    "a version to come": lambda parts: altered(parts, "update schema_version set version = 98 + version"),
}


@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_archive_is_refused_before_anything_is_touched(
    gatepost: Gatepost, archive: Path, tmp_path: Path, name: str
) -> None:
    strange = tmp_path / "strange.tar"
    strange.write_bytes(STRANGE[name](Parts(archive, tmp_path)))
    before = contents(gatepost.data)
    for options in (("--force",), ("--data", "fresh")):
        ran = gatepost("restore", str(strange), "--json", *options)
        assert ran.code in (2, 3, 7), ran
        assert ran.json["error"] != "server_error"
        assert "Traceback" not in ran.err
    assert contents(gatepost.data) == before
    assert not Path("fresh").exists() or contents(Path("fresh")) == {}
    assert not list(tmp_path.rglob("outside*"))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("a huge key", "its instance.key is too long"),
        ("a huge manifest", "its manifest.json is too long"),
        ("a length that does not fit", "has room for"),
        ("a format to come", "this Gatepost reads 1"),
        ("a schema to come", "newer Gatepost"),
    ],
)
def test_it_is_refused_for_the_right_reason(
    gatepost: Gatepost, archive: Path, tmp_path: Path, name: str, why: str
) -> None:
    """Before more of it is read than a bound allows, and in words that say what to do."""
    strange = tmp_path / "strange.tar"
    strange.write_bytes(STRANGE[name](Parts(archive, tmp_path)))
    assert why in gatepost("restore", str(strange), "--force", "--json").json["message"]


def test_the_archive_that_the_strange_ones_are_made_of_is_good(
    gatepost: Gatepost, archive: Path, tmp_path: Path
) -> None:
    good = tmp_path / "good.tar"
    good.write_bytes(packed(Parts(archive, tmp_path).members()))
    gatepost.json("restore", str(good), "--force")


def test_without_an_archive_there_is_nothing_to_restore(gatepost: Gatepost, tmp_path: Path) -> None:
    gatepost.refused(4, "restore", "nowhere.tar")
    gatepost.refused(4, "restore", str(tmp_path))
    assert contents(gatepost.data) == {}
