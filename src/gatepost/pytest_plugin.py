"""A fixture for the tests of APIs and clients: `gatepost_server`, the real server on a free port, for as long as the tests run.

pytest finds it by itself once this package is installed; pytest is no dependency of the server.
"""

import contextlib
import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

STOP_SECONDS = 30


class GatepostServer(NamedTuple):
    """A development server with a demo organization: its app, its owner, and an API key that may do everything."""

    issuer: str
    org: str
    api_key: str
    client_id: str
    client_secret: str
    redirect_uri: str
    email: str
    password: str
    data: Path
    """Its data directory, for `gatepost` commands that make more."""

    def access_token(self, **fields: str) -> str:
        """An access token of the demo app's, as `/verify` gives it; `scope`, `resource` and `user_id` may be asked for."""
        body = {"client_id": self.client_id, "redirection_url": self.redirect_uri, **fields}
        headers = {"authorization": f"Bearer {self.api_key}", "content-type": "application/json"}
        connection = http.client.HTTPConnection(urlsplit(self.issuer).netloc, timeout=STOP_SECONDS)
        with contextlib.closing(connection):
            connection.request("POST", "/verify", json.dumps(body), headers)
            return str(json.load(connection.getresponse())["access_token"])


@pytest.fixture(scope="session")
def gatepost_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatepostServer]:
    """A server that nobody else uses, with its own data and no rate limits, stopped after the last test."""
    data = tmp_path_factory.mktemp("gatepost") / "data"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GATEPOST_")}
    process = subprocess.Popen(  # noqa: S603  # our own command
        [sys.executable, "-m", "gatepost", "dev", "--json", "--port", "0", "--data", str(data)],
        env={**kept, "GATEPOST_LIMITS__ENABLED": "false"},
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    with process.stdout:
        line = process.stdout.readline()
    if not line:
        pytest.fail(f"gatepost dev did not start: it ended with {process.wait()}, and standard error says why")
    yield _server(json.loads(line), data)
    process.terminate()
    process.wait(STOP_SECONDS)


def _server(ready: dict[str, Any], data: Path) -> GatepostServer:
    app, user = ready["app"], ready["user"]
    return GatepostServer(
        issuer=ready["issuer"],
        org=ready["org"],
        api_key=ready["api_key"],
        client_id=app["client_id"],
        client_secret=app["client_secret"],
        redirect_uri=app["redirect_uris"][0],
        email=user["email"],
        password=user["password"],
        data=data,
    )
