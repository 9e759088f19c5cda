"""Killed at any moment under load, a server loses nothing that it acknowledged, and is back at once.

`--crash-cycles` says how often; each kill comes at another moment, the same ones in every run.
"""

import contextlib
import random
import signal
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from servers import Server, reserved_port, running

from .faults import PATIENCE, is_sound
from .history import History

CLIENTS = 3
LONGEST_LOAD = 0.2
FIRST_ANSWER = 2


def load_and_kill(server: Server, histories: list[History], seconds: float) -> None:
    """Kill the server while all the clients are at work. Raises what a client found wrong before."""
    with ThreadPoolExecutor(len(histories)) as clients:
        running = [clients.submit(history.run, server) for history in histories]
        time.sleep(seconds)
        server.kill()
        for each in running:
            each.result()


def test_killed_under_load_it_loses_nothing_that_it_acknowledged(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    chance = random.Random(1)
    histories = [History(random.Random(number)) for number in range(CLIENTS)]
    started_in: list[float] = []
    with reserved_port() as port:
        for _ in range(pytestconfig.getoption("crash_cycles")):
            began = time.monotonic()
            with running("dev", tmp_path / "data", port=port) as server:
                with server.client() as client:
                    assert client.get("/readyz").status == 200
                started_in.append(time.monotonic() - began)
                assert is_sound(server.data)
                for history in histories:
                    history.check(server)
                load_and_kill(server, histories, chance.uniform(0, LONGEST_LOAD))
        with running("dev", tmp_path / "data", port=port) as server:
            for history in histories:
                history.check(server, whole=True)
            assert is_sound(server.data)
    assert statistics.median(started_in) < FIRST_ANSWER
    for acknowledged in ("live", "revoked", "saved"):
        assert all(getattr(history, acknowledged) for history in histories), "there was something to lose"


@pytest.mark.parametrize("seconds", [0.1, 0.2, 0.3, 0.4])
def test_killed_in_its_first_start_it_starts_afterwards(tmp_path: Path, seconds: float) -> None:
    """However far the start had come: a timer kills it at moments all over it."""
    data = tmp_path / "data"

    def set_timer() -> None:
        signal.setitimer(signal.ITIMER_REAL, seconds)

    with contextlib.suppress(AssertionError), running("dev", data, prepare=set_timer) as server:
        server.process.wait(PATIENCE)
    with running("dev", data) as server, server.caller() as caller:
        assert caller.post("/verify", server.pair).status == 200
        assert is_sound(data)
