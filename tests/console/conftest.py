"""The worlds of the wire tests, with people of every role in them."""

import pytest

from wire.conftest import canary, open_world, world
from wire.world import World

from .office import Office

__all__ = ["canary", "office", "open_world", "world"]


@pytest.fixture
async def office(world: World) -> Office:
    """Acme's console, with somebody of each role who may come in."""
    return await Office(world).populate()
