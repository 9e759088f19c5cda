"""`serve` starts safe or not at all, and says which setting it is."""

import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.conftest import Gatepost, spelled
from servers import Client, command, reserved_port, running

ISSUER = ("--issuer", "https://auth.example.com")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Issuer is not set"),
        (["--issuer", ""], "Issuer is not set"),
        (["--issuer", "http://auth.example.com"], "clear text"),
        (["--issuer", "http://127.0.0.1.example.com"], "clear text"),
        (["--issuer", "http://10.0.0.1:8710"], "clear text"),
        (["--issuer", "https://auth.example.com/"], "ends with a slash"),
        (["--issuer", "https://user@auth.example.com"], "not a plain https URL"),
        (["--issuer", "https://:secret@auth.example.com"], "not a plain https URL"),
        (["--issuer", "https://auth.example.com?"], "not a plain https URL"),
        (["--issuer", "https://auth.example.com#"], "not a plain https URL"),
        (["--issuer", "https://auth.example.com:99999"], "not a plain https URL"),
        (["--issuer", "https://auth.example.com:"], "not a plain https URL"),
        (["--issuer", "https://"], "ends with a slash"),
        (["--issuer", "auth.example.com"], "not a plain https URL"),
        (["--issuer", "ftp://auth.example.com"], "not a plain https URL"),
        (["--issuer", "https://auth.example.com/a b"], "not a plain https URL"),
        (["--issuer", "https://bücher.example"], "not a plain https URL"),
        (["--issuer", "https://auth.example.com\n"], "not a plain https URL"),
        ([*ISSUER, "--workers", "2"], "SQLite serves one process"),
        ([*ISSUER, "--tls-cert", "cert.pem"], "need each other"),
        ([*ISSUER, "--tls-key", "key.pem"], "need each other"),
        ([*ISSUER, "--tls-cert", "cert.pem", "--tls-key", "key.pem"], "cert.pem and the key key.pem cannot be used"),
        ([*ISSUER, "--tls-cert", "empty.pem", "--tls-key", "empty.pem"], "empty.pem cannot be used"),
        ([*ISSUER, "--host", "no.such.host.invalid"], "not an address to listen on"),
        ([*ISSUER, "--host", "192.0.2.1", "--port", "0"], "not an address to listen on"),
        ([*ISSUER, "--port", "0", "--database", "mysql://host/db"], "sqlite:///path"),
        ([*ISSUER, "--config", "missing.toml"], "There is no file missing.toml"),
    ],
    ids=spelled,
)
def test_what_is_unsafe_is_refused_before_anything_is_made(gatepost: Gatepost, arguments: list[str], said: str) -> None:
    Path("empty.pem").write_text("")
    document = gatepost.refused(3, "serve", *arguments)
    assert document["error"] == "invalid_configuration"
    assert said in document["message"]
    assert document["fix"]
    assert not gatepost.data.exists()


@pytest.mark.parametrize(
    "option", [["--port", "http"], ["--port", "-1"], ["--port", "1.5"], ["--workers", "many"]], ids=spelled
)
def test_an_option_that_is_no_value_is_a_usage_error(gatepost: Gatepost, option: list[str]) -> None:
    document = gatepost.refused(2, "serve", *ISSUER, *option)
    assert option[0] in document["message"]


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"METRICS__LISTEN": "0.0.0.0:9464"}, "metrics.token is not set"),
        ({"METRICS__LISTEN": "192.0.2.1:9464", "METRICS__TOKEN": "t"}, "not an address to listen on"),
        ({"METRICS__LISTEN": "9464"}, "an address and a port"),
        ({"METRICS__LISTEN": "localhost:99999"}, "an address and a port"),
        (
            {"METRICS__TOKEN": "t", "SERVER__WORKERS": "2", "DATABASE": "postgresql://127.0.0.1:1/nowhere"},
            "would be any one's",
        ),
    ],
    ids=str,
)
def test_figures_are_not_shown_to_everybody(
    gatepost: Gatepost, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"GATEPOST_{name}", value)
    assert said in gatepost.refused(3, "serve", *ISSUER, "--port", "0")["message"]


@pytest.mark.parametrize("verb", [["serve", *ISSUER], ["dev"]], ids=["serve", "dev"])
def test_telemetry_needs_what_sends_it(gatepost: Gatepost, monkeypatch: pytest.MonkeyPatch, verb: list[str]) -> None:
    monkeypatch.setenv("GATEPOST_TELEMETRY__OTLP", "http://127.0.0.1:4318")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http", None)
    assert "gatepost[otel]" in gatepost.refused(3, *verb, "--port", "0")["fix"]
    assert not gatepost.data.exists()


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.mark.parametrize("verb", [["serve", *ISSUER], ["dev"]], ids=["serve", "dev"])
def test_a_taken_port_is_a_conflict(gatepost: Gatepost, taken: int, verb: list[str]) -> None:
    document = gatepost.refused(5, *verb, "--port", str(taken))
    assert f"Port {taken} is taken" in document["message"]
    assert "--port" in document["fix"]
    assert not gatepost.data.exists()


def test_figures_have_a_listener_of_their_own(tmp_path: Path) -> None:
    with reserved_port() as port:
        settings = {"GATEPOST_METRICS__LISTEN": f"127.0.0.1:{port}"}
        with running("serve", tmp_path / "data", settings=settings) as server, server.client() as client:
            assert client.get("/healthz").status == 200
            assert client.get("/metrics").status == 404, "it is not at the port that faces the world"
            with Client(port) as scraper:
                seen = scraper.get("/metrics")
                assert seen.status == 200
                assert b'gatepost_http_request_seconds_count{route="/healthz",status="200"} 1.0' in seen.body
                assert b"gatepost_http_connections 1.0" in seen.body
                assert b"process_resident_memory_bytes" in seen.body
                assert scraper.get("/healthz").status == 404
            assert server.stop() == 0


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("serve") / "data"


@pytest.mark.xdist_group("cli_serve")
def test_it_serves_alone_beside_commands_and_ends_on_a_signal(data: Path) -> None:
    with reserved_port() as port, running("serve", data, port=port) as server:
        assert server.ready == {"ready": True, "issuer": f"http://127.0.0.1:{port}"}
        second = command(data, "serve", *ISSUER, "--port", "0")
        assert second.returncode == 5
        assert "Another server uses" in second.stderr
        assert command(data, "dev", "--port", "0", "--fresh").returncode == 5
        assert command(data, "org", "create", "Acme").returncode == 0
        with server.client() as client:
            assert len(client.get("/jwks.json").json()["keys"]) >= 2
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(30) == 0
    assert command(data, "dev", "--port", "0").returncode == 6
    refused = command(data, "dev", "--port", "0", "--fresh")
    assert refused.returncode == 6
    assert "did not make" in refused.stdout
    assert '"Acme"' in command(data, "org", "list").stdout
