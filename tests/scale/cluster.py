"""A PostgreSQL of a test's own, which it may stop, kill and start again on the same port."""

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

    def _launch(self) -> "subprocess.Popen[bytes]":
        process = postgres.launch(self._data, self.server.port)
        postgres.wait_until_up(self.server, process)
        return process


@contextlib.contextmanager
def cluster() -> Iterator[Cluster]:
    """A new one, gone at the end of the block."""
    place = Path(tempfile.mkdtemp(prefix=f"gatepost-cluster-{os.getpid()}-"))
    try:
        made = Cluster(postgres.initialize(place), postgres.free_port())
        try:
            yield made
        finally:
            made.stop(signal.SIGQUIT)
    finally:
        shutil.rmtree(place, ignore_errors=True)
