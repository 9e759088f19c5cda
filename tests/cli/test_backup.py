"""`gatepost backup`: one file, whole, secret and verified."""

import stat
import tarfile
from pathlib import Path
from typing import TypeVar

import pytest

from gatepost.store.migrations import NEWEST

from .archives import OTHER_KEY, change, make_archive, orgs
from .conftest import Gatepost

T = TypeVar("T")

REDIRECT = "https://shop.test/callback"


@pytest.fixture
def archive(gatepost: Gatepost, acme: str) -> Path:
    """A backup of an instance with the organization Acme."""
    return make_archive(gatepost)


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
    Path("precious").touch()
    assert "exists" in gatepost.refused(5, "backup", "precious")["message"], "that is seen before anything is copied"


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
