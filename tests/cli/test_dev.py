"""`dev`: ready in one command, the same on every start, and careful with what it did not make."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli.conftest import Gatepost
from gatepost.cli.dev import issuer_of
from gatepost.secrets import parse_id
from gatepost.settings.values import build_settings
from servers import Server, command, reserved_port, running

pytestmark = pytest.mark.xdist_group("cli_dev")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Server]:
    """A directory that dev made, and the server as it was on its first start."""
    data = tmp_path_factory.mktemp("dev") / "data"
    with running("dev", data) as server:
        pass
    return data, server


@pytest.fixture
def data(made: tuple[Path, Server], tmp_path: Path) -> Path:
    """A copy of that directory."""
    return Path(shutil.copytree(made[0], tmp_path / "data"))


def test_the_ready_line_tells_all_a_program_needs(made: tuple[Path, Server]) -> None:
    _, server = made
    ready = server.ready
    assert ready["ready"] is True
    assert ready["issuer"] == server.url
    assert ready["sign_in"].startswith(f"{server.url}/login?link=gp_link_")
    assert parse_id("org", ready["org"])
    assert re.fullmatch("[A-Za-z0-9]{14}", ready["auth_token"])
    assert ready["api_key"].startswith("gp_key_")
    assert ready["app"]["client_secret"].startswith("gp_sec_")
    assert ready["app"]["redirect_uris"] == ["http://localhost:8765/callback"]
    assert ready["user"]["email"] == "owner@demo.test"
    assert len(ready["user"]["password"]) >= 12


@pytest.mark.parametrize(
    ("cert", "port", "issuer"),
    [
        ("", 8710, "http://[::1]:8710"),
        ("", 80, "http://[::1]"),
        ("c", 443, "https://[::1]"),
        ("c", 80, "https://[::1]:80"),
    ],
)
def test_the_issuer_leaves_out_the_usual_port(cert: str, port: int, issuer: str) -> None:
    assert issuer_of(build_settings({"server.host": "::1", "server.tls_cert": cert}), port) == issuer


def test_what_it_keeps_is_for_its_owner_alone(made: tuple[Path, Server]) -> None:
    data, server = made
    assert data.stat().st_mode & 0o777 == 0o700
    for name in ("dev.json", "instance.key", "gatepost.db"):
        assert (data / name).stat().st_mode & 0o777 == 0o600, name
    kept = json.loads((data / "dev.json").read_text())
    assert kept["api_key"] == server.ready["api_key"]


def test_the_demo_is_the_same_on_every_start_until_fresh(data: Path, made: tuple[Path, Server]) -> None:
    first = made[1].ready
    with running("dev", data) as server:
        lasting = {"org", "auth_token", "api_key", "app", "user"}
        assert {name: server.ready[name] for name in lasting} == {name: first[name] for name in lasting}
        assert server.ready["sign_in"] != first["sign_in"]
        with server.caller() as caller:
            assert caller.get("/auth_token").json() == {"auth_token": first["auth_token"]}
        second = command(data, "dev", "--port", "0", "--fresh")
        assert (second.returncode, json.loads(second.stdout)["error"]) == (5, "conflict")
        with server.caller() as caller:
            assert caller.get("/auth_token").status == 200
    (data / "mine.txt").write_text("not Gatepost's")
    with running("dev", data, "--fresh") as server:
        assert server.ready["org"] != first["org"]
    assert (data / "mine.txt").read_text() == "not Gatepost's"


def test_the_banner_has_four_calls_that_work_when_pasted(tmp_path: Path) -> None:
    with reserved_port() as port:
        process = subprocess.Popen(
            [sys.executable, "-m", "gatepost", "dev", "--port", str(port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=tmp_path,
            env={k: v for k, v in os.environ.items() if not k.startswith("GATEPOST_")},
            text=True,
        )
        try:
            assert process.stdout
            banner = ""
            while "/refresh" not in banner:
                line = process.stdout.readline()
                assert line, banner
                banner += line
            calls = [line for line in banner.splitlines() if line.startswith("curl ")]
            done = [subprocess.run(["bash", "-c", call], capture_output=True, text=True) for call in calls]
        finally:
            process.terminate()
            process.communicate(timeout=30)
    answers = [json.loads(each.stdout) for each in done]
    assert [answer.get("message", "") for answer in answers] == [
        "",
        "Auth token saved successfully",
        "Auth token verified successfully",
        "Access token refreshed successfully",
    ]
    assert answers[0]["auth_token"] in banner


@pytest.mark.parametrize(
    "content", ["", "not json", "[]", '{"org": 1}', '{"org": "org_x", "auth_token": "", "api_key": "", "app": {}}']
)
def test_a_damaged_dev_json_is_refused_and_fresh_mends_it(gatepost: Gatepost, content: str) -> None:
    gatepost.data.mkdir()
    (gatepost.data / "dev.json").write_text(content)
    document = gatepost.refused(3, "dev", "--port", "0")
    assert "dev.json is damaged" in document["message"]
    assert "--fresh" in document["fix"]
    assert (gatepost.data / "dev.json").read_text() == content


def test_a_dev_json_without_its_database_is_refused(gatepost: Gatepost, data: Path) -> None:
    for path in data.glob("gatepost.db*"):
        path.unlink()
    assert "belongs to another database" in gatepost.refused(3, "dev", "--port", "0", "--data", str(data))["message"]


def test_a_first_start_that_was_cut_short_begins_anew(data: Path) -> None:
    (data / "dev.json").write_text("{}")
    with running("dev", data) as server:
        assert len(json.loads(command(data, "org", "list").stdout)) == 1
        assert server.ready["org"]


@pytest.mark.parametrize("option", [[], ["--fresh"]], ids=["dev", "fresh"])
def test_data_that_dev_did_not_make_is_left_alone(gatepost: Gatepost, acme: str, option: list[str]) -> None:
    document = gatepost.refused(6, "dev", "--port", "0", *option)
    assert "did not make" in document["message"]
    assert [org["id"] for org in gatepost.json("org", "list")] == [acme]


def test_fresh_leaves_a_database_elsewhere_alone(gatepost: Gatepost, tmp_path: Path, data: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for path in data.glob("gatepost.db*"):
        path.rename(elsewhere / path.name)
    place = ("--data", str(data), "--database", f"sqlite:///{elsewhere}/gatepost.db")
    assert "outside the data directory" in gatepost.refused(6, "dev", "--port", "0", "--fresh", *place)["message"]
    assert (data / "instance.key").exists()
    assert len(gatepost.json("org", "list", *place)) == 1


def test_a_place_that_cannot_be_written_is_refused(gatepost: Gatepost) -> None:
    Path("file").write_text("")
    assert gatepost.refused(3, "dev", "--port", "0", "--data", "file/data")["error"] == "invalid_configuration"


def test_commands_know_the_issuer_of_dev(data: Path, made: tuple[Path, Server]) -> None:
    done = command(data, "link")
    assert done.returncode == 0
    assert json.loads(done.stdout)["sign_in"].startswith(f"{made[1].url}/login?link=gp_link_")
    assert json.loads(done.stdout)["email"] == "owner@demo.test"
