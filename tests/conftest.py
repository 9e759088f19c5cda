"""Options of the whole suite."""

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--crash-cycles", type=int, default=50, help="how often the server is killed under load (50)")
    parser.addoption("--feed-entries", type=int, default=5000, help="how full the feed is in tests/bench (5000)")
    parser.addoption("--expired", type=int, default=20_000, help="grants that are over in tests/scale (20000)")
    parser.addoption("--scale", type=int, default=1, help="how many times the usual load tests/scale puts on (1)")
    parser.addoption(
        "--contested", type=int, default=2000, help="codes, and refresh tokens, that three nodes fight for"
    )
    parser.addoption("--screenshots", metavar="DIR", type=Path, help="where tests/pages leaves pictures of every page")
