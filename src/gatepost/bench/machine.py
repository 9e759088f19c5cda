"""The machine that a measurement runs on: its cores, a disk that is one, what a process costs."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

IN_MEMORY = ("tmpfs", "ramfs")
MOUNTED = Path("/proc/self/mounts")
HOST = "127.0.0.1"


class Cores(NamedTuple):
    """Where each node of the server runs and where the load comes from; None where this system lets nobody choose."""

    nodes: tuple[int | None, ...]
    load: int | None

    @property
    def are_shared(self) -> bool:
        return len({*self.nodes, self.load}) <= len(self.nodes)


def choose_cores(nodes: int) -> Cores:
    """Different cores, as far as this process may use that many."""
    if sys.platform != "linux":
        return Cores((None,) * nodes, None)
    *others, load = sorted(os.sched_getaffinity(0))
    return Cores(tuple(islice(cycle(others or [load]), nodes)), load)


@contextlib.contextmanager
def on_core(core: int | None) -> Iterator[None]:
    """Run on one core; a process that is started meanwhile stays there."""
    if sys.platform != "linux" or core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def resident_mb(pid: int) -> float | None:
    """The resident memory of a process in megabytes; None where the system does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS:")), None)


def cpu_seconds(pid: int) -> float | None:
    """The processor time that a process has used so far; None where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def place_for_data() -> Path:
    """A directory for temporary data, on a disk if there is one: in memory a durable write would cost nothing."""
    places = [Path(tempfile.gettempdir()), Path("/var/tmp"), Path.home(), Path.cwd()]  # noqa: S108  # a place to look at, not a file
    usable = [place for place in places if os.access(place, os.W_OK)]
    return next((place for place in usable if not is_in_memory(place)), usable[0])


def is_in_memory(place: Path, mounted: Path = MOUNTED) -> bool:
    """Whether files here live in memory alone, as far as the system's list of what is mounted tells."""
    try:
        lines = mounted.read_text().splitlines()
    except OSError:
        return False
    mounts = {Path(line.split()[1]): line.split()[2] for line in lines}
    where = place.resolve()
    return next((mounts[each] for each in (where, *where.parents) if each in mounts), "") in IN_MEMORY
