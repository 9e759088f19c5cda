"""One development server for each test that asks for it, on data of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from servers import Server, running


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running("dev", tmp_path / "data") as server:
        yield server
