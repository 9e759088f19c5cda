"""The README's transcript, and the lines that `gatepost dev` offers for pasting, against a real server."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from servers import UNLIMITED, reserved_port

from .console import masked, run_all, steps_of

README = Path(__file__).parents[2] / "README.md"
PORT = "127.0.0.1:8710"

STEPS = steps_of(README.read_text())


class Dev(NamedTuple):
    """A development server as a newcomer starts it: in a directory, and in words."""

    directory: Path
    port: int
    banner: str

    def here(self, text: str) -> str:
        """The README's text with this server's address."""
        return text.replace(PORT, f"127.0.0.1:{self.port}")


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    directory = tmp_path_factory.mktemp("clone")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GATEPOST_")}
    with reserved_port() as port:
        command = [sys.executable, "-m", "gatepost", "dev", "--port", str(port)]
        process = subprocess.Popen(command, cwd=directory, env=kept | UNLIMITED, stdout=subprocess.PIPE, text=True)
        try:
            yield Dev(directory, port, _banner(process))
        finally:
            process.terminate()
            assert process.stdout
            process.stdout.close()
            process.wait(30)


def _banner(process: "subprocess.Popen[str]") -> str:
    """Everything up to the fourth call, which is the last line."""
    assert process.stdout
    lines: list[str] = []
    while sum(line.startswith("curl") for line in lines) < 4:
        lines.append(process.stdout.readline())
        assert lines[-1], "the server did not start"
    return "".join(lines)


def test_the_readme_shows_the_banner(dev: Dev) -> None:
    shown = next(step.shown for step in STEPS if step.command == "make dev")
    _, banner = shown.split("(once)\n")
    assert masked(dev.banner) == masked(dev.here(banner))


def test_the_transcript_does_what_it_shows(dev: Dev) -> None:
    steps = [step for step in STEPS if not step.command.startswith(("make ", ".venv/"))]
    seen = run_all([dev.here(step.command) for step in steps], dev.directory)
    assert [masked(each) for each in seen] == [masked(dev.here(step.shown)) for step in steps]


def test_the_lines_of_the_banner_work_when_pasted(dev: Dev) -> None:
    calls = re.findall(r"^curl.*", dev.banner, re.MULTILINE)
    auth_token, saved, verified, refreshed = run_all(calls, dev.directory)
    assert re.fullmatch(r'{"auth_token":"[A-Za-z0-9]{14}"}', auth_token)
    assert saved.startswith('{"success":true,"message":"Auth token saved successfully","result":')
    assert verified.startswith('{"success":true,"message":"Auth token verified successfully","access_token":"eyJ')
    assert refreshed.startswith('{"success":true,"message":"Access token refreshed successfully","access_token":"eyJ')
