"""nginx before two nodes, as `deploy/nginx.conf` sets it up: one that cannot be reached is passed over for the other."""

import contextlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from programs import find
from servers import STOP_SECONDS, reserved_port, wait_for_port

SHIPPED = Path(__file__).parents[2] / "deploy" / "nginx.conf"


class Balancer(NamedTuple):
    port: int


@contextlib.contextmanager
def balancer(folder: Path, ports: list[int]) -> Iterator[Balancer]:
    """An nginx that spreads requests over these two ports."""
    folder.mkdir()
    with reserved_port() as port:
        configuration = folder / "nginx.conf"
        configuration.write_text(_here(SHIPPED.read_text(), folder, port, ports))
        process = subprocess.Popen([find("nginx"), "-c", configuration, "-p", folder, "-e", folder / "log"])
        try:
            wait_for_port(process, port, folder / "log")
            yield Balancer(port)
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


def _here(shipped: str, folder: Path, port: int, ports: list[int]) -> str:
    """What ships, with the places of this test instead of those of a container, and nothing else changed."""
    text = f"daemon off;\n{shipped}".replace("/tmp/", f"{folder}/").replace(
        "error_log stderr", f"error_log {folder}/log"
    )
    places = [(r"listen 8080", f"listen 127.0.0.1:{port}")]
    places += [(rf"gatepost-{number}:8710", f"127.0.0.1:{each}") for number, each in enumerate(ports, 1)]
    for shipped_place, own in places:
        text, found = re.subn(shipped_place, own, text)
        assert found == 1, shipped_place
    return text
