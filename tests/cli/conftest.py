"""The command, run in this process on a data directory of the test's own."""

import asyncio
import io
import json
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest

from gatepost.cli.main import run
from gatepost.errors import GatepostError
from gatepost.flows.callers import authenticate_key
from gatepost.flows.instance import Instance, wall_clock
from gatepost.flows.minting import Issued
from gatepost.flows.refresh import refresh
from gatepost.flows.verify import VerifyAsk, verify
from gatepost.opening import open_instance
from gatepost.settings import Settings

ISSUER = "https://auth.example"
REDIRECT = "https://shop.example/callback"

T = TypeVar("T")


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
        raw = io.BytesIO(stdin.encode(errors="surrogateescape"))
        self._monkeypatch.setattr("sys.stdin", io.TextIOWrapper(raw, "utf-8", "surrogateescape"))
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

    def serve(self, verb: Callable[[Instance], Awaitable[T]], *, later: int = 0) -> T:
        """Run a verb as a server on this data does, so many seconds later."""

        async def serve() -> T:
            settings = Settings(data=str(self.data))
            instance = open_instance(settings, ISSUER, clock=lambda: wall_clock() + later)
            try:
                return await verb(instance)
            finally:
                instance.store.close()

        return asyncio.run(serve())

    def verify(self, api_key: str, client_id: str, redirect: str = REDIRECT, **more: str) -> Issued:
        """First tokens for an app, as `POST /verify` answers them. Raises GatepostError."""

        async def ask(instance: Instance) -> Issued:
            caller = await authenticate_key(instance, f"Bearer {api_key}")
            return await verify(instance, caller, VerifyAsk(client_id, redirect, **more), "127.0.0.1")

        return self.serve(ask)

    def refresh(self, refresh_token: str) -> Issued:
        """The next tokens, as `POST /refresh` answers them. Raises GatepostError."""
        return self.serve(lambda instance: refresh(instance, refresh_token, "127.0.0.1"))


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


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with one organization, made once: keys take their time."""
    data = tmp_path_factory.mktemp("template") / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(data.parent)
        assert run(["org", "create", "Acme", "--data", str(data)]) == 0
    return data


@pytest.fixture
def acme(gatepost: Gatepost, template: Path) -> str:
    """An organization named Acme; its id."""
    shutil.copytree(template, gatepost.data)
    org: str = gatepost.json("org", "list")[0]["id"]
    return org


class Shop(NamedTuple):
    """An app of Acme that is connected: everything a test asks about."""

    org: str
    api_key: str
    key_id: str
    client_id: str
    tokens: Issued


@pytest.fixture
def shop(gatepost: Gatepost, acme: str) -> Shop:
    """An app of Acme with one grant."""
    key = gatepost.json("key", "create", "--org", acme)
    app = gatepost.json("app", "create", "Shop", "--org", acme, "--kind", "web", "--redirect", REDIRECT)
    tokens = gatepost.verify(key["api_key"], app["client_id"])
    return Shop(acme, key["api_key"], key["id"], app["client_id"], tokens)


def is_refused(work: Callable[[], object]) -> bool:
    """Whether the server refuses this."""
    try:
        work()
    except GatepostError:
        return True
    return False
