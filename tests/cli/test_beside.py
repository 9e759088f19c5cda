"""Commands beside a running server: what they change holds there within a second."""

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from cli.conftest import Gatepost
from servers import Client, Server, running

pytestmark = pytest.mark.xdist_group("cli_beside")

PATIENCE = 1.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running("dev", tmp_path_factory.mktemp("beside") / "data") as server:
        yield server


class Connected(NamedTuple):
    """An app of the running server, the API key that connected it, and its refresh token."""

    client_id: str
    key_id: str
    api_key: str
    refresh_token: str


@pytest.fixture
def data(server: Server) -> tuple[str, str]:
    return ("--data", str(server.data))


@pytest.fixture
def connected(gatepost: Gatepost, server: Server, data: tuple[str, str]) -> Connected:
    """Made by commands while the server runs, used at once."""
    org, redirect = server.ready["org"], "https://beside.example/cb"
    key = gatepost.json("key", "create", "--org", org, *data)
    app = gatepost.json("app", "create", "Beside", "--org", org, "--kind", "web", "--redirect", redirect, *data)
    pair = {"client_id": app["client_id"], "redirection_url": redirect}
    answer = _post(server, key["api_key"], "/verify", pair)
    assert answer["success"], answer
    return Connected(app["client_id"], key["id"], key["api_key"], answer["refresh_token"])


def _post(server: Server, api_key: str, path: str, content: dict[str, str]) -> Any:
    with Client(server.port, api_key=api_key) as client:
        return client.post(path, content).json()


def is_alive(server: Server, connected: Connected) -> bool:
    answer = _post(server, connected.api_key, "/refresh", {"refresh_token": connected.refresh_token})
    return bool(answer["success"])


def soon(holds: Callable[[], bool]) -> bool:
    """Whether it holds within a second from now."""
    until = time.monotonic() + PATIENCE
    while not (held := holds()) and time.monotonic() < until:
        time.sleep(0.02)
    return held


@pytest.mark.parametrize(
    ("act", "undo"),
    [
        (["app", "disable", "CLIENT_ID"], ["app", "enable", "CLIENT_ID"]),
        (["org", "disable", "ORG"], ["org", "enable", "ORG"]),
        (["app", "delete", "CLIENT_ID", "--yes"], []),
        (["grant", "revoke", "--app", "CLIENT_ID", "--yes"], []),
        (["key", "revoke", "KEY_ID"], []),
    ],
    ids=["app disable", "org disable", "app delete", "grant revoke", "key revoke"],
)
def test_what_a_command_takes_back_is_refused(
    gatepost: Gatepost, server: Server, data: tuple[str, str], connected: Connected, act: list[str], undo: list[str]
) -> None:
    names = {"CLIENT_ID": connected.client_id, "ORG": server.ready["org"], "KEY_ID": connected.key_id}
    assert is_alive(server, connected)
    gatepost.json(*(names.get(word, word) for word in act), *data)
    assert soon(lambda: not is_alive(server, connected))
    if undo:
        gatepost.json(*(names.get(word, word) for word in undo), *data)
        assert soon(lambda: is_alive(server, connected))
