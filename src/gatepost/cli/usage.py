"""How much was issued, refused and checked. Counted to the minute by each server and written every ten seconds."""

import argparse
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from typing import Any, NamedTuple

from gatepost.cli.options import Parser, duration, named, wants_json
from gatepost.cli.output import instant, render_table, say, show
from gatepost.cli.running import run_verb
from gatepost.errors import GatepostError
from gatepost.flows.counting import ISSUED, REFUSED, USES
from gatepost.flows.instance import Instance
from gatepost.flows.organizations import every_org, get_org
from gatepost.flows.roles import Actor
from gatepost.flows.usage import Latency, Period, latency_of, period_of, usage_of, usage_of_apps
from gatepost.store.orgs import find_owner
from gatepost.store.question import INSTANCE
from gatepost.store.usage import Point, Share

TOKEN = "/token"

APPS = 100
"""How many are asked for at a time."""


class _Found(NamedTuple):
    period: Period
    points: list[Point]
    shares: list[Share]
    latency: Latency | None


def add_arguments(parser: Parser) -> None:
    parser.add_argument("--org", metavar="ORG", type=named, help="of this organization, by id or name (of all)")
    parser.add_argument("--app", metavar="CLIENT_ID", type=named, help="of this app")
    parser.add_argument("--since", metavar="DURATION", default="24h", help="up to 90d back (24h)")
    parser.add_argument("--by", choices=("time", "grant", "reason", "app"), default="time", help="(time)")
    parser.epilog = "example:\n  gatepost usage --org Acme --since 7d --by reason"
    parser.set_defaults(verb=_usage)


def _usage(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> _Found:
        period = period_of(duration(options.since, "--since") or 0, actor.act.at)
        points: list[Point] = []
        shares: list[Share] = []
        for org in await _places(instance, options):
            points += await usage_of(instance, org, period, actor, options.app)
            shares += [each async for each in _shares(instance, org, period, actor)] if options.by == "app" else []
        return _Found(period, points, shares, await latency_of(instance, TOKEN, period))

    found = run_verb(options, verb)
    rows = _ROWS[options.by](found, options.app)
    document = {
        "since": instant(found.period.since),
        "until": instant(found.period.until),
        "step": found.period.step,
        "by": options.by,
        "rows": rows,
        "token_ms": _milliseconds(found.latency),
    }
    show(wants_json(options), document, render_table(rows) if rows else "Nothing was counted.")
    if found.latency and not wants_json(options):
        say("{route} took {p50} ms, one in twenty over {p95} ms.".format(route=TOKEN, **document["token_ms"]))
    return 0


async def _shares(instance: Instance, org: bytes, period: Period, actor: Actor) -> AsyncIterator[Share]:
    """What each app of an organization has, a few apps at a time."""
    after = None
    while found := await usage_of_apps(instance, org, period, actor, after, APPS):
        for shares in found.values():
            for share in shares:
                yield share
        after = list(found)[-1]


async def _places(instance: Instance, options: argparse.Namespace) -> list[bytes]:
    """The organizations that the options name. Raises `not_found`."""
    if options.org:
        return [(await get_org(instance, options.org)).id]
    if options.app and await instance.store.read(find_owner("client_id", options.app)) is None:
        raise GatepostError("not_found", f"There never was an app {options.app}.", fix="gatepost app list")
    return [INSTANCE, *(org.id for org in await every_org(instance))]


def _by_time(found: _Found, _: str | None) -> list[dict[str, Any]]:
    times = Counter[tuple[int, str]]()
    for point in found.points:
        times[point.at, point.kind] += point.times
    return [{"at": instant(at), **{kind: times[at, kind] for kind in USES}} for at in found.period.starts]


def _by_name(kind: str, points: Iterable[Point]) -> list[dict[str, Any]]:
    times = Counter[str]()
    for point in points:
        if point.kind == kind:
            times[point.name] += point.times
    return [{"name": name, "times": count} for name, count in times.most_common()]


def _by_app(found: _Found, client_id: str | None) -> list[dict[str, Any]]:
    times: dict[str, Counter[str]] = {}
    for share in found.shares:
        if share.client_id == (client_id or share.client_id):
            times.setdefault(share.client_id, Counter())[share.kind] += share.times
    return [{"client_id": app, **{kind: count[kind] for kind in USES}} for app, count in sorted(times.items())]


_ROWS = {
    "time": _by_time,
    "grant": lambda found, _: _by_name(ISSUED, found.points),
    "reason": lambda found, _: _by_name(REFUSED, found.points),
    "app": _by_app,
}


def _milliseconds(latency: Latency | None) -> dict[str, Any] | None:
    if latency is None:
        return None
    p50, p95 = round(latency.p50 * 1000, 2), round(latency.p95 * 1000, 2)
    return {"requests": latency.requests, "p50": p50, "p95": p95}
