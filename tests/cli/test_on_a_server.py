"""The operator's commands where the database is on a server."""

from collections.abc import Iterator

import pytest

import postgres
from gatepost.store.migrations import NEWEST

from .conftest import Gatepost


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = postgres.start()
    name = f"{__name__.replace('.', '_')}_{id(server)}"
    yield server.create(name)
    with server.connect("postgres") as connection:
        connection.execute(f"drop database {name} with (force)")


@pytest.fixture
def remote(gatepost: Gatepost, url: str, monkeypatch: pytest.MonkeyPatch) -> Gatepost:
    monkeypatch.setenv("GATEPOST_DATABASE", url)
    monkeypatch.setenv("GATEPOST_INSTANCE__KEY", "1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
    return gatepost


def test_a_database_on_a_server_is_examined_migrated_and_tells_what_happened(remote: Gatepost) -> None:
    remote.json("org", "create", "Acme")
    for options in ((), ("--dry-run",)):
        schema = remote.json("migrate", *options)
        assert (schema["version"], schema["missing"]) == (NEWEST, [])
    ran = remote("doctor", "--deep", "--json")
    assert ran.code == 0
    assert {row["name"] for row in ran.json["checks"] if row["status"] != "ok"} == {"settings"}, "no issuer is set"
    assert [event["type"] for event in remote.json("events", "list")] == ["org.made"]
    assert "org.made" in remote("events", "export", "--format", "csv", "--type", "org").out


def test_a_server_has_means_of_its_own_for_backups(remote: Gatepost) -> None:
    for command in ("backup", "restore"):
        assert "pg_dump" in remote.refused(3, command, "acme.tar")["fix"]


def test_a_server_that_is_away_is_out_of_reach(remote: Gatepost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEPOST_DATABASE", "postgresql://gatepost@127.0.0.1:1/nowhere")
    for command in (("migrate",), ("doctor",), ("events", "list")):
        remote.refused(7, *command)
