"""Options of the whole suite."""

import itertools
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from gatepost import jose

RSA_KEYS = 24


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--crash-cycles", type=int, default=50, help="how often the server is killed under load (50)")
    parser.addoption("--feed-entries", type=int, default=5000, help="how full the feed is in tests/bench (5000)")
    parser.addoption("--expired", type=int, default=20_000, help="grants that are over in tests/scale (20000)")
    parser.addoption("--grown", type=int, default=20_000, help="grants there are at an upgrade in tests/scale (20000)")
    parser.addoption("--scale", type=int, default=1, help="how many times the usual load tests/scale puts on (1)")
    parser.addoption(
        "--contested", type=int, default=2000, help="codes, and refresh tokens, that three nodes fight for"
    )
    parser.addoption(
        "--containers", metavar="DIR", type=Path, help="run in containers what deploy/ ships; DIR keeps their images"
    )
    parser.addoption("--apps", type=int, default=500, help="apps of a crowded organization in tests/scale (500)")
    parser.addoption("--screenshots", metavar="DIR", type=Path, help="where tests/pages leaves pictures of every page")


@pytest.fixture(scope="session", autouse=True)
def rsa_keys_go_round() -> Iterator[None]:
    """RSA keys take 40 ms to make, and every world wants two: worlds of one process take them in turn from two dozen."""
    turn = itertools.cycle(range(RSA_KEYS))
    fresh = jose.MAKERS[jose.RS256]

    @cache
    def made(_number: int) -> jose.PrivateKey:
        return fresh()

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(jose.MAKERS, jose.RS256, lambda: made(next(turn)))
        yield
