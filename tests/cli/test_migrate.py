"""`gatepost migrate`: what the schema has and lacks; tried out, and applied."""

from pathlib import Path

import pytest

from gatepost.store.migrations import MIGRATIONS, NEWEST
from gatepost.store.sqlite import connect
from servers import command

from .conftest import Gatepost

MISSING = [{"version": each.number, "name": each.name} for each in MIGRATIONS]


def tables(path: Path) -> set[str]:
    connection = connect(path)
    names = {row[0] for row in connection.execute("select name from sqlite_schema where type = 'table'")}
    connection.close()
    return names


def write(path: Path, statement: str) -> None:
    connection = connect(path)
    connection.execute(statement).fetchall()
    connection.close()


@pytest.fixture
def empty(gatepost: Gatepost) -> Path:
    """A database without a schema: older than every version."""
    gatepost.data.mkdir()
    path = gatepost.data / "gatepost.db"
    connect(path).close()
    return path


def test_the_newest_schema_needs_nothing(gatepost: Gatepost, acme: str) -> None:
    for options in ((), ("--dry-run",)):
        told = gatepost.json("migrate", *options)
        assert (told["version"], told["newest"], told["missing"]) == (NEWEST, NEWEST, [])
        assert [each["version"] for each in told["applied"]] == [each.number for each in MIGRATIONS]
        assert all(each["applied_at"].endswith("Z") for each in told["applied"])
        assert "nothing to do" in gatepost("migrate", *options).out


def test_a_dry_run_tries_everything_and_changes_nothing(gatepost: Gatepost, empty: Path) -> None:
    told = gatepost.json("migrate", "--dry-run")
    assert (told["version"], told["dry_run"], told["missing"], told["applied"]) == (0, True, MISSING, [])
    assert "nothing was changed" in gatepost("migrate", "--dry-run").out
    assert tables(empty) == set()


def test_what_is_missing_is_applied_once(gatepost: Gatepost, empty: Path) -> None:
    told = gatepost.json("migrate")
    assert (told["version"], told["dry_run"], told["missing"]) == (NEWEST, False, MISSING)
    assert "orgs" in tables(empty)
    assert gatepost.json("migrate")["missing"] == []


def test_a_fault_shows_in_the_dry_run_and_nothing_of_it_stays(gatepost: Gatepost, empty: Path) -> None:
    write(empty, "create table events (other text)")
    for options in (("--dry-run",), ()):
        message = gatepost.refused(1, "migrate", *options)["message"]
        assert "table events already exists" in message
        assert "Nothing of it was kept" in message
        assert tables(empty) <= {"events", "schema_version"}
    assert f"Migration {MIGRATIONS[0].number} ({MIGRATIONS[0].name}) failed" in message


def test_the_schema_of_a_newer_gatepost_is_left_alone(gatepost: Gatepost, acme: str) -> None:
    path = gatepost.data / "gatepost.db"
    write(path, f"insert into schema_version values (zeroblob(16), {NEWEST + 1}, 'from the future', 0)")
    for options in (("--dry-run",), ()):
        assert "newer Gatepost" in gatepost.refused(3, "migrate", *options)["message"]
    assert gatepost.refused(3, "org", "list")["fix"].startswith("use the newer Gatepost")


def test_without_a_database_there_is_nothing_to_migrate(gatepost: Gatepost) -> None:
    gatepost.refused(4, "migrate")
    gatepost.refused(4, "migrate", "--dry-run")
    assert not gatepost.data.exists()


def test_as_a_process(gatepost: Gatepost, empty: Path) -> None:
    ran = command(gatepost.data, "migrate")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert f'"version": {NEWEST}' in ran.stdout
