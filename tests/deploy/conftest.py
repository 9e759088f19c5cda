"""Containers are run by option alone: they need root, podman, some minutes and 3 GB of disk."""

from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return (collection_path.name == "test_containers.py" and not config.getoption("--containers")) or None
