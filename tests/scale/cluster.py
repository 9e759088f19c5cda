"""A PostgreSQL of a test's own, which it may stop, kill and start again on the same port, and a synchronous standby of it."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import postgres


class Cluster:
    """A server on data of its own. `stop` and `start` take turns."""

    def __init__(self, data: Path, port: int) -> None:
        self.server = postgres.Server(port)
        self._data = data
        self._process = self._launch()

    def stop(self, how: signal.Signals) -> None:
        """Stop it: SIGINT is `pg_ctl stop -m fast`, SIGQUIT is `-m immediate`, a crash with recovery at the next start."""
        self._process.send_signal(how)
        self._process.wait(postgres.START_SECONDS)

    def start(self) -> None:
        self._process = self._launch()

    def lose(self) -> None:
        """End every process of it at once, as the loss of its machine does."""
        self._signal(signal.SIGKILL)
        self._process.wait(postgres.START_SECONDS)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """None of its processes goes on until the end of the block; its connections stay."""
        self._signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(signal.SIGCONT)

    def promote(self) -> None:
        """Make a standby the primary; it takes writes when this returns."""
        with self.server.connect("postgres") as connection:
            assert connection.execute("select pg_promote(true, 30)").fetchone() == (True,)

    def wait_for_standby(self) -> None:
        """From now on no commit is answered before a standby has it, too."""
        with self.server.connect("postgres") as connection:
            connection.execute("alter system set synchronous_standby_names = '*'")
            connection.execute("select pg_reload_conf()")

    def _signal(self, which: signal.Signals) -> None:
        pid = self._process.pid
        for each in (str(pid), *Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(each), which)

    def _launch(self) -> "subprocess.Popen[bytes]":
        process = postgres.launch(self._data, self.server.port)
        postgres.wait_until_up(self.server, process)
        return process


@contextlib.contextmanager
def cluster() -> Iterator[Cluster]:
    """A new one, gone at the end of the block."""
    with _place() as place, _running(Cluster(postgres.initialize(place), postgres.free_port())) as made:
        yield made


@contextlib.contextmanager
def standby(primary: Cluster) -> Iterator[Cluster]:
    """A copy that follows the primary, which answers no commit any more before the copy has it."""
    with _place() as place:
        data = postgres.copy(primary.server, place)
        with _running(Cluster(data, postgres.free_port())) as made:
            primary.wait_for_standby()
            yield made


@contextlib.contextmanager
def _place() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix=f"gatepost-cluster-{os.getpid()}-"))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextlib.contextmanager
def _running(made: Cluster) -> Iterator[Cluster]:
    try:
        yield made
    finally:
        made.stop(signal.SIGQUIT)
