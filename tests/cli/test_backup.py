"""`gatepost backup` and `restore`: one file, all of it or nothing, and what a database that goes back in time must be told."""

import asyncio
import gzip
import hashlib
import io
import stat
import tarfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest

from gatepost.flows.archive import hash_file
from gatepost.flows.callers import authenticate_key
from gatepost.flows.instance import Instance
from gatepost.flows.links import create_link, open_link
from gatepost.flows.token import refresh
from gatepost.flows.verify import VerifyAsk, verify
from gatepost.secrets import Keyring, parse_id
from gatepost.settings import Settings
from gatepost.store.migrations import NEWEST
from gatepost.store.sqlite import connect
from gatepost.wiring import open_instance
from servers import command, running

from .conftest import Gatepost

T = TypeVar("T")

REDIRECT = "https://shop.test/callback"
OTHER_KEY = Keyring.fresh_text()


@pytest.fixture
def archive(gatepost: Gatepost, acme: str) -> Path:
    """A backup of an instance with the organization Acme."""
    file = gatepost.data.parent / "acme.tar"
    gatepost.json("backup", str(file))
    return file


def on(data: Path, verb: Callable[[Instance], Awaitable[T]]) -> T:
    """The outcome of a verb of the instance in this data directory."""

    async def run() -> T:
        instance = open_instance(Settings(data=str(data)), "https://auth.test")
        try:
            return await verb(instance)
        finally:
            instance.store.close()

    return asyncio.run(run())


def orgs(gatepost: Gatepost, data: Path) -> list[str]:
    return [org["name"] for org in gatepost.json("org", "list", "--data", str(data))]


def contents(directory: Path) -> dict[str, bytes]:
    """Every file below a directory."""
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


# Backups


def test_a_backup_says_what_is_in_it_and_is_secret(gatepost: Gatepost, acme: str) -> None:
    file = gatepost.data.parent / "acme.tar"
    told = gatepost.json("backup", str(file))
    assert (told["file"], told["bytes"]) == (str(file), file.stat().st_size)
    assert (told["schema"], told["instance_key"], told["counts"]["orgs"]) == (NEWEST, True, 1)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with tarfile.open(file) as tar:
        assert tar.getnames() == ["manifest.json", "instance.key", "gatepost.db"]
    gatepost.json("app", "create", "Shop", "--org", acme, "--kind", "spa")
    said = gatepost("backup", str(gatepost.data.parent / "later.tar")).out
    assert "1 orgs, 1 apps, 0 users, 0 grants" in said
    assert "Keep it secret" in said


def test_a_backup_without_the_key_holds_none(gatepost: Gatepost, acme: str) -> None:
    file = gatepost.data.parent / "acme.tar"
    assert gatepost.json("backup", str(file), "--without-key")["instance_key"] is False
    assert (gatepost.data / "instance.key").read_bytes().split(b":")[1].strip() not in file.read_bytes()
    with tarfile.open(file) as tar:
        assert tar.getnames() == ["manifest.json", "gatepost.db"]


def test_the_key_by_setting_is_in_the_backup(gatepost: Gatepost, acme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    key = gatepost.data / "instance.key"
    monkeypatch.setenv("GATEPOST_INSTANCE__KEY", key.read_text().strip())
    key.unlink()
    file, data = gatepost.data.parent / "acme.tar", gatepost.data.parent / "elsewhere"
    assert gatepost.json("backup", str(file))["instance_key"] is True
    assert gatepost.json("restore", str(file), "--data", str(data))["instance_key"] == "setting"
    assert not (data / "instance.key").exists()
    assert orgs(gatepost, data) == ["Acme"]
    monkeypatch.delenv("GATEPOST_INSTANCE__KEY")
    assert gatepost.json("restore", str(file), "--data", str(data), "--force")["instance_key"] == "backup"
    assert orgs(gatepost, data) == ["Acme"]


def test_a_backup_never_replaces_a_file_unasked(gatepost: Gatepost, acme: str) -> None:
    file = gatepost.data.parent / "precious"
    file.write_bytes(b"precious")
    assert "exists already" in gatepost.refused(5, "backup", str(file))["message"]
    assert file.read_bytes() == b"precious"
    gatepost.json("backup", str(file), "--force")
    assert tarfile.is_tarfile(file)


def test_a_backup_that_fails_leaves_nothing(gatepost: Gatepost, acme: str) -> None:
    before = set(gatepost.data.parent.iterdir())
    (gatepost.data / "instance.key").write_text(OTHER_KEY)
    assert "another instance's" in gatepost.refused(3, "backup", "acme.tar")["message"]
    (gatepost.data / "instance.key").write_text("1:short")
    assert "cannot be read" in gatepost.refused(3, "backup", "acme.tar")["message"]
    (gatepost.data / "instance.key").unlink()
    assert "--without-key" in gatepost.refused(3, "backup", "acme.tar")["fix"]
    gatepost.refused(4, "backup", "nowhere/acme.tar", "--without-key")
    gatepost.refused(4, "backup", "acme.tar", "--data", "nowhere")
    assert set(gatepost.data.parent.iterdir()) == before


def test_a_damaged_database_is_not_backed_up(gatepost: Gatepost, acme: str) -> None:
    gatepost.json("user", "create", "ana@acme.test", "--org", acme)
    path = gatepost.data / "gatepost.db"
    content = bytearray(path.read_bytes())
    at = content.rindex(b"ana@acme.test")
    content[at - 4096 : at] = bytes(4096)
    path.write_bytes(content)
    assert "damaged" in gatepost.refused(1, "backup", "acme.tar")["message"]


def test_what_a_restore_would_refuse_is_not_backed_up(gatepost: Gatepost, acme: str) -> None:
    change(gatepost.data / "gatepost.db", "create table notes (text)")
    assert "not Gatepost's" in gatepost.refused(3, "backup", "acme.tar")["message"]


def test_events_tell_of_a_backup_and_of_a_restore(gatepost: Gatepost, archive: Path) -> None:
    gatepost.json("backup", "other.tar", "--without-key")
    gatepost.json("restore", str(archive), "--force")
    gatepost.json("backup", "third.tar")
    told = gatepost.json("events", "list", "--instance")
    assert [(event["type"], event["detail"].get("with_key")) for event in told] == [
        ("instance.restored", None),
        ("instance.backed_up", True),
    ]


# Restores


def test_a_restore_brings_everything_back(gatepost: Gatepost, acme: str, archive: Path) -> None:
    data = gatepost.data.parent / "elsewhere" / "deep"
    told = gatepost.json("restore", str(archive), "--data", str(data))
    assert (told["restored"], told["instance_key"], told["counts"]["orgs"]) == (True, "backup", 1)
    assert gatepost.json("org", "list", "--data", str(data))[0]["id"] == acme
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in data.iterdir()}
    assert modes == {"gatepost.db": 0o600, "instance.key": 0o600}
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert (data / "instance.key").read_bytes() == (gatepost.data / "instance.key").read_bytes()
    assert "live again" in gatepost("restore", str(archive), "--data", str(data), "--force").out


def test_data_is_replaced_only_when_asked(gatepost: Gatepost, archive: Path) -> None:
    gatepost.json("org", "create", "Later")
    before = contents(gatepost.data)
    assert "holds data" in gatepost.refused(5, "restore", str(archive))["message"]
    assert gatepost.json("restore", str(archive), "--if-empty") == {"restored": False}
    assert gatepost.json("restore", "nowhere.tar", "--if-empty") == {"restored": False}
    assert contents(gatepost.data) == before
    gatepost.json("restore", str(archive), "--force")
    assert orgs(gatepost, gatepost.data) == ["Acme"]


def test_where_there_is_no_data_if_empty_restores(gatepost: Gatepost, archive: Path) -> None:
    data = gatepost.data.parent / "volume"
    (data / "lost+found").mkdir(parents=True)
    (data / "gatepost.db").touch()
    assert gatepost.json("restore", str(archive), "--if-empty", "--data", str(data))["restored"] is True
    assert orgs(gatepost, data) == ["Acme"]


def test_a_database_elsewhere_is_restored_there(gatepost: Gatepost, archive: Path) -> None:
    place = gatepost.data.parent / "disk" / "tokens.db"
    options = ("--data", "keys", "--database", f"sqlite:///{place}")
    gatepost.json("restore", str(archive), *options)
    assert [org["name"] for org in gatepost.json("org", "list", *options)] == ["Acme"]
    assert {path.name for path in place.parent.iterdir()} == {"tokens.db"}
    assert {path.name for path in Path("keys").iterdir()} == {"instance.key"}


def test_a_backup_without_the_key_needs_it_from_elsewhere(gatepost: Gatepost, acme: str) -> None:
    gatepost.json("backup", "acme.tar", "--without-key")
    ran = gatepost("restore", "acme.tar", "--data", "without", "--json")
    assert ran.code == 0
    assert ran.json["instance_key"] == "missing"
    assert "holds no instance key" in ran.err
    gatepost.refused(3, "org", "list", "--data", "without")
    Path("with").mkdir()
    Path("with/instance.key").write_bytes((gatepost.data / "instance.key").read_bytes())
    assert gatepost.json("restore", "acme.tar", "--data", "with")["instance_key"] == "directory"
    assert orgs(gatepost, Path("with")) == ["Acme"]


def test_a_key_that_does_not_open_the_backup_is_refused(
    gatepost: Gatepost, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("other").mkdir()
    Path("other/instance.key").write_text(OTHER_KEY)
    assert "another key" in gatepost.refused(5, "restore", str(archive), "--data", "other")["message"]
    gatepost.json("backup", "without.tar", "--without-key")
    assert "another instance's" in gatepost.refused(3, "restore", "without.tar", "--data", "other")["message"]
    assert contents(Path("other")) == {"instance.key": OTHER_KEY.encode()}
    assert gatepost.json("restore", str(archive), "--data", "other", "--force")["instance_key"] == "backup"
    monkeypatch.setenv("GATEPOST_INSTANCE__KEY", OTHER_KEY)
    assert "another instance's" in gatepost.refused(3, "restore", str(archive), "--data", "third")["message"]
    assert contents(Path("third")) == {}


def test_beside_a_server_a_backup_is_taken_and_a_restore_refused(tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "acme.tar"
    with running("dev", data) as server:
        assert command(data, "backup", str(file)).returncode == 0
        refused = command(data, "restore", str(file), "--force")
        assert refused.returncode == 5
        assert "server" in refused.stderr
        with server.caller() as client:
            assert client.post("/verify", server.pair).status == 200
    assert command(data, "restore", str(file), "--force").returncode == 0


def test_beside_another_command_a_restore_is_refused(gatepost: Gatepost, archive: Path) -> None:
    other = connect(gatepost.data / "gatepost.db")
    other.execute("begin").execute("select * from orgs").fetchall()
    assert "in use" in gatepost.refused(5, "restore", str(archive), "--force")["message"]
    other.close()
    gatepost.json("restore", str(archive), "--force")


def test_a_database_that_is_damaged_is_replaced(gatepost: Gatepost, archive: Path) -> None:
    for damaged in (b"no database at all " * 1000, (gatepost.data / "gatepost.db").read_bytes()[:5000]):
        (gatepost.data / "gatepost.db").write_bytes(damaged)
        (gatepost.data / "gatepost.db-wal").write_bytes(b"of the damaged one")
        gatepost.json("restore", str(archive), "--force")
        assert orgs(gatepost, gatepost.data) == ["Acme"]


# Going back in time


async def connected(instance: Instance, api_key: str) -> str:
    """The first refresh token of a new grant."""
    caller = await authenticate_key(instance, f"Bearer {api_key}")
    return (await verify(instance, caller, VerifyAsk("shop", REDIRECT), "192.0.2.1")).refresh_token


def test_who_rotated_since_the_backup_is_not_logged_out(gatepost: Gatepost, acme: str) -> None:
    gatepost.json(
        "app", "create", "Shop", "--org", acme, "--kind", "web", "--client-id", "shop", "--redirect", REDIRECT
    )
    api_key = gatepost.json("key", "create", "--org", acme)["api_key"]
    first = on(gatepost.data, lambda instance: connected(instance, api_key))
    gatepost.json("backup", "acme.tar")

    async def rotate(instance: Instance) -> str:
        token = first
        for _ in range(3):
            token = (await refresh(instance, token, "192.0.2.1")).refresh_token
        return token

    fourth = on(gatepost.data, rotate)
    gatepost.json("restore", "acme.tar", "--force")
    fifth = on(gatepost.data, lambda instance: refresh(instance, fourth, "192.0.2.1"))
    assert on(gatepost.data, lambda instance: refresh(instance, fifth.refresh_token, "192.0.2.1"))


def test_a_link_used_since_the_backup_cannot_be_used_again(gatepost: Gatepost, acme: str) -> None:
    user = gatepost.json("user", "create", "ana@acme.test", "--org", acme)["id"]
    org_id, user_id = parse_id("org", acme) or b"", parse_id("usr", user) or b""

    async def new_link(instance: Instance) -> str:
        link = create_link(instance, org_id, user_id).reveal()
        return parse_qs(urlsplit(link).query)["link"][0]

    gatepost.json("backup", "acme.tar")
    early = on(gatepost.data, new_link)
    asyncio.run(asyncio.sleep(1.1))  # The moment of a restore is kept to the second.
    gatepost.json("restore", "acme.tar", "--force")
    assert on(gatepost.data, lambda instance: open_link(instance, early)) is None
    late = on(gatepost.data, new_link)
    assert on(gatepost.data, lambda instance: open_link(instance, late)) is not None
    assert on(gatepost.data, lambda instance: open_link(instance, late)) is None


# Archives that others made


def change(path: Path, *statements: str) -> None:
    connection = connect(path)
    for statement in statements:
        connection.execute(statement).fetchall()
    connection.pragma("journal_mode", "delete")
    connection.close()


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
        parts, "alter table spent drop column expires_at", "alter table spent add column expires_at as (1)"
    ),
    "an index less": lambda parts: altered(parts, "drop index grants_by_app"),
    "no version": lambda parts: altered(parts, "delete from schema_version"),
    "a version to come": lambda parts: altered(parts, "update schema_version set version = 99"),
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


def test_the_archive_that_the_strange_ones_are_made_of_is_good(
    gatepost: Gatepost, archive: Path, tmp_path: Path
) -> None:
    good = tmp_path / "good.tar"
    good.write_bytes(packed(Parts(archive, tmp_path).members()))
    gatepost.json("restore", str(good), "--force")


def test_without_an_archive_there_is_nothing_to_restore(gatepost: Gatepost, tmp_path: Path) -> None:
    gatepost.refused(4, "restore", "nowhere.tar")
    gatepost.refused(4, "restore", str(tmp_path))
    assert not gatepost.data.exists()
