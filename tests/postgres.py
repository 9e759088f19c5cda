"""A throw-away PostgreSQL for this run of the tests, with fsync on: started by the first test that asks, shared by all.

It comes from the system's packages, which are installed if they are missing. Whoever started the tests is watched: when
that process is gone, however it ended, the server is stopped and its directory removed.
"""

import contextlib
import fcntl
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from gatepost.store.postgres.schema import upgrade

START_SECONDS = 60

OPTIONS = {
    "fsync": "on",
    "max_connections": "300",
    "shared_buffers": "64MB",
    "listen_addresses": "127.0.0.1",
    "log_min_messages": "fatal",
}


class Server:
    """One PostgreSQL server. `url(name)` leads to a database of it."""

    def __init__(self, port: int) -> None:
        self.port = port

    def url(self, database: str) -> str:
        return f"postgresql://gatepost@127.0.0.1:{self.port}/{database}"

    def create(self, name: str) -> str:
        """Make an empty database, in place of one of that name, and answer its URL."""
        with self.connect("postgres") as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        return self.url(name)

    @contextlib.contextmanager
    def connect(self, database: str) -> Iterator["psycopg.Connection[Any]"]:
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            yield connection


class Databases:
    """The databases of one test process: one that is emptied for each test, and new ones."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._name = f"p{os.getpid()}"
        self._made = 0

    def new(self) -> str:
        """The URL of a database without anything in it."""
        self._made += 1
        return self.server.create(f"{self._name}_{self._made}")

    def migrated(self) -> str:
        """The URL of a database with the newest schema and no rows. The one before it is emptied for it."""
        if not hasattr(self, "_migrated"):
            self._migrated = self.server.create(self._name)
            upgrade(self._migrated, 0, migrate=True)
        else:
            self._empty()
        return self._migrated

    def _empty(self) -> None:
        with self.server.connect(self._name) as connection:
            others = "pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
            while connection.execute(f"select pg_terminate_backend(pid) from {others}").fetchall():
                time.sleep(0.002)
            tables = connection.execute(
                "select tablename from pg_tables where schemaname = 'public' and tablename <> 'schema_version'"
            ).fetchall()
            names = [sql.SQL("delete from {}").format(sql.Identifier(name)) for (name,) in tables]
            connection.execute(sql.SQL("; ").join(names))


@cache
def databases() -> Databases:
    """The databases of this process."""
    return Databases(start())


def start() -> Server:
    """The server of this run of the tests; started if nobody has yet."""
    runner = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    place = Path(tempfile.gettempdir()) / f"gatepost-tests-{runner}"
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        told = place / "server.json"
        if not told.exists():
            _launch(place, runner)
        return Server(**json.loads(told.read_text()))


def binaries() -> Path:
    """Where `initdb` and `postgres` are, of the newest version; installed if there are none."""
    for attempt in range(2):
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
        if found:
            return found[-1].parent
        elsewhere = shutil.which("initdb")
        if elsewhere:
            return Path(elsewhere).parent
        if attempt == 0:
            _install()
    raise AssertionError("The tests need PostgreSQL. On Debian: apt-get install postgresql")


def _install() -> None:
    if os.geteuid() == 0 and shutil.which("apt-get"):
        for arguments in (["update"], ["install", "--yes", "--no-install-recommends", "postgresql"]):
            subprocess.run(["apt-get", "--quiet", *arguments], check=True, stdout=sys.stderr)


def unprivileged() -> dict[str, Any]:
    """How to start a process that PostgreSQL accepts: it refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def initialize(place: Path) -> Path:
    """Make a new cluster in an empty directory. It sorts text as people do, which the schema must not notice."""
    _hand_over(place)
    command: list[str | Path] = [
        binaries() / "initdb",
        "--pgdata",
        place / "data",
        "--username",
        "gatepost",
        "--auth",
        "trust",
    ]
    command += ["--encoding", "UTF8", "--locale", "C.UTF-8", "--locale-provider", "icu", "--icu-locale", "en-US"]
    subprocess.run([*command, "--no-sync"], check=True, stdout=subprocess.DEVNULL, cwd="/", **unprivileged())
    return place / "data"


def copy(server: Server, place: Path) -> Path:
    """Copy a running server's cluster into an empty directory, as a standby that follows it."""
    _hand_over(place)
    command: list[str | Path] = [binaries() / "pg_basebackup", "--pgdata", place / "data", "--write-recovery-conf"]
    command += ["--checkpoint", "fast", "--dbname", server.url("postgres"), "--no-sync"]
    subprocess.run(command, check=True, cwd="/", **unprivileged())
    return place / "data"


def _hand_over(place: Path) -> None:
    """Give a directory to the user whom PostgreSQL runs as."""
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(place, user.pw_uid, user.pw_gid)


def launch(data: Path, port: int) -> "subprocess.Popen[bytes]":
    """Start a server on a cluster. It listens a moment later."""
    options = OPTIONS | {"port": str(port), "unix_socket_directories": str(data.parent)}
    flags = [f"--{name}={value}" for name, value in options.items()]
    with (data.parent / "log").open("ab") as log:
        return subprocess.Popen(
            [binaries() / "postgres", "-D", data, *flags], stdout=log, stderr=log, cwd="/", **unprivileged()
        )


def wait_until_up(server: Server, process: "subprocess.Popen[bytes]") -> None:
    """Wait until it answers. Raises AssertionError when it never does."""
    patience = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < patience:
        with contextlib.suppress(psycopg.OperationalError), server.connect("postgres"):
            return
        time.sleep(0.02)
    raise AssertionError("PostgreSQL did not start")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _launch(place: Path, runner: int) -> None:
    """Start the keeper, and with it the server; wait until it answers."""
    keeper = subprocess.Popen(
        [sys.executable, __file__, str(place), str(runner)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    patience = time.monotonic() + START_SECONDS + 300
    while not (place / "server.json").exists():
        if keeper.poll() is not None or time.monotonic() > patience:
            log = place / "log"
            raise AssertionError(f"PostgreSQL did not start: {log.read_text() if log.exists() else keeper.returncode}")
        time.sleep(0.02)
    # It outlives this process, and nobody waits for it: Python would complain of that at the end of the tests.
    keeper.returncode = 0


def keep(place: Path, runner: int) -> None:
    """Run a server until the process that started the tests is gone."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(mode=0o700)
    try:
        data, server = initialize(place), Server(free_port())
        process = launch(data, server.port)
        wait_until_up(server, process)
        draft = place / "server.draft"
        draft.write_text(json.dumps({"port": server.port}))
        draft.rename(place / "server.json")
        while process.poll() is None and Path(f"/proc/{runner}").exists():
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        process.wait(START_SECONDS)
    finally:
        shutil.rmtree(place, ignore_errors=True)
        place.with_suffix(".lock").unlink(missing_ok=True)


if __name__ == "__main__":
    keep(Path(sys.argv[1]), int(sys.argv[2]))
