"""nginx, Caddy, Envoy and Apache in front of an API, configured by what `gatepost snippet` prints, and by nothing else."""

import contextlib
import gzip
import json
import os
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from gatepost_sdk.dpop import ProofKey
from programs import AUTH_OPENIDC, find
from servers import STOP_SECONDS, Server, command, reserved_port, running, wait_for_port

from .tls import Tls

pytestmark = pytest.mark.xdist_group("peers")

ENVOY = str(Path(sys.executable).with_name("envoy"))
REMEMBERED_SECONDS = 10
"""For longer than Apache, by its snippet, keeps what it was told of a token."""
AUDIENCE = "https://api.acme.test/v1"
IDENTITY = ("x-auth-subject", "x-auth-org", "x-auth-client", "x-auth-scope", "x-auth-grant")
MODULES = ("mpm_event", "authn_core", "authz_core", "authz_user", "headers", "proxy", "proxy_http", "auth_openidc")

NGINX = """
daemon off;
pid {folder}/pid;
error_log {folder}/log;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  {snippet}
}}
"""

APACHE = """
ServerName 127.0.0.1
Listen 127.0.0.1:8080
DefaultRuntimeDir {folder}
PidFile {folder}/pid
ErrorLog {folder}/log
{modules}
OIDCCryptoPassphrase "the passphrase of its cache"
OIDCCABundlePath {authority}
{snippet}
"""

CADDY = """
{{
  admin off
}}
{snippet}
"""


class Echo(BaseHTTPRequestHandler):
    """The API: it answers with the request it was sent."""

    def do_GET(self) -> None:
        length = int(self.headers.get("content-length", 0))
        body = self.rfile.read(length)
        headers = [(name.lower(), value) for name, value in self.headers.items()]
        answer = json.dumps({"method": self.command, "headers": headers, "body": body.hex()}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815  # the names that the class looks for

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class Gate(NamedTuple):
    """A Gatepost with an API and two apps. `http` is a client of it."""

    server: Server
    http: httpx.Client
    authority: Path
    upstream: str

    def token(self, *, scope: str = "read", resource: str | None = AUDIENCE) -> str:
        """An access token of a grant."""
        pair = {"client_id": "web", "redirection_url": "https://app.test/callback", "scope": scope}
        key = {"authorization": f"Bearer {self.server.ready['api_key']}"}
        return _token(self.http.post("/verify", json=pair | ({"resource": resource} if resource else {}), headers=key))

    def service_token(self, headers: dict[str, str] | None = None) -> str:
        """An access token that an app got for itself: it has no grant."""
        form = {"grant_type": "client_credentials", "scope": "read", "resource": AUDIENCE}
        return _token(self.http.post("/token", data=form, auth=("job", "the-secret-of-job"), headers=headers))

    def revoke(self, token: str) -> None:
        answer = self.http.post("/revoke", data={"token": token}, auth=("web", "the-secret-of-web"))
        assert answer.status_code == 200


def _token(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["access_token"]
    return token


@pytest.fixture(scope="module")
def gate(tls: Tls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    data = tmp_path_factory.mktemp("proxies") / "data"
    api = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=api.serve_forever, daemon=True).start()
    files = ("--tls-cert", str(tls.cert), "--tls-key", str(tls.key))
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(reserved_port())
        issuer = f"https://localhost:{port}"
        settings = {"GATEPOST_ISSUER": issuer}
        server = stack.enter_context(running("dev", data, *files, port=port, settings=settings))
        http = stack.enter_context(
            httpx.Client(base_url=issuer, verify=ssl.create_default_context(cafile=tls.authority))
        )
        org = server.ready["org"]
        apps = [
            {"client_id": "web", "redirect_uris": ["https://app.test/callback"], "scope": "read write"},
            {"client_id": "job", "grant_types": ["client_credentials"], "scope": "read"},
            {"client_id": "api", "grant_types": ["client_credentials"]},
        ]
        file = data.with_name("apps.json")
        file.write_text(json.dumps([{**app, "client_secret": f"the-secret-of-{app['client_id']}"} for app in apps]))
        resource = ("resource", "create", AUDIENCE, "--scopes", "read write", "--served-by", "api")
        for arguments in (("app", "import", str(file)), resource):
            done = command(data, *arguments, "--org", org)
            assert done.returncode == 0, done.stderr
        yield Gate(server, http, tls.authority, f"http://127.0.0.1:{api.server_port}")
    api.shutdown()
    api.server_close()


class Proxy(NamedTuple):
    """How a program is run with a snippet of ours in a file. `{folder}` is its own, `{modules}` what Apache loads."""

    frame: str
    command: tuple[str, ...]


PROXIES = {
    "nginx": Proxy(NGINX, ("nginx", "-p", "{folder}", "-c", "{file}")),
    "caddy": Proxy(CADDY, ("caddy", "run", "--adapter", "caddyfile", "--config", "{file}")),
    "envoy": Proxy("{snippet}", (ENVOY, "--log-level", "warn", "--base-id", "{port}", "-c", "{file}")),
    "apache": Proxy(APACHE, ("apache2", "-f", "{file}", "-D", "FOREGROUND")),
}


@pytest.fixture(scope="module", params=PROXIES)
def proxy(request: pytest.FixtureRequest, gate: Gate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a proxy that runs the snippet of its name."""
    name: str = request.param
    folder = tmp_path_factory.mktemp(name)
    folder.chmod(0o755)
    options = (
        "--issuer",
        gate.server.ready["issuer"],
        "--audience",
        AUDIENCE,
        "--scope",
        "read",
        "--upstream",
        gate.upstream,
    )
    printed = command(gate.server.data, "snippet", name, *options, "--client-id", "api")
    assert printed.returncode == 0, printed.stderr
    with reserved_port() as port:
        modules = "\n".join(f"LoadModule {each}_module {AUTH_OPENIDC.with_name(f'mod_{each}.so')}" for each in MODULES)
        snippet = json.loads(printed.stdout)["text"].replace("/etc/ssl/certs/ca-certificates.crt", str(gate.authority))
        text = PROXIES[name].frame.format(folder=folder, modules=modules, snippet=snippet, authority=gate.authority)
        file = folder / "configuration.yaml"
        file.write_text(text.replace("8080", str(port)))
        program, *arguments = PROXIES[name].command
        with (folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [find(program), *(each.format(folder=folder, file=file, port=port) for each in arguments)],
                cwd=folder,
                env=os.environ
                | {"GATEPOST_SECRET": "the-secret-of-api", "HOME": str(folder), "SSL_CERT_FILE": str(gate.authority)},
                stderr=log,
            )
        try:
            wait_for_port(process, port, folder / "log")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


def ask(
    proxy: str, token: str | None, *, method: str = "GET", scheme: str = "Bearer", **options: Any
) -> httpx.Response:
    headers = options.pop("headers", {}) | ({"authorization": f"{scheme} {token}"} if token else {})
    return httpx.request(method, f"{proxy}/things", headers=headers, timeout=30, **options)


def identity(response: httpx.Response) -> dict[str, list[str]]:
    """What the API was told of its caller: every header that it might take for one of ours."""
    assert response.status_code == 200, response.text
    told: dict[str, list[str]] = {}
    for name, value in response.json()["headers"]:
        if name.replace("_", "-") in IDENTITY and value:
            told.setdefault(name, []).append(value)
    return told


def test_who_it_is_reaches_the_api(proxy: str, gate: Gate) -> None:
    told = identity(ask(proxy, gate.token()))
    assert told["x-auth-client"] == ["web"]
    assert told["x-auth-org"] == told["x-auth-subject"] == [gate.server.ready["org"]]
    assert told["x-auth-scope"] == ["read"]
    assert told["x-auth-grant"][0].startswith("gnt_")


def test_a_made_up_identity_never_does(proxy: str, gate: Gate) -> None:
    dashes = dict.fromkeys(IDENTITY, "evil")
    underscores = {name.replace("-", "_"): "evil" for name in IDENTITY}
    mixed = {name.title(): "evil" for name in IDENTITY}
    for made_up in (dashes, underscores, mixed):
        for token in (gate.token(), gate.service_token()):
            told = identity(ask(proxy, token, headers=made_up))
            assert "evil" not in [value for values in told.values() for value in values]
            assert told["x-auth-client"] in (["web"], ["job"])
        assert ask(proxy, None, headers=made_up).status_code == 401


@pytest.mark.parametrize("proxy", [name for name in PROXIES if name not in ("envoy", "apache")], indirect=True)
def test_a_limit_that_is_reached_is_told_to_the_client(proxy: str, gate: Gate) -> None:
    """The others judge tokens by themselves."""
    token = gate.token()
    grant = identity(ask(proxy, token))["x-auth-grant"][0]
    for rate, statuses in (("1/m", [200, 429]), ("none", [200, 200])):
        done = command(gate.server.data, "grant", "limit", grant, rate)
        assert done.returncode == 0, done.stderr
        answers = [ask(proxy, token) for _ in range(2)]
        assert [answer.status_code for answer in answers] == statuses
        assert all(1 <= int(each.headers["retry-after"]) <= 60 for each in answers if each.status_code == 429)


def test_whoever_may_not_pass_does_not(proxy: str, gate: Gate) -> None:
    missing = ask(proxy, None)
    assert missing.status_code == 401
    assert missing.headers["www-authenticate"].lower().startswith("bearer")
    good = gate.token()
    for wrong in ("x", f"{good[:-4]}AAAA", gate.server.ready["api_key"]):
        assert ask(proxy, wrong).status_code == 401
    # Envoy says 403 to another audience, and Apache's module 401 to a missing scope.
    for other in (gate.token(resource=None), gate.token(scope="write")):
        assert ask(proxy, other).status_code in (401, 403)
    assert ask(proxy, good).status_code == 200


@pytest.mark.parametrize("proxy", [name for name in PROXIES if name != "envoy"], indirect=True)
def test_a_revoked_token_does_not_pass_any_more(proxy: str, gate: Gate) -> None:
    """All but Envoy, which asks nobody, as its snippet says."""
    token = gate.token()
    assert ask(proxy, token).status_code == 200
    gate.revoke(token)
    patience = time.monotonic() + REMEMBERED_SECONDS
    while ask(proxy, token).status_code == 200 and time.monotonic() < patience:
        time.sleep(0.2)
    assert ask(proxy, token).status_code == 401


def test_a_token_that_is_bound_to_a_key_passes_with_its_proof_or_not_at_all(proxy: str, gate: Gate) -> None:
    """nginx and Caddy ask about proofs; Envoy and Apache look at the token themselves, and take bearer tokens alone."""
    key = ProofKey.fresh()

    def proof(path: str, token: str = "", method: str = "GET") -> str:
        return key.prove(method, f"https://api.acme.test{path}", time.time(), token=token)

    token = gate.service_token({"dpop": key.prove("POST", f"{gate.server.ready['issuer']}/token", time.time())})
    assert ask(proxy, token).status_code in (401, 403)
    assert ask(proxy, token, headers={"dpop": proof("/things", token)}).status_code in (401, 403)
    knows_proofs = ask(proxy, token, scheme="DPoP", headers={"dpop": proof("/things", token)})
    if knows_proofs.status_code == 200:
        assert identity(knows_proofs)["x-auth-client"] == ["job"]
    made_up = {"x-forwarded-uri": "/other", "x-forwarded-method": "POST", "x-forwarded-host": "evil.test"}
    wrong = [proof("/other", token), proof("/things", token, "POST"), proof("/things")]
    for sent in ({"dpop": each} | more for each in wrong for more in ({}, made_up)):
        assert ask(proxy, token, scheme="DPoP", headers=sent).status_code in (401, 403)
    again = ask(proxy, token, scheme="DPoP", headers={"dpop": proof("/things", token)} | made_up)
    assert again.status_code == knows_proofs.status_code


@pytest.mark.parametrize("proxy", ["nginx", "caddy"], indirect=True)
def test_these_ask_about_proofs(proxy: str, gate: Gate) -> None:
    key = ProofKey.fresh()
    token = gate.service_token({"dpop": key.prove("POST", f"{gate.server.ready['issuer']}/token", time.time())})
    proof = key.prove("GET", "https://api.acme.test/things", time.time(), token=token)
    assert ask(proxy, token, scheme="DPoP", headers={"dpop": proof}).status_code == 200


def test_the_request_arrives_whole(proxy: str, gate: Gate) -> None:
    body = gzip.compress(b"something to keep")
    packed = {"content-encoding": "gzip", "content-type": "application/octet-stream"}
    for method in ("POST", "PUT", "DELETE"):
        sent = ask(proxy, gate.token(), method=method, content=body, headers=packed).json()
        assert (sent["method"], sent["body"]) == (method, body.hex())
        assert ["content-encoding", "gzip"] in sent["headers"]
