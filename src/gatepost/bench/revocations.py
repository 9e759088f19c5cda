"""How soon a revocation is refused elsewhere: from the answer of `/revoke` to a verifier of the SDK in another process."""

import asyncio
import contextlib
import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from gatepost.bench.data import BATCH, REDIRECT, SCOPE, Data, prepare
from gatepost.bench.load import ask_once
from gatepost.bench.machine import HOST, choose_cores, on_core
from gatepost.bench.report import describe_machine
from gatepost.bench.servers import Running, gatepost_server
from gatepost.bench.work import post
from gatepost.errors import GatepostError
from gatepost.opening import database_path
from gatepost.secrets import new_id, render_id
from gatepost.settings import Settings
from gatepost.store.revocations import tell
from gatepost.store.sqlite import connect, transact
from gatepost.web.message import FORM

ISSUER = f"http://{HOST}"
KILO = 1000
MEGA = 1 << 20


class Latency(NamedTuple):
    """What came out. Milliseconds are from the answer of `/revoke` to the refusal; `loading` is the verifier's first reading."""

    entries: int
    revocations: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    loading_seconds: float
    bytes_per_entry: float | None


def measure_revocations(entries: int, revocations: int, place: Path) -> Latency:
    """Measure, with that many entries in the feed already. Raises `invalid_configuration` without the SDK."""
    if importlib.util.find_spec("gatepost_sdk") is None:
        raise GatepostError(
            "invalid_configuration",
            "The verifier is the one of gatepost_sdk, which is not here.",
            fix="run it in a clone",
        )
    cores = choose_cores(1)
    with tempfile.TemporaryDirectory(prefix="gatepost-bench-", dir=place) as name:
        directory = Path(name) / "data"
        settings = Settings(data=str(directory))
        data = asyncio.run(prepare(settings, 1, 1))
        _fill(settings, data, entries)
        with gatepost_server(directory, cores.nodes[0]) as server, on_core(cores.load):
            return _measure(server, data, entries, revocations)


def _fill(settings: Settings, data: Data, entries: int) -> None:
    """Revocations of the last moment, of grants that nobody has a token of."""
    cursor = connect(database_path(settings)).cursor()
    org, now = data.tenants[0].org, int(time.time())
    try:
        for start in range(0, entries, BATCH):
            batch = range(start, min(start + BATCH, entries))
            transact(cursor, [tell(org, "grant", render_id("gnt", new_id()), now) for _ in batch])
    finally:
        cursor.connection.close()


def _measure(server: Running, data: Data, entries: int, revocations: int) -> Latency:
    tenant = data.tenants[0]
    wanted = {"client_id": tenant.client_id, "redirection_url": REDIRECT, "scope": SCOPE}

    def fresh_token() -> str:
        answer = _call(server.port, post("/verify", orjson.dumps(wanted), bearer=tenant.api_key))
        token: str = orjson.loads(answer)["access_token"]
        return token

    def wait_for_refusal() -> float:
        """Seconds from the answer of `/revoke` to the refusal; it may come first."""
        token = fresh_token()
        verifier.say(token)
        assert verifier.hear() == "accepted"
        form = f"token={token}".encode()
        _call(server.port, post("/revoke", form, media_type=FORM, bearer=tenant.api_key))
        answered_at = time.monotonic()
        refused_at: float = verifier.hear()
        return max(refused_at - answered_at, 0.0)

    with _verifier(tenant.api_key) as verifier:
        verifier.say({"issuer": ISSUER, "place": f"{ISSUER}:{server.port}", "token": fresh_token()})
        loaded = verifier.hear()
        waits = sorted(wait_for_refusal() for _ in range(revocations))
    grown = loaded["grown_mb"]
    return Latency(
        entries,
        revocations,
        KILO * statistics.median(waits),
        KILO * waits[min(int(0.99 * revocations), revocations - 1)],
        KILO * waits[-1],
        loaded["seconds"],
        grown * MEGA / entries if grown is not None and entries else None,
    )


def _call(port: int, request: bytes) -> bytes:
    answer = ask_once(port, request)
    if answer.status != b"200":
        raise GatepostError(
            "server_error", f"The server answered {answer.status.decode()}: {answer.body.decode()[:500]}"
        )
    return answer.body


class _Verifier:
    """The other process, spoken to line by line."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdin
        assert process.stdout
        self._stdin, self._stdout = process.stdin, process.stdout

    def say(self, value: object) -> None:
        self._stdin.write(orjson.dumps(value) + b"\n")
        self._stdin.flush()

    def hear(self) -> Any:
        line = self._stdout.readline()
        if not line:
            raise GatepostError("server_error", "The verifier ended before its time; what it said is above.")
        return orjson.loads(line)


@contextlib.contextmanager
def _verifier(api_key: str) -> Iterator[_Verifier]:
    process = subprocess.Popen(
        [sys.executable, "-m", "gatepost.bench.verifier"],
        env=os.environ | {"GATEPOST_API_KEY": api_key},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield _Verifier(process)
    finally:
        process.kill()
        process.communicate()


def render_latency_document(latency: Latency) -> dict[str, Any]:
    """What came out, for programs."""
    rounded = {
        name: round(value, 3) if isinstance(value, float) else value for name, value in latency._asdict().items()
    }
    return {"machine": describe_machine(), **rounded}


def render_latency(latency: Latency) -> str:
    """What came out, for people."""
    each = latency.bytes_per_entry
    memory = "" if each is None else f", {each:.0f} bytes of memory for each"
    return (
        f"{latency.entries:,} entries in the feed, read in {latency.loading_seconds:.2f} s{memory}\n"
        f"{latency.revocations:,} revocations, refused in another process: p50 {latency.p50_ms:.0f} ms, "
        f"p99 {latency.p99_ms:.0f} ms, at most {latency.max_ms:.0f} ms after the answer of /revoke"
    )
