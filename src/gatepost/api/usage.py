"""How much an organization and its apps were used."""

from datetime import UTC, datetime

from gatepost.api import asks
from gatepost.api.call import Call
from gatepost.api.documents import Page, Share, Usage, UsagePoint
from gatepost.flows.usage import period_of, usage_of, usage_of_apps


async def show(call: Call, ask: asks.UsageChoice) -> Usage:
    """Show how much was issued, refused and checked, over time."""
    period = period_of(ask.seconds, call.actor.act.at)
    points = await usage_of(call.instance, call.org, period, call.actor, ask.app)
    return Usage(
        since=datetime.fromtimestamp(period.since, UTC),
        until=datetime.fromtimestamp(period.until, UTC),
        step=period.step,
        points=[UsagePoint(datetime.fromtimestamp(at, UTC), kind, name, times) for at, kind, name, times in points],
    )


async def list_shares(call: Call, ask: asks.ShareListing) -> Page[Share]:
    """List what each app has of the usage."""
    period = period_of(ask.seconds, call.actor.act.at)
    place = call.position(ask.after)
    after = place[1:].decode() if place else None
    found = await usage_of_apps(call.instance, call.org, period, call.actor, after, ask.limit + 1)
    # With a sign before it, as what is of no app has no name.
    page = call.page(list(found.items()), ask.limit, lambda app: app[1], lambda app: b"=" + app[0].encode())
    return Page([Share(*share) for shares in page.items for share in shares], page.next)
