"""How fast a revocation is known elsewhere: from the answer of `/revoke` to a reader of the feed in another process."""

import asyncio
import base64
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gatepost.secrets import new_id
from gatepost.store.question import Steps, question
from gatepost.store.revocations import tell
from gatepost.store.sqlite import SqliteStore
from servers import Client, Server, reserved_port, running

ENTRIES = 100_000
REVOCATIONS = 150
BOUND_SECONDS = 1.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose feed is full already."""
    data = tmp_path_factory.mktemp("feed") / "data"
    with reserved_port() as port:
        with running("dev", data, port=port):
            pass  # It makes what there is to serve.
        _fill(data)
        with running("dev", data, port=port) as server:
            yield server


def _fill(data: Path) -> None:
    @question
    def told(org: bytes, now: int) -> Steps[None]:
        for number in range(ENTRIES):
            yield from tell(org, "grant", f"gnt_{number:032x}", now)

    async def fill() -> None:
        store = SqliteStore(data / "gatepost.db")
        await store.ask(told(new_id(), int(time.time())))
        store.close()

    asyncio.run(fill())


class Reader:
    """A verifier: it follows the feed by long polls, and notes when it learned of what."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._after = 0
        self.learned: dict[str, float] = {}

    def read(self, wait: int = 0) -> dict[str, Any]:
        """The next page."""
        answer = self._client.get(f"/revocations?after={self._after}&wait={wait}")
        now = time.monotonic()
        assert answer.status == 200, answer.body
        payload = answer.body.split(b".")[1]
        page: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))
        self.learned |= {entry["id"]: now for entry in page["entries"]}
        self._after = page["seq"]
        return page

    def catch_up(self) -> None:
        while self.read()["more"]:
            pass

    def follow(self, ids: int) -> None:
        while len(self.learned) < ids:
            self.read(wait=5)


def test_a_revocation_is_known_elsewhere_within_a_second(server: Server) -> None:
    with server.caller() as caller, server.caller() as follower:
        tokens = [caller.post("/verify", server.pair).json()["access_token"] for _ in range(REVOCATIONS)]
        reader = Reader(follower)
        reader.catch_up()
        assert len(reader.learned) == ENTRIES
        following = threading.Thread(target=reader.follow, args=(ENTRIES + REVOCATIONS,))
        following.start()
        answered = {}
        for token in tokens:
            assert caller.post_form("/revoke", token=token).status == 200
            answered[_grant(token)] = time.monotonic()
            time.sleep(0.02)
        following.join(30)
    delays = sorted(reader.learned[grant] - answered[grant] for grant in answered)
    assert delays[int(0.99 * len(delays))] < BOUND_SECONDS, delays[-5:]


def _grant(token: str) -> str:
    payload = token.split(".")[1]
    grant: str = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["gid"]
    return grant
