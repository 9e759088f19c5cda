"""Options of the whole suite."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--crash-cycles", type=int, default=50, help="how often the server is killed under load (50)")
    parser.addoption("--scale", type=int, default=1, help="how many times the usual load tests/scale puts on (1)")
