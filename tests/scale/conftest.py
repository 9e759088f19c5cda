"""Three nodes on one database, shared by the tests of a file that leave them as they found them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import postgres
from servers import Server

from .nodes import Instance, World


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Instance:
    return Instance(tmp_path_factory.mktemp("instance"), postgres.databases().new())


@pytest.fixture(scope="module")
def nodes(instance: Instance) -> Iterator[list[Server]]:
    with instance.serve(3) as nodes:
        yield nodes


@pytest.fixture(scope="module")
def world(instance: Instance, nodes: list[Server]) -> World:
    """Made after the nodes: that they start at once on an empty database is a test of its own."""
    return instance.populate()


@pytest.fixture
def scale(request: pytest.FixtureRequest) -> int:
    """How many times the usual load: by option."""
    times: int = request.config.getoption("--scale")
    return times


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path
