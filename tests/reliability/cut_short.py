"""Restore a backup again and again, each time killed one step later, and say in which state the data was found.

Run as a program of its own, because it forks. A step is a change to the file system, seen by Python's audit events just
before it is made.
"""

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from gatepost.flows.upkeep.restore import Place, restore
from gatepost.opening import open_instance
from gatepost.settings import Settings
from gatepost.store.orgs import list_orgs

STEPS = {
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.mkdir",
    "os.link",
    "fcntl.flock",
    "tempfile.mkstemp",
    "shutil.rmtree",
}
KILLED = 9


def place_in(data: Path) -> Place:
    return Place(data / "gatepost.db", data / "instance.key", None)


def restore_until(archive: Path, data: Path, step: int) -> None:
    """Restore, and end like a process that is killed before this step."""
    left = step

    def on_event(event: str, _: tuple[Any, ...]) -> None:
        nonlocal left
        if event in STEPS:
            left -= 1
            if left == 0:
                os._exit(KILLED)

    sys.addaudithook(on_event)
    restore(archive, place_in(data), "cli", replace=True, on_progress=lambda done, total: None)
    os._exit(0)


def state_of(data: Path) -> str:
    """The name of the one organization in the data, opened as a server opens it: with the key that belongs to it."""

    async def ask() -> str:
        instance = open_instance(Settings(data=str(data)), "https://auth.test")
        try:
            await instance.signing.look()
            return " ".join(org.name for org in await instance.store.read(list_orgs()))
        finally:
            instance.store.close()

    return asyncio.run(ask())


def main(directory: Path) -> None:
    outcomes, step, code = [], 0, KILLED
    while code == KILLED:
        step += 1
        data = directory / f"data-{step}"
        shutil.copytree(directory / "old", data)
        child = os.fork()
        if child == 0:
            restore_until(directory / "new.tar", data, step)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        state = state_of(data)
        restore(directory / "new.tar", place_in(data), "cli", replace=True, on_progress=lambda done, total: None)
        left = [path.name for path in data.iterdir() if path.name.startswith("gatepost.db.rest")]
        outcomes.append({"step": step, "state": state, "again": state_of(data), "left": left})
    print(json.dumps(outcomes))
    sys.exit(code)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
