"""The data directory: made private, never without its own key, never opened with another's."""

import shutil
from pathlib import Path

import pytest

from cli.conftest import Gatepost
from gatepost.secrets import Keyring


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_new_instance_is_for_its_owner_alone(gatepost: Gatepost) -> None:
    ran = gatepost("org", "create", "Acme")
    assert ran.code == 0
    assert ran.err == "Made a new instance, with its database and its key, in gatepost-data.\n"
    assert mode(gatepost.data) == 0o700
    for name in ("gatepost.db", "instance.key"):
        assert mode(gatepost.data / name) == 0o600
    assert gatepost("org", "create", "Beta").err == ""


def test_a_directory_that_exists_keeps_its_mode(gatepost: Gatepost) -> None:
    gatepost.data.mkdir(mode=0o750)
    assert gatepost("org", "create", "Acme").code == 0
    assert mode(gatepost.data) == 0o750


@pytest.mark.parametrize("noun", ["org", "key", "app", "grant", "signing-key"])
def test_a_place_without_a_database_is_not_found_and_nothing_is_made(gatepost: Gatepost, noun: str) -> None:
    document = gatepost.refused(4, noun, "list")
    assert "gatepost dev" in document["fix"]
    assert not gatepost.data.exists()


def test_a_database_whose_key_is_gone_gets_no_new_one(gatepost: Gatepost, acme: str) -> None:
    key = gatepost.data / "instance.key"
    kept = key.rename(gatepost.data / "kept")
    for arguments in (("org", "list"), ("org", "create", "Beta"), ("key", "create", "--org", acme)):
        document = gatepost.refused(3, *arguments)
        assert "instance.key is missing" in document["message"]
        assert "backup" in document["fix"]
        assert not key.exists()
    kept.rename(key)
    assert gatepost.json("org", "list")[0]["id"] == acme


def test_a_database_is_not_opened_with_another_instances_key(
    gatepost: Gatepost, acme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEPOST_INSTANCE__KEY", Keyring.fresh_text())
    document = gatepost.refused(3, "key", "create", "--org", acme)
    assert "does not open this database" in document["message"]


def test_the_key_may_come_from_a_file_elsewhere(gatepost: Gatepost, acme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.move(gatepost.data / "instance.key", "secret")
    monkeypatch.setenv("GATEPOST_INSTANCE__KEY_FILE", "secret")
    assert gatepost.json("org", "list")[0]["id"] == acme
    assert not (gatepost.data / "instance.key").exists()


@pytest.mark.parametrize("content", [b"", b"nonsense", b"1:short", b"\xff\xfe", b"0:" + b"A" * 44])
def test_a_damaged_key_is_refused(gatepost: Gatepost, acme: str, content: bytes) -> None:
    (gatepost.data / "instance.key").write_bytes(content)
    assert "instance.key" in str(gatepost.refused(3, "org", "list"))


@pytest.mark.parametrize(
    "content", [b"this is no database, it only lies where one should be" * 40, b"SQLite format 3\0"]
)
def test_a_file_that_is_no_database_is_refused_and_left_alone(gatepost: Gatepost, acme: str, content: bytes) -> None:
    database = gatepost.data / "gatepost.db"
    for path in gatepost.data.glob("gatepost.db*"):
        path.unlink()
    database.write_bytes(content)
    ran = gatepost("org", "list")
    assert ran.code == 7
    assert "why: gatepost-data/gatepost.db" in ran.err
    assert database.read_bytes() == content


def test_a_data_directory_that_cannot_be_is_refused(gatepost: Gatepost) -> None:
    Path("file").write_text("")
    assert "file cannot be used: File exists" in gatepost.refused(3, "org", "create", "A", "--data", "file")["message"]
    assert gatepost.refused(3, "org", "create", "A", "--data", "file/inner")["error"] == "invalid_configuration"
    assert gatepost.refused(4, "org", "list", "--data", "file/inner")["error"] == "not_found"


def test_the_database_may_lie_elsewhere(gatepost: Gatepost, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/other/place.db"
    org = gatepost.json("org", "create", "Acme", "--database", url)
    assert mode(tmp_path / "other" / "place.db") == 0o600
    assert [each["id"] for each in gatepost.json("org", "list", "--database", url)] == [org["id"]]
    assert gatepost("org", "list").code == 4


@pytest.mark.parametrize("url", ["mysql://h/d", "sqlite://", "sqlite:///", "/tmp/x.db", "sqlite:x"])
def test_a_database_of_another_kind_is_refused(gatepost: Gatepost, url: str) -> None:
    assert "sqlite:///path" in gatepost.refused(3, "org", "create", "A", "--database", url)["message"]
