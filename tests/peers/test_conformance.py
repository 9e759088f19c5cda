"""The conformance suite of MCP, as far as it judges authorization servers: metadata, and the code grant."""

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator

import pytest

from programs import NODE, find, package
from servers import Server, command, reserved_port

from .conftest import bring
from .person import Person
from .tls import Tls

pytestmark = pytest.mark.xdist_group("peers")

API = "https://conformance.test/mcp"
PATIENCE = 60


@contextlib.contextmanager
def suite(issuer: str, tls: Tls, *options: str) -> Iterator["subprocess.Popen[str]"]:
    script = package("@modelcontextprotocol/conformance") / "dist" / "index.js"
    arguments = ["authorization", "--url", issuer, "--spec-version", "2026-07-28", *options]
    with subprocess.Popen(
        [find("node"), "--import", (NODE / "conformance.mjs").as_uri(), script, *arguments],
        env=os.environ | {"NODE_EXTRA_CA_CERTS": str(tls.authority)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_it_finds_nothing_wrong(server: Server, issuer: str, tls: Tls, person: Person) -> None:
    done = command(server.data, "resource", "create", API, "--scopes", "tools", "--org", server.ready["org"])
    assert done.returncode == 0, json.loads(done.stdout)
    with reserved_port() as port:
        redirect = f"http://127.0.0.1:{port}/callback"
        bring(server, [{"client_id": "mcp", "redirect_uris": [redirect], "token_endpoint_auth_method": "none"}])
    with suite(issuer, tls, "--client-id", "mcp", "--resource", API, "--port", str(port)) as process:
        assert process.stdout
        heard = []
        for line in process.stdout:
            heard.append(line)
            if line.startswith(f"{issuer}/authorize?"):
                person.arrive(person.visit(line.strip()))
        code = process.wait(PATIENCE)
    said = "".join(heard)
    assert code == 0, said
    assert "Total: 3 passed, 0 failed" in said, said
