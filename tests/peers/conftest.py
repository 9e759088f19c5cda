"""One server with TLS for the whole folder, and the apps that speak to it."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from gatepost.oauth.client_metadata import DEVICE_CODE
from servers import UNLIMITED, Server, command, running

from .person import Person
from .tls import Tls, make_tls

REDIRECT = "https://app.test/callback"
BYE = "https://app.test/bye"
SCOPE = "openid email offline_access read"
ODD = 'a+b %41&=:/~ "%zz?#;,'
"""A secret with everything in it that one side might escape and the other not undo."""

WEB = {"redirect_uris": [REDIRECT], "scope": SCOPE}
APPS: list[dict[str, Any]] = [
    {
        "client_id": "web",
        "client_name": "Web",
        "client_secret": "one-secret",
        "post_logout_redirect_uris": [BYE],
        **WEB,
    },
    {"client_id": "odd.~_-", "client_name": "Odd", "client_secret": ODD, **WEB},
    {"client_id": "spa", "client_name": "Spa", "token_endpoint_auth_method": "none", **WEB},
    {
        "client_id": "tv",
        "client_name": "Tv",
        "token_endpoint_auth_method": "none",
        "grant_types": [DEVICE_CODE, "refresh_token"],
        "scope": SCOPE,
    },
    {
        "client_id": "service",
        "client_name": "Service",
        "client_secret": "another-secret",
        "grant_types": ["client_credentials"],
        "scope": "read write",
    },
]


class App(NamedTuple):
    """An app as its developer set it up."""

    client_id: str
    secret: str | None
    method: str = "basic"

    def settings(self, issuer: str) -> dict[str, str | None]:
        """What the developer tells a library of it."""
        return {"issuer": issuer, "app": self.client_id, "secret": self.secret, "method": self.method}


BY_BASIC = App("web", "one-secret")
BY_POST = App("web", "one-secret", "post")
ODD_BY_BASIC = App("odd.~_-", ODD)
PUBLIC = App("spa", None, "none")
DEVICE = App("tv", None, "none")
SERVICE = App("service", "another-secret")


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return make_tls(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="session")
def server(tls: Tls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("peers") / "data"
    files = ("--tls-cert", str(tls.cert), "--tls-key", str(tls.key))
    with running("dev", data, *files, settings=UNLIMITED | {"SSL_CERT_FILE": str(tls.authority)}) as server:
        bring(server, APPS)
        yield server


def bring(server: Server, apps: list[dict[str, Any]]) -> None:
    """Make apps in the demo organization."""
    file = server.data.with_name("apps.json")
    file.write_text(json.dumps(apps))
    done = command(server.data, "app", "import", str(file), "--update", "--org", server.ready["org"])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["warnings"] == []


@pytest.fixture(scope="session")
def issuer(server: Server) -> str:
    text: str = server.ready["issuer"]
    assert text.startswith("https://")
    return text


@pytest.fixture
def person(server: Server, issuer: str, tls: Tls) -> Iterator[Person]:
    owner = server.ready["user"]
    with Person(issuer, owner["email"], owner["password"], tls.authority) as person:
        yield person
