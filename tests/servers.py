"""A Gatepost server as a process of its own, and a small client that keeps its connection."""

import base64
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

START_SECONDS = 60
STOP_SECONDS = 30

UNLIMITED = {"GATEPOST_LIMITS__ENABLED": "false"}

GATEPOST = ("-m", "gatepost")
"""What Python runs, unless a test has a Gatepost of its own."""


class Answer(NamedTuple):
    """What the server answered. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.body)
        return content


class Client:
    """One connection, kept open; made again when the server has closed it. Requests are never sent twice."""

    def __init__(self, port: int, *, api_key: str = "", basic: str = "", timeout: float = 30) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
        credentials = f"Basic {base64.b64encode(basic.encode()).decode()}" if basic else f"Bearer {api_key}"
        self._caller = {"authorization": credentials} if api_key or basic else {}

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def get(self, path: str) -> Answer:
        return self._ask("GET", path, None, {})

    def post(self, path: str, content: Mapping[str, object]) -> Answer:
        """Send JSON, as the seed's routes read it."""
        return self._ask("POST", path, json.dumps(content).encode(), {"content-type": "application/json"})

    def post_form(self, path: str, **fields: str) -> Answer:
        """Send a form, as the standard's routes read it. Values must need no escape."""
        body = "&".join(f"{name}={value}" for name, value in fields.items()).encode()
        return self._ask("POST", path, body, {"content-type": "application/x-www-form-urlencoded"})

    def _ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        try:
            self._connection.request(method, path, body, {**self._caller, **headers})
            response = self._connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise


class Server:
    """A running server. `ready` is what it said when it listened; `log` where its standard error goes."""

    def __init__(self, process: "subprocess.Popen[bytes]", ready: dict[str, Any], port: int, data: Path, log: Path):
        self.process = process
        self.ready = ready
        self.port = port
        self.data = data
        self.log = log

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pair(self) -> dict[str, str]:
        """The demo app as `/verify` asks for it."""
        app = self.ready["app"]
        return {"client_id": app["client_id"], "redirection_url": app["redirect_uris"][0]}

    def client(self, *, timeout: float = 30) -> Client:
        """A connection without credentials."""
        return Client(self.port, timeout=timeout)

    def caller(self, *, timeout: float = 30) -> Client:
        """A connection that sends the demo organization's API key."""
        return Client(self.port, api_key=self.ready["api_key"], timeout=timeout)

    def kill(self) -> None:
        """End the process as a crash does: at once, without a word."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask the server to stop, as a supervisor does, and answer its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)


@contextlib.contextmanager
def reserved_port(port: int = 0) -> Iterator[int]:
    """A port of the loopback address that nobody else is given while it is held, and any server of ours may listen on.

    So a server can be started again and again on one port, and its issuer stays the same. Raises OSError when somebody
    has the port that was asked for.
    """
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", port))
        # Only now: of two holders who are ready to share, both would be given the port they name.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        yield holder.getsockname()[1]


@contextlib.contextmanager
def reserved_neighbours() -> Iterator[tuple[int, int]]:
    """Two ports, one behind the other, held as one is."""
    with contextlib.ExitStack() as stack:
        yield _neighbours(stack)


def _neighbours(stack: contextlib.ExitStack) -> tuple[int, int]:
    while True:
        port = stack.enter_context(reserved_port())
        with contextlib.suppress(OSError, OverflowError):
            return port, stack.enter_context(reserved_port(port + 1))


def wait_for_port(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    """Wait until a program listens. Raises AssertionError with the end of its log when it does not."""
    patience = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < patience:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    said = log.read_text()[-2000:] if log.exists() else ""
    raise AssertionError(f"{process.args!r} did not start: {said}")


@contextlib.contextmanager
def running(
    verb: str,
    data: Path,
    *options: str,
    port: int = 0,
    settings: Mapping[str, str] = UNLIMITED,
    prepare: Callable[[], object] | None = None,
    program: Sequence[str] = GATEPOST,
) -> Iterator[Server]:
    """`gatepost dev` or `gatepost serve` with nothing in its environment but these settings, stopped at the end.

    `serve` gets its port as its issuer. `prepare` runs in the new process before the server does. Raises AssertionError
    with what the server said when it does not start.
    """
    with contextlib.ExitStack() as stack:
        port = port or stack.enter_context(reserved_port())
        log = data.with_name(f"{data.name}.log")
        process = _start([*program, verb, *_options(verb, data, port), *options], log, settings, prepare)
        stack.callback(_end, process)
        yield Server(process, _ready(process, log), port, data, log)


def command(
    data: Path,
    *arguments: str,
    settings: Mapping[str, str] | None = None,
    stdin: str = "",
    program: Sequence[str] = GATEPOST,
) -> "subprocess.CompletedProcess[str]":
    """Run one `gatepost` command on a data directory, to its end."""
    return subprocess.run(
        [sys.executable, *program, *arguments, "--json", "--data", str(data)],
        cwd=data.parent,
        env=_environment(settings or {}),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
    )


def _options(verb: str, data: Path, port: int) -> list[str]:
    common = ["--json", "--data", str(data), "--port", str(port)]
    return [*common, "--issuer", f"http://127.0.0.1:{port}"] if verb == "serve" else common


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GATEPOST_")}
    return {**kept, **settings}


def _start(
    arguments: list[str], log: Path, settings: Mapping[str, str], prepare: Callable[[], object] | None
) -> "subprocess.Popen[bytes]":
    with log.open("ab") as stderr:
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=log.parent,
            env=_environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            preexec_fn=prepare,
        )


def _ready(process: "subprocess.Popen[bytes]", log: Path) -> dict[str, Any]:
    assert process.stdout
    patience = threading.Timer(START_SECONDS, process.kill)
    patience.start()
    line = process.stdout.readline()
    patience.cancel()
    assert line.startswith(b'{"ready"'), f"the server did not start: {line!r} {log.read_text()[-2000:]}"
    ready: dict[str, Any] = json.loads(line)
    return ready


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Stop the process if it still runs; one that does not stop in time is killed, and that is a failure."""
    assert process.stdout
    process.stdout.close()
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise AssertionError("the server did not stop when asked to") from None
