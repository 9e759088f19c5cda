"""Programs of the system that the tests run: where they are, and `python -m tests.programs`, which brings what is missing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NODE = Path(__file__).parent / "peers" / "node"
"""Where the packages of npm are, as its lock file says."""

AUTH_OPENIDC = Path("/usr/lib/apache2/modules/mod_auth_openidc.so")

PACKAGES = {
    "node": "nodejs",
    "npm": "npm",
    "chromium-headless-shell": "chromium-headless-shell",
    "apache2": "apache2",
    "nginx": "nginx",
    "caddy": "caddy",
    "systemd-analyze": "systemd",
    str(AUTH_OPENIDC): "libapache2-mod-auth-openidc",
}
"""Programs and modules, and Debian's package of each."""


def find(program: str) -> str:
    """The path of a program. Raises AssertionError that says how to install it."""
    found = _find(program)
    assert found, f"The tests need {program}. On Debian: apt-get install {PACKAGES[program]}"
    return found


def package(name: str) -> Path:
    """The folder of a package of npm. Raises AssertionError that says how to install it."""
    folder = NODE / "node_modules" / name
    assert folder.is_dir(), f"The tests need {name} from npm: npm ci --prefix {NODE}"
    return folder


def _find(program: str) -> str | None:
    return shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")


def _install() -> None:
    """Bring all that is missing: from Debian when that can be done, else say what to install."""
    missing = [PACKAGES[program] for program in PACKAGES if not _find(program)]
    if missing:
        if os.geteuid() != 0 or not shutil.which("apt-get"):
            sys.exit(f"The tests need programs that are not here. On Debian: apt-get install {' '.join(missing)}")
        for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *missing]):
            subprocess.run(
                ["apt-get", "--quiet", "--quiet", *arguments],
                check=True,
                stdout=sys.stderr,
                env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
            )
    subprocess.run([find("npm"), "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", NODE], check=True)


if __name__ == "__main__":
    _install()
