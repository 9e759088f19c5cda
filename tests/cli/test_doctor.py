"""`gatepost doctor` on a real deployment, of which one thing is broken at a time."""

import asyncio
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from gatepost.flows.upkeep.doctor import CHECKS
from gatepost.secrets import Keyring
from gatepost.store.events import Act, record
from gatepost.store.migrations import NEWEST
from gatepost.store.question import INSTANCE
from gatepost.store.sqlite import SqliteStore, connect
from servers import command

from .conftest import Gatepost


def examined(gatepost: Gatepost, *options: str) -> dict[str, list[dict[str, Any]]]:
    """What was found, by check; a check without a finding is not in it."""
    ran = gatepost("doctor", "--json", *options)
    found: dict[str, list[dict[str, Any]]] = {}
    for row in ran.json["checks"]:
        if row["status"] != "ok":
            found.setdefault(row["name"], []).append(row)
    problems = [row for rows in found.values() for row in rows if row["status"] == "problem"]
    assert ran.json["problems"] == len(problems)
    assert ran.code == (1 if problems else 0)
    # What the machine that runs the tests is like is not the tests' affair.
    return {name: rows for name, rows in found.items() if name not in ("disk", "filesystem")}


@pytest.fixture
def healthy(gatepost: Gatepost, acme: str, monkeypatch: pytest.MonkeyPatch) -> Gatepost:
    monkeypatch.setenv("GATEPOST_ISSUER", "https://auth.example.com")
    assert examined(gatepost) == {}
    return gatepost


def test_nothing_is_wrong_with_a_healthy_deployment(healthy: Gatepost) -> None:
    assert examined(healthy, "--deep") == {}
    document = healthy("doctor", "--json").json
    assert {row["name"] for row in document["checks"]} == {check.name for check in CHECKS}
    assert all(set(row) == {"name", "status", "what", "why", "fix"} for row in document["checks"])
    said = healthy("doctor").out
    assert "ok       instance key  the instance key opens the database" in said


def test_looking_changes_nothing(healthy: Gatepost) -> None:
    before = {path: path.read_bytes() for path in healthy.data.iterdir()}
    healthy("doctor", "--deep")
    assert {path: path.read_bytes() for path in healthy.data.iterdir()} == before


def test_a_problem_is_told_with_its_mend(healthy: Gatepost) -> None:
    key = healthy.data / "instance.key"
    key.chmod(0o644)
    (found,) = examined(healthy)["files"]
    assert (found["why"], found["fix"]) == (
        "gatepost-data/instance.key can be read by others: its mode is 0644",
        "chmod 600 gatepost-data/instance.key",
    )
    said = healthy("doctor").out
    assert "problem  files         gatepost-data/instance.key can be read by others" in said
    assert "fix: chmod 600 gatepost-data/instance.key" in said
    assert said.endswith("1 problem, 0 pieces of advice.\n")
    subprocess.run(found["fix"].split(), check=True)
    assert examined(healthy) == {}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (Keyring.fresh_text, "another instance's"),
        (lambda: "1:short", "cannot be read"),
        (lambda: "", "cannot be read"),
    ],
    ids=["another", "malformed", "empty"],
)
def test_an_instance_key_that_does_not_open_the_database(healthy: Gatepost, text: Callable[[], str], why: str) -> None:
    (healthy.data / "instance.key").write_text(text())
    (found,) = examined(healthy).pop("instance key")
    assert why in found["why"]


def test_an_instance_key_that_is_missing(healthy: Gatepost) -> None:
    (healthy.data / "instance.key").unlink()
    assert set(examined(healthy)) == {"instance key"}


@pytest.mark.parametrize("deep", [(), ("--deep",)], ids=["quick", "deep"])
def test_a_damaged_database(healthy: Gatepost, deep: tuple[str, ...]) -> None:
    healthy.json("user", "create", "ana@acme.test", "--org", "Acme")
    path = healthy.data / "gatepost.db"
    content = bytearray(path.read_bytes())
    at = content.rindex(b"ana@acme.test") // 4096 * 4096
    content[at : at + 4096] = bytes(4096)
    path.write_bytes(content)
    assert "damaged" in examined(healthy, *deep)["database"][0]["why"]


def test_an_index_that_lacks_a_row_is_found_by_a_deep_look(healthy: Gatepost) -> None:
    connection = connect(healthy.data / "gatepost.db")
    connection.execute("pragma writable_schema = on")
    statement = "update sqlite_schema set sql = replace(sql, '(user_id)', '(role)') where name = 'memberships_by_user'"
    connection.execute(statement).fetchall()
    connection.close()
    healthy.json("user", "create", "ana@acme.test", "--org", "Acme")
    connection = connect(healthy.data / "gatepost.db")
    connection.execute("pragma writable_schema = on")
    connection.execute(
        statement.replace("(user_id)", "x").replace("(role)", "(user_id)").replace("x", "(role)")
    ).fetchall()
    connection.close()
    assert "database" not in examined(healthy)
    assert "memberships_by_user" in examined(healthy, "--deep")["database"][0]["why"]


def test_what_is_no_database(healthy: Gatepost) -> None:
    (healthy.data / "gatepost.db").write_bytes(b"no database" * 1000)
    assert "NotADB" in examined(healthy)["database"][0]["why"]


@pytest.mark.parametrize(("version", "why"), [(0, "this Gatepost needs"), (NEWEST + 1, "newer Gatepost's")], ids=str)
def test_the_schema_of_another_version(healthy: Gatepost, version: int, why: str) -> None:
    connection = connect(healthy.data / "gatepost.db")
    connection.execute(f"delete from schema_version where version < {NEWEST}").fetchall()
    connection.execute(f"update schema_version set version = {version}").fetchall()
    connection.close()
    found = examined(healthy)
    assert set(found) == {"schema"}
    assert why in found["schema"][0]["why"]


def test_a_clock_that_went_back(healthy: Gatepost) -> None:
    async def tell() -> None:
        store = SqliteStore(healthy.data / "gatepost.db")
        await store.ask(record(INSTANCE, "test.told", Act(int(time.time()) + 3600, "cli")))
        store.close()

    asyncio.run(tell())
    assert set(examined(healthy)) == {"clock"}


def test_keys_that_end_soon(healthy: Gatepost) -> None:
    healthy.json("key", "create", "--org", "Acme", "--name", "Gateway", "--expires", "2d")
    healthy.json("key", "create", "--org", "Acme", "--expires", "90d")
    client_id = healthy.json("app", "create", "Shop", "--org", "Acme", "--kind", "web")["client_id"]
    healthy.json("app", "secret", "add", client_id, "--expires", "1d")
    found = examined(healthy)
    assert [row["status"] for row in found["credentials"]] == ["advice", "advice"]
    assert client_id in found["credentials"][0]["why"]
    assert "(Gateway)" in found["credentials"][1]["why"]


@pytest.mark.parametrize(
    ("setting", "value", "check", "status"),
    [
        ("ISSUER", "http://auth.example.com", "settings", "problem"),
        ("ISSUER", "https://auth.example.com/", "settings", "problem"),
        ("SERVER__TLS_CERT", "cert.pem", "settings", "problem"),
        ("SERVER__TRUSTED_PROXIES", "0.0.0.0/0", "proxies", "problem"),
        ("LIMITS__ENABLED", "false", "limits", "problem"),
    ],
    ids=["plain http", "slash", "certificate alone", "all proxies", "no limits"],
)
def test_settings(
    healthy: Gatepost, monkeypatch: pytest.MonkeyPatch, setting: str, value: str, check: str, status: str
) -> None:
    monkeypatch.setenv(f"GATEPOST_{setting}", value)
    assert [row["status"] for row in examined(healthy)[check]] == [status]


def test_a_restore_that_was_cut_short(healthy: Gatepost) -> None:
    (healthy.data / "gatepost.db.restoring").mkdir()
    assert set(examined(healthy)) == {"restore"}


def test_a_directory_that_others_can_write(healthy: Gatepost) -> None:
    healthy.data.chmod(0o777)
    assert set(examined(healthy)) == {"owners"}


def write_certificate(directory: Path, ends: datetime) -> None:
    """A self-made certificate in tls.pem, with its key in tls.key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "auth.example.com")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    certificate = builder.not_valid_before(ends - timedelta(days=90)).not_valid_after(ends).sign(key, hashes.SHA256())
    (directory / "tls.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (directory / "tls.key").write_bytes(private)
    (directory / "tls.key").chmod(0o600)


def test_a_certificate(healthy: Gatepost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEPOST_SERVER__TLS_CERT", "tls.pem")
    monkeypatch.setenv("GATEPOST_SERVER__TLS_KEY", "tls.key")
    today = datetime.now(UTC)
    write_certificate(tmp_path, today + timedelta(days=60))
    assert examined(healthy) == {}
    write_certificate(tmp_path, today + timedelta(days=3))
    assert [row["status"] for row in examined(healthy).pop("certificate")] == ["advice"]
    write_certificate(tmp_path, today - timedelta(days=3))
    assert [row["status"] for row in examined(healthy).pop("certificate")] == ["problem"]
    Path("tls.key").chmod(0o644)
    assert "tls.key can be read by others" in examined(healthy)["files"][0]["why"]
    Path("tls.pem").write_text("no certificate")
    assert {"certificate", "settings"} <= set(examined(healthy))


def test_without_a_database_there_is_nothing_to_look_at(gatepost: Gatepost) -> None:
    gatepost.refused(4, "doctor")


def test_as_a_process(healthy: Gatepost) -> None:
    (healthy.data / "gatepost.db").chmod(0o640)
    ran = command(healthy.data, "doctor", settings={"GATEPOST_ISSUER": "http://127.0.0.1:8710"})
    assert ran.returncode == 1
    assert '"problems": 1' in ran.stdout


def test_an_organization_is_looked_at_as_its_people_see_it(healthy: Gatepost, acme: str) -> None:
    assert set(examined(healthy, "--org", acme)) == {"mails"}
    healthy.json("key", "create", "--org", acme, "--expires", "5d", "--name", "Soon")
    (row,) = examined(healthy, "--org", acme)["credentials"]
    assert "Soon" in row["why"]
    assert row["status"] == "advice"
    other = healthy.json("org", "create", "Other")["id"]
    assert "credentials" not in examined(healthy, "--org", other)
    assert healthy.refused(4, "doctor", "--org", "Nobody")["error"] == "not_found"
