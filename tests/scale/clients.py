"""Clients that go on asking while something is done to the database, and what they know when they stop.

They take 503 with `Retry-After` for an answer, and nothing else of the kind. What was answered otherwise was acknowledged.
"""

import random
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from servers import Answer, Client

from .nodes import Listening, World

REFUSED = 503


@dataclass
class Known:
    """What one client was told. A request that was refused with 503 may have happened or not."""

    live: list[str] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)
    refused: int = 0
    answered: int = 0
    slowest: float = 0.0
    answered_at: float = 0.0

    def take(self, answer: Answer, began: float) -> bool:
        """Note an answer. False when it was refused for now."""
        now = time.monotonic()
        self.slowest = max(self.slowest, now - began)
        if answer.status == REFUSED:
            assert answer.headers["retry-after"].isdigit(), answer
            self.refused += 1
            return False
        assert answer.status == 200, answer
        self.answered += 1
        self.answered_at = now
        return True


def work(known: Known, world: World, node: Listening, chance: random.Random, stop: threading.Event) -> Known:
    """Verify, refresh and revoke, until told to stop."""
    with world.caller(node) as client:
        while not stop.is_set():
            act = chance.choices((_verify, _refresh, _revoke), (3, 6, 1))[0]
            act(known, world, client, chance)
    return known


def _verify(known: Known, world: World, client: Client, _: random.Random) -> None:
    began = time.monotonic()
    answer = client.post("/verify", world.pair)
    if known.take(answer, began):
        known.live.append(answer.json()["refresh_token"])


def _refresh(known: Known, _: World, client: Client, chance: random.Random) -> None:
    if not known.live:
        return
    place, began = chance.randrange(len(known.live)), time.monotonic()
    answer = client.post("/refresh", {"refresh_token": known.live[place]})
    if known.take(answer, began):
        known.live[place] = answer.json()["refresh_token"]


def _revoke(known: Known, _: World, client: Client, chance: random.Random) -> None:
    if not known.live:
        return
    # Until it is answered it is neither live nor revoked.
    token, began = known.live.pop(chance.randrange(len(known.live))), time.monotonic()
    if known.take(client.post_form("/revoke", token=token), began):
        known.revoked.append(token)


@contextmanager
def working(world: World, nodes: Sequence[Listening], each: int = 2) -> Iterator[list[Known]]:
    """So many clients of each node at work, until the end of the block. Raises what any of them was not to see."""
    stop = threading.Event()
    known = [Known() for _ in range(each * len(nodes))]
    with ThreadPoolExecutor(len(known)) as pool:
        running: list[Future[Known]] = [
            pool.submit(work, one, world, nodes[number % len(nodes)], random.Random(number), stop)
            for number, one in enumerate(known)
        ]
        try:
            yield known
        finally:
            stop.set()
        for one in running:
            one.result(60)


def check(known: list[Known], world: World, node: Listening) -> None:
    """Everything that was acknowledged holds: the live tokens refresh, the revoked ones do not."""
    assert sum(len(one.live) for one in known) > 0
    with world.caller(node) as client:
        for one in known:
            for token in one.live:
                assert client.post("/refresh", {"refresh_token": token}).status == 200
            for token in one.revoked:
                assert client.post("/refresh", {"refresh_token": token}).status == 401


def settle(known: list[Known]) -> None:
    """Let everybody get going: some acknowledged things to lose."""
    while min(one.answered for one in known) < 20:
        time.sleep(0.01)


def wait_until_all_answer(known: list[Known], within: float) -> float:
    """Wait until every client was answered again, from now on; answer how long that took."""
    began = time.monotonic()
    while min(one.answered_at for one in known) < began:
        assert time.monotonic() - began < within, "not everybody was answered again in time"
        time.sleep(0.01)
    return time.monotonic() - began
