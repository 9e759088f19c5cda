"""podman with a store of its own, for tests: what ships is built and run in it as it is.

No registry of images is asked. The images that `deploy/` starts from are made here of one Debian and bear their names, so
what is run of others is Debian's: its Python, its PostgreSQL, its nginx.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
DEPLOY = REPOSITORY / "deploy"
STANDINS = Path(__file__).parent / "standins"
SUITE = "trixie"
PACKAGES = "ca-certificates,nginx-light,postgresql,python-is-python3,python3,python3-venv,systemd"
IMAGES = {
    "python": "docker.io/library/python:3.13-slim",
    "postgres": "docker.io/library/postgres:17",
    "nginx": "docker.io/nginxinc/nginx-unprivileged:1.28-alpine",
}
"""Targets of the stand-ins' container file, and the names they bear."""

BUILDING = ("--network=host", "--volume=/etc/ssl/certs:/etc/ssl/certs:ro")
"""What pip needs to reach its index as it does on this machine."""

START_SECONDS = 60


class Engine:
    """One store of images and containers, in a directory that may be kept from run to run."""

    def __init__(self, place: Path) -> None:
        for program in ("podman", "mmdebstrap", "aardvark-dns"):
            needed = shutil.which(program, path=f"{os.environ['PATH']}:/usr/lib/podman")
            assert needed, f"The tests of containers need {program}. On Debian: apt-get install {program}"
        place.mkdir(parents=True, exist_ok=True)
        self.place = place.resolve()
        self.environment = os.environ | _configure(self.place)

    def podman(self, *arguments: object) -> str:
        """Run one command of podman and answer what it printed. Raises AssertionError with what it said when it fails."""
        return self._run("podman", *map(str, arguments))

    def compose(self, tree: Path, *arguments: str) -> None:
        """Run one command of compose in a copy of the repository, as the head of the compose file says."""
        compose = str(Path(sys.executable).with_name("podman-compose"))
        build = f"--podman-build-args={' '.join(BUILDING)}"
        self._run(compose, "-f", "deploy/compose.yaml", build, *arguments, directory=tree)

    def wait_until_healthy(self, container: str) -> None:
        """Run its health check until it passes; by themselves they run only where systemd does."""
        patience = time.monotonic() + START_SECONDS
        while self._ask("healthcheck", "run", container).returncode:
            if time.monotonic() > patience:
                said = self._ask("logs", container)
                raise AssertionError(f"{container} is not well: {said.stdout[-2000:]}{said.stderr[-2000:]}")
            time.sleep(0.2)

    def gatepost(self, container: str, *arguments: str) -> dict[str, str]:
        """Run one command of Gatepost in a running container."""
        said: dict[str, str] = json.loads(self.podman("exec", container, "gatepost", *arguments, "--json"))
        return said

    def clear(self) -> None:
        """Leave nothing but images."""
        self.podman("rm", "--all", "--force", "--depend", "--volumes")
        for what in ("volume", "network"):
            self.podman(what, "prune", "--force")

    def make_images(self) -> None:
        """Make the stand-ins, once for each store, and Gatepost's image out of this repository."""
        base = self.place / "debian.tar"
        if not base.exists():
            draft = base.with_suffix(".draft")
            self._run("mmdebstrap", "--variant=apt", "--format=tar", f"--include={PACKAGES}", SUITE, str(draft))
            self.podman("import", draft, "localhost/debian")
            draft.rename(base)
        for target, name in IMAGES.items():
            self.podman("build", "--target", target, "--tag", name, STANDINS)
        self.podman("build", *BUILDING, "--file", DEPLOY / "Containerfile", "--tag", "gatepost", REPOSITORY)
        self.podman("build", f"--build-context=deploy={DEPLOY}", "--tag", "machine", STANDINS)

    def _ask(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(["podman", *arguments], env=self.environment, capture_output=True, text=True)

    def _run(self, *command: str, directory: Path | None = None) -> str:
        done = subprocess.run(command, cwd=directory, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout


def _configure(place: Path) -> dict[str, str]:
    """The store's own configuration, so that no image of the machine's is replaced by a stand-in."""
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    runtime = "runc" if shutil.which("runc") else "crun"
    (place / "containers.conf").write_text(
        f'[containers]\ndefault_ulimits = ["nofile={files}:{files}", "nproc=4096:4096"]\n'
        f'[engine]\nruntime = "{runtime}"\ncgroup_manager = "cgroupfs"\n'
        f'[network]\nnetwork_config_dir = "{place}/networks"\n'
    )
    (place / "storage.conf").write_text(
        f'[storage]\ndriver = "overlay"\ngraphroot = "{place}/images"\nrunroot = "{place}/running"\n'
    )
    return {
        "CONTAINERS_CONF": f"{place}/containers.conf",
        "CONTAINERS_STORAGE_CONF": f"{place}/storage.conf",
        "BUILDAH_FORMAT": "docker",
    }
