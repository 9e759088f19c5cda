"""Server processes that share a database and an instance key, and what a client of them needs."""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

from gatepost.secrets import Keyring
from servers import GATEPOST, UNLIMITED, Client, Server, command, running

ISSUER = "http://localhost:8710"
REDIRECT = "https://shop.example/callback"


class Instance:
    """A database and an instance key, and the commands on them."""

    def __init__(self, directory: Path, url: str) -> None:
        self.directory = directory
        key = directory / "instance.key"
        key.write_text(Keyring.fresh_text())
        self.settings = {**UNLIMITED, "GATEPOST_DATABASE": url, "GATEPOST_INSTANCE__KEY_FILE": str(key)}

    def command(self, *arguments: str, program: Sequence[str] = GATEPOST) -> Any:
        """What a command that must succeed says."""
        done = command(self.directory / "cli", *arguments, settings=self.settings, program=program)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def populate(self) -> "World":
        """An organization with an API key and an app."""
        org = self.command("org", "create", "Acme")["id"]
        key = self.command("key", "create", "--org", org)
        app = self.command("app", "create", "Shop", "--org", org, "--kind", "web", "--redirect", REDIRECT)
        return World(org, key["id"], key["api_key"], app["client_id"])

    @contextlib.contextmanager
    def serve(self, count: int, settings: Mapping[str, str] | None = None) -> Iterator[list[Server]]:
        """So many nodes, started at the same moment."""
        with contextlib.ExitStack() as stack, ThreadPoolExecutor(count) as pool:

            def start(number: int) -> Server:
                node = running(
                    "serve",
                    self.directory / f"node{number}",
                    "--issuer",
                    ISSUER,
                    settings={**self.settings, **(settings or {})},
                )
                return stack.enter_context(node)

            yield list(pool.map(start, range(count)))


class Listening(Protocol):
    """What answers on a port of this machine: a node, or a balancer before several."""

    @property
    def port(self) -> int: ...


class World:
    """What `populate` made."""

    def __init__(self, org: str, key_id: str, api_key: str, client_id: str) -> None:
        self.org = org
        self.key_id = key_id
        self.api_key = api_key
        self.client_id = client_id

    @property
    def pair(self) -> dict[str, str]:
        """The app as `/verify` asks for it."""
        return {"client_id": self.client_id, "redirection_url": REDIRECT}

    def caller(self, node: Listening, *, timeout: float = 30) -> Client:
        """A connection to a node that sends the API key."""
        return Client(node.port, api_key=self.api_key, timeout=timeout)
