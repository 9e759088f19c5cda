"""What was looked up of policy (keys, apps, redirect URIs), kept until any policy changes.

Every administrative act moves the instance's policy version in its own transaction. Reading that one number costs less than
looking the facts up again, and what is kept is never a moment older than what is stored.
"""

from typing import Any

from gatepost.store.events import policy_version
from gatepost.store.question import Store

KEPT = 10_000

_VERSION = policy_version()


class Policy:
    """The facts of policy that were looked up since it last changed. Bounded: when full, it starts afresh."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._version = -1
        self._facts: dict[Any, Any] = {}

    async def facts(self) -> dict[Any, Any]:
        """The facts that hold now: API keys by their texts, as callers send them, and everything else by tuples that say what."""
        version = await self._store.recent(_VERSION)
        if version != self._version or len(self._facts) > KEPT:
            self._version = version
            self._facts = {}
        return self._facts

    @property
    def known(self) -> dict[Any, Any]:
        """The facts as of the last look: for what follows in a request that has looked already."""
        return self._facts
