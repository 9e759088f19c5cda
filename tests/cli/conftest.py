"""The command, run in this process on a data directory of the test's own."""

import io
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gatepost.cli.main import run


class Ran(NamedTuple):
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on standard output."""
        return json.loads(self.out)


class Gatepost:
    """`gatepost("org", "list")` runs the command as a person does, `gatepost.json("org", "list")` as a program does."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.data = directory / "gatepost-data"
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *arguments: str, stdin: str = "") -> Ran:
        self._monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        self._capsys.readouterr()
        code = run(list(arguments))
        return Ran(code, *self._capsys.readouterr())

    def json(self, *arguments: str, stdin: str = "", code: int = 0) -> Any:
        """The document of a command that must end with this exit code."""
        ran = self(*arguments, "--json", stdin=stdin)
        assert ran.code == code, ran
        return ran.json

    def refused(self, code: int, *arguments: str, stdin: str = "") -> Any:
        """The error document of a command that must be refused so; people are told the same, with a way on."""
        document = self.json(*arguments, stdin=stdin, code=code)
        assert set(document) >= {"error", "message", "fix"}
        return document


def spelled(value: object) -> str | None:
    """The name of a parametrized test: its command as it is typed."""
    return " ".join(value) if isinstance(value, list) else None


@pytest.fixture
def gatepost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Gatepost:
    """The command in an empty directory, with nothing set."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("GATEPOST_"):
            monkeypatch.delenv(name)
    return Gatepost(tmp_path, monkeypatch, capsys)


@pytest.fixture
def acme(gatepost: Gatepost) -> str:
    """An organization named Acme; its id."""
    org: str = gatepost.json("org", "create", "Acme")["id"]
    return org
