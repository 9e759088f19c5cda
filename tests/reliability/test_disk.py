"""A full disk or a locked database refuses writes and nothing else; what was acknowledged stays; it recovers by itself."""

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeAlias

import pytest

from gatepost.store.sqlite import BUSY_MS
from servers import Client, Server, running

from .faults import PATIENCE, is_sound, locked, no_file_longer_than, wait_until

RECOVERY = 5
DISK = 8 << 20
TRIES = 20_000
"""Writes within which a disk without space must show: the write-ahead log uses up what it has first."""

FullDisk: TypeAlias = Callable[[Server], AbstractContextManager[None]]


@contextlib.contextmanager
def small_disk(directory: Path) -> Iterator[bool]:
    """Mount a disk of a few megabytes there. False where the system forbids it."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(directory)]
    is_mounted = subprocess.run(mount, capture_output=True).returncode == 0
    yield is_mounted
    if is_mounted:
        subprocess.run(["umount", str(directory)], check=True)


@contextlib.contextmanager
def filled(server: Server) -> Iterator[None]:
    """The server's disk without a free byte."""
    filler = server.data.parent / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    yield
    filler.unlink()


@contextlib.contextmanager
def limited(server: Server) -> Iterator[None]:
    """No file of the server's may grow: the same refusal, without a disk of its own."""
    files = [os.path.getsize(each) for each in server.data.glob("gatepost.db*")]
    with no_file_longer_than(server, min(files)):
        yield


@pytest.fixture(params=["limit", "disk"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, FullDisk]]:
    """A data directory and the way to leave it without space. Where nothing may be mounted, the limit has to do twice."""
    if request.param == "limit":
        yield tmp_path / "data", limited
        return
    with small_disk(tmp_path) as is_mounted:
        yield tmp_path / "data", filled if is_mounted else limited


def write_until_refused(caller: Client, server: Server) -> list[str]:
    """Refresh tokens that were acknowledged before the first write was refused."""
    acknowledged: list[str] = []
    for _ in range(TRIES):
        answer = caller.post("/verify", server.pair)
        if answer.status != 200:
            assert (answer.status, answer.json()["error"]) == (503, "temporarily_unavailable")
            assert int(answer.headers["retry-after"]) > 0
            return acknowledged
        acknowledged.append(answer.json()["refresh_token"])
    raise AssertionError("the disk did not get full")


def test_a_full_disk_refuses_writes_only_and_recovers(place: tuple[Path, FullDisk]) -> None:
    data, full_disk = place
    with running("dev", data) as server, server.caller() as caller:
        before = caller.post("/verify", server.pair).json()
        with full_disk(server):
            acknowledged = write_until_refused(caller, server)
            for _ in range(20):
                assert caller.post("/verify", server.pair).status == 503
                assert caller.post("/refresh", {"refresh_token": before["refresh_token"]}).status == 503
                assert caller.post("/", server.pair | {"redirection_url": "https://new.example/"}).status == 503
            check_reads(server, caller, before["access_token"])
        wait_until(lambda: caller.post("/verify", server.pair).status == 200, RECOVERY)
        for token in (before["refresh_token"], *acknowledged):
            assert caller.post("/refresh", {"refresh_token": token}).status == 200
        assert is_sound(server.data)


def check_reads(server: Server, caller: Client, access_token: str) -> None:
    """Everything that needs no write is answered."""
    assert caller.get("/auth_token").json() == {"auth_token": server.ready["auth_token"]}
    assert caller.post_form("/introspect", token=access_token).json()["active"] is True
    for path in ("/jwks.json", "/.well-known/oauth-authorization-server", "/readyz", "/healthz"):
        assert caller.get(path).status == 200
    # An app's secret is used for the first time here, which would be noted if it could be.
    app = server.ready["app"]
    with Client(server.port, basic=f"{app['client_id']}:{app['client_secret']}") as gateway:
        assert gateway.post_form("/introspect", token=access_token).json()["active"] is True


def test_a_locked_database_refuses_writes_in_time_and_reads_go_on(server: Server) -> None:
    with server.caller() as caller, ThreadPoolExecutor(8) as clients:
        before = caller.post("/verify", server.pair).json()
        with locked(server.data):
            until = time.monotonic() + 5
            writers = [clients.submit(write_until, server, until, number / 8) for number in range(8)]
            slowest = 0.0
            while time.monotonic() < until:
                began = time.monotonic()
                assert caller.post_form("/introspect", token=before["access_token"]).json()["active"] is True
                assert caller.get("/auth_token").status == 200
                slowest = max(slowest, time.monotonic() - began)
                time.sleep(0.01)
            waits = [wait for writer in writers for wait in writer.result()]
        assert min(waits) < BUSY_MS / 1000 + 1
        assert max(waits) < BUSY_MS / 1000 * 1.7, "nobody waits for those who waited before"
        assert slowest < 1
        wait_until(lambda: caller.post("/verify", server.pair).status == 200, RECOVERY)
        assert caller.post("/refresh", {"refresh_token": before["refresh_token"]}).status == 200


def write_until(server: Server, until: float, delay: float) -> list[float]:
    """How long writes took to be refused, one after the other, from a moment on."""
    waits = []
    time.sleep(delay)
    with server.caller() as caller:
        while time.monotonic() < until:
            began = time.monotonic()
            assert caller.post("/verify", server.pair).status == 503
            waits.append(time.monotonic() - began)
    return waits


def test_a_lock_that_goes_in_time_costs_only_the_wait(server: Server) -> None:
    with server.caller() as caller, ThreadPoolExecutor(1) as clients:
        with locked(server.data):
            waiting = clients.submit(caller.post, "/verify", server.pair)
            time.sleep(0.5)
            assert not waiting.done()
        assert waiting.result(PATIENCE).status == 200
