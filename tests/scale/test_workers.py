"""`serve --workers`: several processes on one socket, kept at their number, stopped together."""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from servers import Client, Server, reserved_neighbours, running

from .nodes import ISSUER, Instance, World


@pytest.fixture
def server(instance: Instance, world: World, tmp_path: Path) -> Iterator[Server]:
    with running(
        "serve", tmp_path / "data", "--issuer", ISSUER, "--workers", "2", settings=instance.settings
    ) as server:
        yield server


def children(server: Server) -> set[int]:
    return {
        int(pid) for pid in Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    }


def is_there(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return False


def wait_until(happens: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def answer(world: World, server: Server) -> int:
    with world.caller(server) as client:
        return client.post("/verify", world.pair).status


def test_one_that_dies_is_replaced_and_costs_the_others_nothing(world: World, server: Server) -> None:
    before = children(server)
    assert len(before) == 2
    dead = min(before)
    os.kill(dead, signal.SIGKILL)
    wait_until(lambda: dead not in children(server))
    assert {answer(world, server) for _ in range(8)} == {200}
    wait_until(lambda: len(children(server)) == 2)
    assert "another takes its place" in server.log.read_text()


def test_each_answers_for_itself_at_a_port_of_its_own(instance: Instance, tmp_path: Path) -> None:
    with reserved_neighbours() as ports:
        # The second process takes the port behind the first one's.
        settings = {**instance.settings, "GATEPOST_METRICS__LISTEN": f"127.0.0.1:{ports[0]}"}
        with running("serve", tmp_path / "data", "--issuer", ISSUER, "--workers", "2", settings=settings) as server:
            assert all(map(answers, ports))
            dead = min(children(server))
            os.kill(dead, signal.SIGKILL)
            wait_until(lambda: len(children(server)) == 2 and dead not in children(server))
            wait_until(lambda: all(map(answers, ports)))


def answers(port: int) -> bool:
    with Client(port, timeout=1) as scraper, contextlib.suppress(OSError, http.client.HTTPException):
        return scraper.get("/metrics").status == 200
    return False


def test_all_stop_together(world: World, server: Server) -> None:
    workers = children(server)
    assert {answer(world, server) for _ in range(8)} == {200}
    assert server.stop() == 0
    assert not any(map(is_there, workers))


STOPPED_WHILE_FORKING = """
import os, signal, socket, sys
from gatepost.cli.workers import Workers

fork = os.fork

def stopped_and_forked():
    os.kill(os.getpid(), signal.SIGTERM)
    return fork()

def serve(number, listens):
    listens()
    signal.pause()
    return 0

os.fork = stopped_and_forked
sys.exit(Workers(1, socket.socket(), serve).run(lambda: None))
"""


def test_a_word_to_stop_reaches_a_process_that_is_just_being_made() -> None:
    with subprocess.Popen([sys.executable, "-c", STOPPED_WHILE_FORKING]) as process:
        try:
            assert process.wait(10) == 0
        finally:
            process.kill()


def test_none_outlives_the_parent(server: Server) -> None:
    workers = children(server)
    server.kill()
    wait_until(lambda: not any(map(is_there, workers)))
