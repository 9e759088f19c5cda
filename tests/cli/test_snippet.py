"""`gatepost snippet`: what it prints for each name, with the real values in it. tests/peers/test_proxies.py runs it."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cli.conftest import Gatepost
from gatepost.flows.snippets import SNIPPETS

PROXIES = ("nginx", "caddy", "traefik", "envoy", "apache")
FRAMEWORKS = ("fastapi", "flask", "django", "fastmcp")
ISSUER = "https://auth.acme.test:8443/sso"
AUDIENCE = "https://api.acme.test/v1"
IDENTITY = ("Subject", "Org", "Client", "Scope", "Grant")
OPTIONS = (
    "--issuer",
    ISSUER,
    "--audience",
    AUDIENCE,
    "--scope",
    "agents:read a.b",
    "--upstream",
    "http://10.0.0.7:9000",
)


def printed(gatepost: Gatepost, name: str, *options: str) -> str:
    ran = gatepost("snippet", name, *(options or OPTIONS))
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == gatepost.json("snippet", name, *(options or OPTIONS))["text"] + "\n"
    assert not re.search(r"@[a-z_]+@", ran.out)
    return ran.out


def test_there_is_one_for_each_name() -> None:
    assert {*PROXIES, *FRAMEWORKS} == SNIPPETS.keys()


@pytest.mark.parametrize("name", PROXIES)
def test_a_proxy_has_the_real_values_and_clears_every_identity_header(gatepost: Gatepost, name: str) -> None:
    text = printed(gatepost, name)
    assert "auth.acme.test:8443" in text or '"auth.acme.test", port_value: 8443' in text
    assert "10.0.0.7" in text
    assert "9000" in text
    for header in IDENTITY:
        assert f"x-auth-{header}".lower() in text.lower()


@pytest.mark.parametrize("name", ["nginx", "caddy", "traefik"])
def test_a_proxy_asks_for_audience_and_scope(gatepost: Gatepost, name: str) -> None:
    query = "?audience=https%3A%2F%2Fapi.acme.test%2Fv1&scope=agents%3Aread%20a.b"
    assert f"/sso/check{query}" in printed(gatepost, name)


def test_a_proxy_that_looks_itself_wants_every_scope_to_the_letter(gatepost: Gatepost) -> None:
    assert '"(.* )?agents:read( .*)?"' in printed(gatepost, "envoy")
    assert r'"(.* )?a\\.b( .*)?"' in printed(gatepost, "envoy")
    assert r'Require claim "scope~^(.* )?a\.b( .*)?$"' in printed(gatepost, "apache")


def test_a_server_without_tls_is_reached_without_it(gatepost: Gatepost) -> None:
    text = printed(gatepost, "envoy", "--issuer", "http://127.0.0.1:8710")
    assert "transport_socket" not in text
    assert '{ address: "127.0.0.1", port_value: 8710 }' in text


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_an_application_is_python_with_the_real_values(gatepost: Gatepost, name: str) -> None:
    tree = ast.parse(printed(gatepost, name))
    constants = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert {ISSUER, AUDIENCE, "agents:read", "a.b"} <= constants


@pytest.mark.parametrize("name", SNIPPETS)
def test_the_issuer_is_the_servers_and_the_audience_is_the_issuer(
    gatepost: Gatepost, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("GATEPOST_ISSUER", "https://auth.example")
    whole = gatepost("snippet", name, "--issuer", "https://auth.example", "--audience", "https://auth.example")
    assert gatepost("snippet", name) == whole


def test_without_an_issuer_it_says_what_is_missing(gatepost: Gatepost) -> None:
    assert "issuer" in gatepost.refused(3, "snippet", "nginx")["fix"]


@pytest.mark.parametrize("option", ["--issuer", "--audience", "--upstream", "--client-id"])
@pytest.mark.parametrize(
    "value", ['https://a.test/";', "https://a.test/${x}", "https://a.test/\n", "https://a.test/é", ""]
)
def test_nothing_that_a_configuration_might_misread_gets_in(gatepost: Gatepost, option: str, value: str) -> None:
    gatepost.refused(2, "snippet", "apache", "--issuer", "https://auth.example", f"{option}={value}")


@pytest.mark.parametrize("value", ["ftp://a.test", "a.test", "https://a.test?x=y", "https://:80", "http://a.test:x"])
def test_an_issuer_is_a_url(gatepost: Gatepost, value: str) -> None:
    gatepost.refused(2, "snippet", "nginx", "--issuer", value)


def test_a_scope_is_a_scope(gatepost: Gatepost) -> None:
    gatepost.refused(2, "snippet", "nginx", "--issuer", "https://auth.example", "--scope", 'a"b')


def test_an_unknown_name_is_refused(gatepost: Gatepost) -> None:
    gatepost.refused(2, "snippet", "iis")


ASKING = {
    "fastapi": """
from fastapi.testclient import TestClient
answer = TestClient(snippet["app"]).get("/whoami", headers=made_up)
print(answer.status_code, answer.headers["www-authenticate"])
""",
    "flask": """
answer = snippet["app"].test_client().get("/whoami", headers=made_up)
print(answer.status_code, answer.headers["www-authenticate"])
""",
    "django": """
from django.test import RequestFactory
answer = snippet["whoami"](RequestFactory().get("/whoami", headers=made_up))
print(answer.status_code, answer.headers["www-authenticate"])
""",
    "fastmcp": """
from starlette.testclient import TestClient
answer = TestClient(snippet["mcp"].http_app(path="/v1")).post("/v1", headers=made_up)
print(answer.status_code, answer.headers["www-authenticate"])
""",
}
BEFORE = """
import runpy, sys
if sys.argv[1] == "django":
    from django.conf import settings
    settings.configure(ROOT_URLCONF="", SECRET_KEY="x")
snippet = runpy.run_path(sys.argv[2])
made_up = {"X-Auth-Subject": "usr_evil"}
"""


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_an_application_asks_for_a_token_whatever_its_headers_say(
    gatepost: Gatepost, tmp_path: Path, name: str
) -> None:
    """In a process of its own: a framework is a guest here, with warnings of its own."""
    file = tmp_path / "snippet.py"
    file.write_text(printed(gatepost, name))
    ran = subprocess.run(
        [sys.executable, "-c", BEFORE + ASKING[name], name, str(file)], capture_output=True, text=True, timeout=60
    )
    assert ran.stdout.startswith("401 Bearer"), ran.stderr
    assert "agents:read" in ran.stdout
