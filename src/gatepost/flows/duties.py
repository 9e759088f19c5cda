"""What a server does beside answering: sending, counting, each in a loop of its own for as long as it runs."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

Duty: TypeAlias = Callable[[], Coroutine[Any, Any, None]]

_log = logging.getLogger(__name__)

AGAIN_SECONDS = 5
"""How long a loop that failed rests before it begins anew."""


class Duties:
    """Loops that run side by side. One that fails is logged and begins anew, and takes none of the others with it."""

    def __init__(self, *duties: Duty) -> None:
        self._duties = duties

    async def run(self) -> None:
        """Run all of them until cancelled; then let each end in its own way."""
        tasks = [asyncio.create_task(_guarded(duty)) for duty in self._duties]
        try:
            await asyncio.wait(tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


async def _guarded(duty: Duty) -> None:
    """Run a duty to its end. A fault that nobody foresaw must not keep mails and webhooks back until a restart."""
    while True:
        try:
            await duty()
            return
        except Exception:
            _log.exception("A duty beside the requests failed, and begins anew")
        await asyncio.sleep(AGAIN_SECONDS)
