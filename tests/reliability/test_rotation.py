"""Signing keys rotated under load: no token is ever refused by a verifier that keeps the JWKS as long as it may."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from gatepost.flows.signing import LOOK_AGAIN_SECONDS
from servers import UNLIMITED, Client, Server, command, running

MAX_AGE = 1
SETTINGS = {"GATEPOST_TOKENS__JWKS_MAX_AGE": f"{MAX_AGE}s"}
ROTATIONS = 3


class Verifier:
    """An API that keeps the JWKS for its whole max-age, and asks no sooner for a key that it does not know."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._keep_until = 0.0
        self.kids: set[str] = set()

    def verify(self, token: str) -> None:
        """Raises when the token's key is not among those that it knows, or did not sign it."""
        if time.monotonic() >= self._keep_until:
            answer = self._client.get("/jwks.json")
            self._keys = KeySet.import_key_set(answer.json())  # type: ignore[arg-type]  # JSON has no such type.
            self._keep_until = time.monotonic() + int(answer.headers["cache-control"].rpartition("max-age=")[2])
        self.kids.add(jwt.decode(token, self._keys, algorithms=["ES256"]).header["kid"])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running("dev", tmp_path / "data", settings=UNLIMITED | SETTINGS) as server:
        yield server


def refresh_and_verify(server: Server, done: threading.Event) -> set[str]:
    """Refresh without end and have each access token verified at once; the keys that signed them."""
    with server.caller() as caller, server.client() as api:
        verifier = Verifier(api)
        pair = caller.post("/verify", server.pair).json()
        while not done.is_set():
            verifier.verify(pair["access_token"])
            pair = caller.post("/refresh", {"refresh_token": pair["refresh_token"]}).json()
            time.sleep(0.005)
    return verifier.kids


def rotate(server: Server, *options: str) -> int:
    return command(server.data, "signing-key", "rotate", *options, settings=SETTINGS).returncode


def test_no_token_is_refused_while_keys_are_rotated_as_soon_as_that_is_safe(server: Server) -> None:
    done = threading.Event()
    with ThreadPoolExecutor(2) as clients:
        verifying = [clients.submit(refresh_and_verify, server, done) for _ in range(2)]
        try:
            outcomes = rotate_often(server)
            # Long enough for the last key to be used.
            time.sleep(1)
        finally:
            done.set()
        for each in verifying:
            assert len(each.result()) == ROTATIONS + 1, "every key signed"
    assert set(outcomes) <= {0, 5}, "too early is refused, and nothing else goes wrong"
    assert outcomes.count(0) == ROTATIONS


def rotate_often(server: Server) -> list[int]:
    """Exit codes of rotations asked for without pause, until enough of them were let through."""
    outcomes: list[int] = []
    deadline = time.monotonic() + 60
    while outcomes.count(0) < ROTATIONS and time.monotonic() < deadline:
        outcomes.append(rotate(server))
    return outcomes


def test_a_key_is_published_before_it_signs_and_until_its_last_token_expired(server: Server) -> None:
    with server.caller() as caller:
        tokens = [caller.post("/verify", server.pair).json()["access_token"]]
        for _ in range(3):
            assert rotate(server, "--force") == 0
            time.sleep(LOOK_AGAIN_SECONDS)
            tokens.append(caller.post("/verify", server.pair).json()["access_token"])
        verifier = Verifier(caller)
        for token in tokens:
            verifier.verify(token)
        assert len(verifier.kids) == 4
        keys = json.loads(command(server.data, "signing-key", "list", settings=SETTINGS).stdout)
        published = {key["kid"] for key in caller.get("/jwks.json").json()["keys"]}
        assert {key["kid"] for key in keys} == published
        unseen = [key["state"] for key in keys if key["alg"] == "ES256" and key["kid"] not in verifier.kids]
        assert unseen == ["next"], "the next one is published ahead"
