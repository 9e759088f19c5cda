"""Waiting for what is about to happen, however busy the machine is."""

import asyncio
from collections.abc import Awaitable, Callable

PATIENCE = 20
"""Seconds that a busy machine may take for what is done in a moment on an idle one."""


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Come back as soon as the condition holds."""
    async with asyncio.timeout(PATIENCE):
        while not await holds():  # noqa: ASYNC110  # it may come true anywhere, with nothing that tells
            await asyncio.sleep(0.005)
