"""What a command changes while the server runs holds in the server within a second."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import pytest

from servers import Client, Server, command

from .faults import wait_until

HOLDS_WITHIN = 1


class Connected(NamedTuple):
    """A running server and what stands for one of its connections."""

    server: Server
    access_token: str
    refresh_token: str
    grant: str

    def tell(self, *arguments: str) -> Any:
        """Run one command beside the server."""
        done = command(self.server.data, *arguments, "--yes")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def verifies(self) -> bool:
        with self.server.caller() as caller:
            return caller.post("/verify", self.server.pair).status == 200

    def is_active(self) -> bool:
        with self.server.caller() as caller:
            answer = caller.post_form("/introspect", token=self.access_token)
            return answer.status == 200 and answer.json()["active"] is True

    def refreshes(self) -> bool:
        with self.server.client() as client:
            return client.post("/refresh", {"refresh_token": self.refresh_token}).status == 200

    def is_whole(self) -> bool:
        return self.verifies() and self.is_active() and self.refreshes()

    def is_dead(self) -> bool:
        return not self.is_active() and not self.refreshes()


@pytest.fixture
def connected(server: Server) -> Connected:
    with server.caller() as caller:
        pair = caller.post("/verify", server.pair | {"user_id": server.ready["user"]["id"]}).json()
        told = caller.post_form("/introspect", token=pair["access_token"]).json()
    return Connected(server, pair["access_token"], pair["refresh_token"], told["gid"])


@pytest.mark.parametrize(
    ("noun", "named"),
    [
        ("app", lambda ready: ready["app"]["client_id"]),
        ("org", lambda ready: ready["org"]),
        ("user", lambda ready: ready["user"]["id"]),
    ],
    ids=["app", "org", "user"],
)
def test_what_is_disabled_is_refused_and_what_is_enabled_comes_back(
    connected: Connected, noun: str, named: Callable[[dict[str, Any]], str]
) -> None:
    assert connected.is_whole()
    connected.tell(noun, "disable", named(connected.server.ready))
    wait_until(connected.is_dead, HOLDS_WITHIN)
    # A service's own grants do not end with a person.
    assert connected.verifies() is (noun == "user")
    connected.tell(noun, "enable", named(connected.server.ready))
    wait_until(connected.is_whole, HOLDS_WITHIN)


def test_what_is_revoked_is_dead(connected: Connected) -> None:
    assert connected.is_whole()
    connected.tell("grant", "revoke", connected.grant)
    wait_until(connected.is_dead, HOLDS_WITHIN)
    assert connected.verifies()


def test_a_revoked_key_takes_its_grants_along(connected: Connected) -> None:
    assert connected.is_whole()
    [key] = connected.tell("key", "list", "--org", connected.server.ready["org"])
    connected.tell("key", "revoke", key["id"])
    wait_until(lambda: not connected.verifies(), HOLDS_WITHIN)
    assert connected.is_dead()


def test_a_new_policy_holds_for_the_next_token(connected: Connected) -> None:
    assert connected.is_whole()
    connected.tell("app", "edit", connected.server.pair["client_id"], "--access-ttl", "30s")
    with connected.server.caller() as caller:
        verify = partial(lives, caller, "/verify", connected.server.pair)
        refresh = partial(lives, caller, "/refresh", {"refresh_token": connected.refresh_token})
        wait_until(lambda: verify() == refresh() == 30, HOLDS_WITHIN)


def lives(caller: Client, path: str, ask: dict[str, str]) -> int:
    """How long the access token lives that is answered there."""
    seconds: int = caller.post(path, ask).json()["expires_in"]
    return seconds


def test_what_is_made_beside_the_server_is_known_to_it(connected: Connected) -> None:
    connected.tell("app", "edit", connected.server.pair["client_id"], "--add-redirect", "https://new.example/cb")
    pair = connected.server.pair | {"redirection_url": "https://new.example/cb"}
    with connected.server.caller() as caller:
        wait_until(lambda: caller.post("/verify", pair).status == 200, HOLDS_WITHIN)
        connected.tell("app", "edit", connected.server.pair["client_id"], "--remove-redirect", "https://new.example/cb")
        wait_until(lambda: caller.post("/verify", pair).status == 400, HOLDS_WITHIN)
