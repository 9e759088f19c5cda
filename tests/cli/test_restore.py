"""`gatepost restore`: all of it or nothing; and what a database that goes back in time must be told."""

import asyncio
import fcntl
import os
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

import pytest

from gatepost.flows.callers import authenticate_key
from gatepost.flows.instance import Instance
from gatepost.flows.links import create_link, open_link
from gatepost.flows.refresh import refresh
from gatepost.flows.verify import VerifyAsk, verify
from gatepost.opening import open_instance
from gatepost.secrets import parse_id
from gatepost.settings import Settings
from gatepost.store.sqlite import connect
from gatepost.store.sqlite_file import find_faults
from servers import command, running

from .archives import OTHER_KEY, contents, make_archive, orgs
from .conftest import Gatepost

T = TypeVar("T")

REDIRECT = "https://shop.test/callback"


@pytest.fixture
def archive(gatepost: Gatepost, acme: str) -> Path:
    """A backup of an instance with the organization Acme."""
    return make_archive(gatepost)


def on(data: Path, verb: Callable[[Instance], Awaitable[T]]) -> T:
    """The outcome of a verb of the instance in this data directory."""

    async def run() -> T:
        instance = open_instance(Settings(data=str(data)), "https://auth.test")
        try:
            return await verb(instance)
        finally:
            instance.store.close()

    return asyncio.run(run())


def test_a_restore_brings_everything_back(gatepost: Gatepost, acme: str, archive: Path) -> None:
    data = gatepost.data.parent / "elsewhere" / "deep"
    told = gatepost.json("restore", str(archive), "--data", str(data))
    assert (told["restored"], told["instance_key"], told["counts"]["orgs"]) == (True, "backup", 1)
    assert gatepost.json("org", "list", "--data", str(data))[0]["id"] == acme
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in data.iterdir()}
    assert modes == dict.fromkeys(("gatepost.db", "gatepost.db.lock", "instance.key"), 0o600)
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
    assert set(contents(place.parent)) == {"tokens.db"}
    assert set(contents(Path("keys"))) == {"instance.key"}


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


def test_two_restores_at_once_do_not_mix(gatepost: Gatepost, archive: Path) -> None:
    draft = Path("fresh/gatepost.db.restoring")
    draft.mkdir(parents=True)
    (draft / "gatepost.db").write_bytes(b"of the other")
    held = os.open(draft, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    assert "Another restore" in gatepost.refused(5, "restore", str(archive), "--data", "fresh")["message"]
    assert contents(draft) == {"gatepost.db": b"of the other"}
    os.close(held)
    gatepost.json("restore", str(archive), "--data", "fresh")
    assert not draft.exists()


@pytest.mark.parametrize(
    "command", [("org", "list"), ("migrate",), ("backup", "again.tar"), ("restore", "x", "--if-empty")], ids=" ".join
)
def test_whoever_comes_first_finishes_a_restore_that_was_cut_short(
    gatepost: Gatepost, archive: Path, command: tuple[str, ...]
) -> None:
    ready = Path("fresh/gatepost.db.restored")
    ready.mkdir(parents=True)
    for name in ("gatepost.db", "instance.key"):
        (ready / name).write_bytes((gatepost.data / name).read_bytes())
    gatepost.json(*command, "--data", "fresh")
    assert not ready.exists()
    assert orgs(gatepost, Path("fresh")) == ["Acme"]


def test_the_log_of_a_damaged_database_does_not_reach_the_restored_one(gatepost: Gatepost, archive: Path) -> None:
    path, log = gatepost.data / "gatepost.db", gatepost.data / "gatepost.db-wal"
    held = connect(path)
    held.execute("select * from orgs").fetchall()
    gatepost.json("org", "create", "Later")
    written = log.read_bytes()
    assert b"Later" in written
    held.close()
    path.write_bytes(b"no database" * 1000)
    log.write_bytes(written)
    gatepost.json("restore", str(archive), "--force")
    assert orgs(gatepost, gatepost.data) == ["Acme"]
    assert find_faults(path, deep=True) == []


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
    assert on(gatepost.data, lambda instance: open_link(instance, early, "", None)) is None
    late = on(gatepost.data, new_link)
    assert on(gatepost.data, lambda instance: open_link(instance, late, "", None)) is not None
    assert on(gatepost.data, lambda instance: open_link(instance, late, "", None)) is None
