"""Open files run out, and junk comes without end: the server stays as it was, and goes on when it is over."""

import contextlib
import json
import resource
import socket
import time
from pathlib import Path

from servers import Server, running

from .faults import PATIENCE, cpu_seconds, dial, resident, wait_until

FILES = 64
SOCKETS = 150
JUNK = 20_000
MB = 1_000_000

LIMITS = {
    f"GATEPOST_LIMITS__{name}": "1000000000" for name in ("KEY_RATE", "APP_RATE", "ADDRESS_RATE", "WRONG_SECRETS")
}
"""Limits that nobody reaches, but that count everybody."""


def few_files() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))


def test_without_free_files_those_who_are_connected_are_served_and_then_everybody(tmp_path: Path) -> None:
    with running("dev", tmp_path / "data", prepare=few_files) as server, server.caller() as caller:
        pair = caller.post("/verify", server.pair).json()
        with contextlib.ExitStack() as stack:
            for _ in range(SOCKETS):
                stack.enter_context(dial(server.port))
            cpu = cpu_seconds(server.process.pid)
            began = time.monotonic()
            while time.monotonic() - began < 2:
                pair = caller.post("/refresh", {"refresh_token": pair["refresh_token"]}).json()
                assert pair["success"] is True
                time.sleep(0.05)
            assert cpu_seconds(server.process.pid) - cpu < 1, "it does not spin on what it cannot accept"
        wait_until(lambda: is_served(server))
        assert caller.post("/verify", server.pair).status == 200


def is_served(server: Server) -> bool:
    with server.client(timeout=PATIENCE) as client:
        try:
            return client.get("/readyz").status == 200
        except OSError:
            return False


def junk(api_key: str, first: int, count: int) -> list[bytes]:
    """Requests that have nothing in common but that nothing becomes of them."""
    return [_junk(api_key, number % 5, f"{number:x}".rjust(40, "z")) for number in range(first, first + count)]


def _junk(api_key: str, kind: int, mark: str) -> bytes:
    pair = {"client_id": mark, "redirection_url": f"https://{mark}.example/"}
    return (
        _post("/refresh", "json", json.dumps({"refresh_token": f"gp_rt_{mark}"})),
        _post("/introspect", "x-www-form-urlencoded", f"client_id={mark}&client_secret={mark}&token={mark}"),
        _post("/introspect", "x-www-form-urlencoded", f"token={mark}", api_key),
        _post("/verify", "json", json.dumps(pair), f"gp_key_{mark}"),
        f"GET /{mark}?{mark} HTTP/1.1\r\nhost: {mark}\r\nx-{mark}: {mark}\r\n\r\n".encode(),
    )[kind]


def _post(path: str, media_type: str, body: str, api_key: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/{media_type}\r\n"
    caller = f"authorization: Bearer {api_key}\r\n" if api_key else ""
    return f"{head}{caller}content-length: {len(body)}\r\n\r\n{body}".encode()


def send(dialled: socket.socket, requests: list[bytes]) -> None:
    """Send requests in one piece and read until all are answered."""
    dialled.sendall(b"".join(requests))
    heard = b""
    while heard.count(b"HTTP/1.1 ") < len(requests) or not heard.endswith(b"}"):
        part = dialled.recv(1 << 20)
        assert part, "the server closed the connection"
        heard += part


def test_junk_without_end_leaves_nothing_behind(tmp_path: Path) -> None:
    with running("dev", tmp_path / "data", settings=LIMITS) as server, dial(server.port) as dialled:
        sizes = []
        for first, count in ((0, JUNK // 4), (JUNK // 4, JUNK)):
            requests = junk(server.ready["api_key"], first, count)
            for at in range(0, count, 10):
                send(dialled, requests[at : at + 10])
            sizes.append(resident(server.process.pid))
        assert sizes[1] - sizes[0] < 5 * MB
        assert sizes[1] < 80 * MB
