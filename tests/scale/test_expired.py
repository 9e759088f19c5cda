"""Grants that ended long ago: new ones clear them away in passing, and nobody waits longer for it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

import postgres
from gatepost.bench.load import Answer, Sample, drive
from servers import Server

from .fill import FILL, fill, run
from .nodes import Instance, World

CONNECTIONS = 16
ENDED = 1_500_000_000
"""When the last of them ended."""


class Running(NamedTuple):
    """A database with a server on it, and what is left in it."""

    url: str
    world: World
    server: Server

    @property
    def ended(self) -> int:
        """How many grants there are that ended long ago."""
        query = f"select count(*) from grants where expires_at <= {ENDED}"
        found: int = run(self.url, query)[0][0]
        return found


class Mixed:
    """Of four connections one makes new grants, and the others refresh those they made."""

    def __init__(self, world: World) -> None:
        self._caller = f"authorization: Bearer {world.api_key}\r\n"
        self._pair = json.dumps(world.pair)
        self._tokens: dict[int, str] = {}

    def request(self, connection: int) -> bytes:
        token = self._tokens.get(connection) if connection % 4 else None
        path, body = ("/refresh", json.dumps({"refresh_token": token})) if token else ("/verify", self._pair)
        head = f"POST {path} HTTP/1.1\r\nhost: gate\r\ncontent-type: application/json\r\n{self._caller}"
        return f"{head}content-length: {len(body)}\r\n\r\n{body}".encode()

    def accept(self, connection: int, answer: Answer) -> bool:
        self._tokens[connection] = json.loads(answer.body).get("refresh_token", "")
        return answer.status == b"200"


@contextmanager
def serving(directory: Path, url: str) -> Iterator[Running]:
    directory.mkdir()
    instance = Instance(directory, url)
    world = instance.populate()
    with instance.serve(1) as [server]:
        yield Running(url, world, server)


@pytest.fixture(params=FILL)
def urls(request: pytest.FixtureRequest, directory: Path) -> list[str]:
    """Two empty databases."""
    if request.param == "sqlite":
        return [f"sqlite:///{directory / name}.db" for name in ("quiet", "full")]
    return [postgres.databases().new() for _ in range(2)]


def test_grants_that_ended_cost_nobody_anything(
    urls: list[str], directory: Path, request: pytest.FixtureRequest
) -> None:
    count: int = request.config.getoption("--expired")
    is_campaign = count >= 1_000_000
    with serving(directory / "q", urls[0]) as quiet, serving(directory / "f", urls[1]) as full:
        fill(full.url, full.world, count, ENDED)
        if is_campaign and full.url.startswith("postgresql"):
            run(full.url, "vacuum analyze grants")
        works = [(each, Mixed(each.world)) for each in (quiet, full)]
        samples: list[list[Sample]] = [[], []]
        for _ in range(6 if is_campaign else 2):
            for index, (each, work) in enumerate(works):
                samples[index].append(drive([each.server.port], work, CONNECTIONS, 5.0 if is_campaign else 1.0, 0.3))
        before, after = (Sample.joined(own) for own in samples)
        left = full.ended
    assert before.errors == after.errors == 0
    assert left < count, "new grants clear away old ones"
    ratio = after.quantile_ms(0.99) / before.quantile_ms(0.99)
    print(
        f"\n{full.url.partition(':')[0]}, {count - left:,} of {count:,} ended grants cleared away: p99"
        f" {after.quantile_ms(0.99):.1f} ms beside {before.quantile_ms(0.99):.1f} ms, {ratio:.2f} times;"
        f" p50 {after.quantile_ms(0.5):.1f} ms beside {before.quantile_ms(0.5):.1f} ms;"
        f" {after.rate:.0f} requests/s beside {before.rate:.0f}"
    )
    # A short look is no measurement.
    assert ratio <= 1.2 or not is_campaign
