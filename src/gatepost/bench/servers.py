"""The servers that are measured, as processes of their own on a core of their own."""

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gatepost.bench.load import Answer, ask_once
from gatepost.bench.machine import HOST, on_core
from gatepost.errors import GatepostError

START_SECONDS = 60
STOP_SECONDS = 20

UNREACHED = {f"GATEPOST_LIMITS__{name}": "1000000000" for name in ("KEY_RATE", "APP_RATE", "ADDRESS_RATE")}
"""Rate limits that nobody reaches: each request still pays for being counted."""

_PORT = re.compile(rf" on {re.escape(HOST)}:(\d+)\. ")
"""What the server says when it listens."""

_HEALTH = b"GET /healthz HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n"


class Running(NamedTuple):
    """A server that answers, and the seconds from its start to its first answer."""

    pid: int
    port: int
    started_in: float


@contextlib.contextmanager
def gatepost_server(directory: Path, core: int | None, database: str = "") -> Iterator[Running]:
    """`gatepost serve` on a data directory, with no setting but those of the bench, and the database if it is elsewhere."""
    command = [sys.executable, "-m", "gatepost", "serve", "--data", str(directory)]
    command += ["--host", HOST, "--port", "0", "--issuer", f"http://{HOST}"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GATEPOST_")}
    settings = UNREACHED | ({"GATEPOST_DATABASE": database} if database else {})
    log = directory / f"server-{os.urandom(4).hex()}.log"
    before = time.perf_counter()
    with log.open("wb") as output, on_core(core):
        # In a directory without a gatepost.toml.
        process = subprocess.Popen(command, cwd=directory, env=kept | settings, stdout=output, stderr=output)  # noqa: S603  # our own command
    with _stopped_after(process):
        port = _wait_for(process, log)
        yield Running(process.pid, port, time.perf_counter() - before)


@contextlib.contextmanager
def bare_server(answers: dict[str, Answer], core: int | None) -> Iterator[Running]:
    """The bare server with these answers by path."""
    document = {
        path: {"status": int(each.status), "headers": _headers(each), "body": each.body.decode()}
        for path, each in answers.items()
    }
    before = time.perf_counter()
    with on_core(core):
        process = subprocess.Popen(
            [sys.executable, "-m", "gatepost.bench.bare"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
    with _stopped_after(process):
        assert process.stdin is not None
        assert process.stdout is not None
        with process.stdin:
            process.stdin.write(json.dumps(document).encode())
        with process.stdout:
            port = int(process.stdout.readline())
            yield Running(process.pid, port, time.perf_counter() - before)


def _headers(answer: Answer) -> list[tuple[str, str]]:
    """The headers that are the application's; uvicorn adds the date to both."""
    return [(name, value) for name, value in answer.headers if name != "date"]


def _wait_for(process: "subprocess.Popen[bytes]", log: Path) -> int:
    """The server's port, at the first 200 of /healthz. Raises `server_error` with what it said when there is none."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        told = _PORT.search(log.read_text())
        if told and ask_once(int(told[1]), _HEALTH).status == b"200":
            return int(told[1])
        time.sleep(0.001)
    raise GatepostError(
        "server_error", f"The server did not start: {log.read_text().strip()[-2000:] or 'no word of it'}"
    )


@contextlib.contextmanager
def _stopped_after(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
