"""Counting what happens, in memory: a request costs one step of a number in a table, and no write.

Every few seconds the process adds what it counted to the rows of `store.usage`, all of it at once; at the end the rest. A
process that is killed loses the counts of a few seconds. So they are figures for charts, never for what somebody may do.
"""

import asyncio
import logging
import math
from collections import Counter
from collections.abc import Callable

from gatepost.errors import StoreUnavailableError
from gatepost.store.question import INSTANCE, Store
from gatepost.store.usage import ALL, ROWS, Count, add_usage

ISSUED = "issued"
"""Tokens, by the grant type that they came of."""
REFUSED = "refused"
"""Refusals, by their code."""
PASSED = "passed"
"""Tokens that were looked at and found good, by the route that looked."""
USES = (ISSUED, REFUSED, PASSED)
"""All that organizations and apps have counts of."""

FLUSH_SECONDS = 10

_PER_OCTAVE = 4
"""How finely times are told apart: each is at most a fifth longer than the one before."""

_log = logging.getLogger(__name__)


class Counts:
    """What this process has counted and not yet written."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        self._counts: Counter[tuple[bytes, str, str, str]] = Counter()
        self._times: Counter[tuple[str, int]] = Counter()
        self._unwritten: Counter[tuple[bytes, str, str, str]] = Counter()
        self._totals: Counter[tuple[str, str]] = Counter()

    def count(self, org: bytes, client_id: str, kind: str, name: str) -> None:
        """Count one; `name` is one of the few that there are of its kind."""
        self._counts[org, client_id, kind, name] += 1

    def time(self, route: str, seconds: float) -> None:
        """Count one request of a route that took so long."""
        self._times[route, math.ceil(_PER_OCTAVE * math.log2(seconds * 1e6)) if seconds > 1e-6 else 0] += 1

    def totals(self) -> Counter[tuple[str, str]]:
        """How often everything was counted since the process began, by kind and name: whoever's it was."""
        self._sum_up()
        return self._totals

    async def run(self) -> None:
        """Write every few seconds, on the clock's own tens, until cancelled; then write the rest."""
        try:
            while True:
                await asyncio.sleep(FLUSH_SECONDS - self._clock() % FLUSH_SECONDS)
                await self.flush()
        finally:
            await self.flush()

    async def flush(self) -> None:
        """Add what was counted to the store's rows. What cannot be written now is kept for the next time."""
        self._sum_up()
        counted, self._unwritten = self._unwritten, Counter()
        counts = [Count(*key, times) for key, times in counted.items()]
        # What was counted lies behind us: on the full minute it belongs to the one before.
        at = self._clock() - 1
        for start in range(0, len(counts), ROWS):
            some = counts[start : start + ROWS]
            try:
                await self._store.ask(add_usage(tuple(some), at))
            except StoreUnavailableError as fault:
                self._unwritten.update({each[:-1]: each.times for each in some})
                _log.warning("usage cannot be written", extra={"detail": fault.detail})

    def _sum_up(self) -> None:
        """Count what was counted since the last time into what an organization has in all, and what the process has.

        The sums are rows by themselves: added up with what is written, all nodes would wait for them, once for every few apps.
        """
        counted, self._counts = self._counts, Counter()
        timed, self._times = self._times, Counter()
        self._unwritten.update(counted)
        for (route, step), times in timed.items():
            self._unwritten[INSTANCE, ALL, took(route), str(step)] += times
        for (org, client_id, kind, name), times in counted.items():
            if client_id != ALL:
                self._unwritten[org, ALL, kind, name] += times
                self._totals[kind, name] += times


def took(route: str) -> str:
    """The kind of the counts of a route's requests, by how long they took: see `time_of`."""
    return f"took {route}"


def time_of(name: str) -> float:
    """The most seconds that a count of this name speaks of, where requests are counted by how long they took."""
    return 2 ** (int(name) / _PER_OCTAVE) / 1e6
