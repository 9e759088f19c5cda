"""Usage as people ask for it: over a day, a week, a month; per app; and how long the token endpoint takes."""

from collections import Counter
from typing import NamedTuple

from gatepost.errors import GatepostError
from gatepost.flows.counting import USES, time_of, took
from gatepost.flows.instance import Instance
from gatepost.flows.roles import Actor, Deed
from gatepost.store.question import INSTANCE
from gatepost.store.usage import ALL, DAY, HOUR, KEPT, MINUTE, Point, Share, list_used_apps, usage_series, usage_sums

_STEPS = (MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 6 * HOUR, DAY, 3 * DAY)

POINTS = 32
"""How many points a series has at most: what a chart can show."""


class Period(NamedTuple):
    """From when until when, in steps of which width, read from rows of which width; in seconds."""

    since: int
    until: int
    step: int
    width: int

    @property
    def starts(self) -> range:
        """Where each step begins."""
        return range(self.since, self.until, self.step)


class Latency(NamedTuple):
    """How long requests took, in seconds: half of them, and all but one in twenty, took at most so long."""

    requests: int
    p50: float
    p95: float


def period_of(length: int, now: int) -> Period:
    """The last `length` seconds, to the end of the step that is under way. Raises `invalid_request` for more than is kept."""
    if not MINUTE <= length <= KEPT[DAY]:
        days = KEPT[DAY] // DAY
        raise GatepostError("invalid_request", f"Usage is known for the last minute to the last {days} days.")
    step = next(each for each in _STEPS if length <= POINTS * each)
    width = max(each for each in KEPT if step % each == 0)
    until = now - now % step + step
    return Period(until - -(-length // step) * step, until, step, width)


async def usage_of(
    instance: Instance, org: bytes, period: Period, actor: Actor, client_id: str | None = None
) -> list[Point]:
    """What happened in an organization, or to one app of it, in order of time. A step in which nothing did is left out.

    Raises as `Actor.check` does.
    """
    actor.check(Deed.ORG_READ, org)
    return await instance.store.read(
        usage_series(org, USES, period.width, period.since, period.until, period.step, client_id or ALL)
    )


async def usage_of_apps(
    instance: Instance, org: bytes, period: Period, actor: Actor, after: str | None, limit: int
) -> dict[str, list[Share]]:
    """What apps have of an organization's usage: up to `limit` of them, in the order of their client_ids, behind one of them.

    What is of no app comes first, under no name. Raises as `Actor.check` does.
    """
    actor.check(Deed.ORG_READ, org)
    used = await instance.store.read(list_used_apps(org, period.since, after or "", limit))
    apps = tuple(used) if after is not None else ("", *used)[:limit]
    shares: dict[str, list[Share]] = {client_id: [] for client_id in apps}
    for share in await instance.store.read(usage_sums(org, USES, period.since, apps)) if apps else ():
        shares[share.client_id].append(share)
    return shares


async def latency_of(instance: Instance, route: str, period: Period) -> Latency | None:
    """How long a route took on all nodes; None when nobody asked. Each figure is at most a fifth too high."""
    sums = await instance.store.read(usage_sums(INSTANCE, (took(route),), period.since))
    times = Counter({time_of(each.name): each.times for each in sums})
    if not times:
        return None
    return Latency(times.total(), _quantile(times, 0.5), _quantile(times, 0.95))


def _quantile(times: Counter[float], share: float) -> float:
    """The least time that this share of all is not above."""
    seen = 0
    for seconds, count in sorted(times.items()):
        seen += count
        if seen >= share * times.total():
            return seconds
    return 0.0
