"""The worlds that wire tests live in. Each ends with a look for secrets where none may be."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from .browser import Browser, give_password
from .canary import Canary
from .door import Door
from .world import ISSUER, World

OpenWorld = Callable[..., Awaitable[World]]


@pytest.fixture
def canary() -> Iterator[Canary]:
    """Watches secrets through one test, and listens to the whole log."""
    watching = Canary()
    root = logging.getLogger()
    level = root.level
    root.addHandler(watching)
    root.setLevel(logging.DEBUG)
    yield watching
    root.removeHandler(watching)
    root.setLevel(level)


@pytest.fixture
async def open_world(tmp_path: Path, canary: Canary) -> AsyncIterator[OpenWorld]:
    """Opens a world with settings of a test's own, by their dotted names."""
    opened: list[World] = []

    async def open_one(overrides: dict[str, str] | None = None, *, issuer: str = ISSUER) -> World:
        opened.append(World(tmp_path / f"world-{len(opened)}", canary, issuer, overrides or {}))
        return await opened[-1].populate()

    yield open_one
    for world in opened:
        await world.close()


@pytest.fixture
async def world(open_world: OpenWorld) -> World:
    return await open_world()


@pytest.fixture
async def door(world: World) -> AsyncIterator[Door]:
    """The world's application behind real sockets."""
    opened = await Door(world.app).open()
    yield opened
    await opened.close()


@pytest.fixture
async def browser(world: World) -> Browser:
    """Where nobody is signed in yet. Ann and Bob have the password that `sign_in` types."""
    await give_password(world, world.acme.ann)
    await give_password(world, world.acme.bob)
    return Browser(world)
