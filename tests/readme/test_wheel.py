"""The wheel: built as `docs/deploy.md` builds it, installed into an empty environment, it has all it needs to serve."""

import os
import site
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatepost import __version__
from servers import Client, reserved_port

ROOT = Path(__file__).parents[2]


def run(*command: str | Path) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The folder of the commands of an environment that has the wheel, and its dependencies from this one."""
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, ".")
    place = tmp_path / "venv"
    venv.create(place, with_pip=False, symlinks=True)
    run(*pip, "--python", place, "install", "--no-deps", "--no-index", *tmp_path.glob("*.whl"))
    own = next(place.glob("lib/python*/site-packages"))
    (own / "dependencies.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    return place / "bin"


@pytest.fixture
def served(installed: Path, tmp_path: Path) -> Iterator[int]:
    """The port on which the installed command serves, with nothing of this environment but its PATH."""
    with reserved_port() as port:
        options = ["--json", "--port", str(port), "--data", str(tmp_path / "data")]
        server = subprocess.Popen(
            [installed / "gatepost", "dev", *options],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"]},
            stdout=subprocess.PIPE,
        )
        assert server.stdout
        with server.stdout:
            assert server.stdout.readline().startswith(b'{"ready": true')
        yield port
        server.terminate()
        server.wait(30)


def test_the_wheel_is_whole(installed: Path, served: int) -> None:
    assert run(installed / "gatepost", "--version") == f"gatepost {__version__}\n"
    where = run(installed / "python", "-c", "import gatepost; print(gatepost.__file__)")
    assert Path(where).is_relative_to(installed.parent)
    with Client(served) as client:
        assert client.get("/healthz").status == 200
        assert "تسجيل الدخول" in client.get("/login?page_language=ar").body.decode()
        assert client.get("/assets/gatepost.css").headers["content-type"].startswith("text/css")
