"""Events as an operator asks for them: the newest, all of them, and those that come while one watches."""

import asyncio
import difflib
import heapq
from collections.abc import AsyncIterator
from functools import partial
from typing import NamedTuple

from gatepost.errors import GatepostError
from gatepost.flows.event_words import SENTENCES
from gatepost.flows.instance import Instance
from gatepost.flows.missing import get_by_id
from gatepost.flows.organizations import every_org
from gatepost.flows.owned_apps import check_apps
from gatepost.flows.roles import Actor, Deed
from gatepost.records import Event
from gatepost.secrets import first_id_at
from gatepost.store.events import find_event, list_events
from gatepost.store.question import INSTANCE

PAGE = 1000
POLL_SECONDS = 0.5

LOOK_BACK = 10
"""Seconds that are read again at each look: an event is committed a little after its id was made, somewhere else perhaps
by a clock that is behind."""


class Filter(NamedTuple):
    """What events must match. The fields are `list_events`'s, which says what they mean."""

    client_id: str | None = None
    user_id: bytes | None = None
    type: str | None = None
    result: str | None = None
    since: int | None = None
    until: int | None = None


class Told(NamedTuple):
    """An event and the organization it happened in; INSTANCE for what belongs to none."""

    org: bytes
    event: Event


def check_type(text: str) -> str:
    """A type of event, or a family of them such as `grant`. Raises `invalid_request`."""
    families = {type.partition(".")[0] for type in SENTENCES}
    if text in SENTENCES or text in families:
        return text
    near = difflib.get_close_matches(text, [*SENTENCES, *sorted(families)], 1, 0.7)
    hint = f"did you mean {near[0]}?" if near else f"the families are {', '.join(sorted(families))}"
    raise GatepostError("invalid_request", f"There is no event type {text}; {hint}", field="type")


async def newest_events(instance: Instance, org: bytes | None, filter: Filter, limit: int) -> list[Told]:
    """The newest `limit` events that match, newest last: of one organization, of the instance, or of all (None)."""
    newest: list[Told] = []
    for place in await _places(instance, org):
        page = await instance.store.read(list_events(place, limit, newest_first=True, **filter._asdict()))
        newest = heapq.nlargest(limit, [*newest, *(Told(place, event) for event in page)], key=_order)
    return newest[::-1]


async def events_of(
    instance: Instance, org: bytes, actor: Actor, filter: Filter, before: bytes | None, limit: int
) -> list[Event]:
    """Up to `limit` events of an organization that match, the newest first, before the id `before`.

    A developer names one of their own apps. Raises as `Actor.check` does.
    """
    await check_apps(instance, actor, Deed.EVENTS_READ, org, filter.client_id)
    question = list_events(org, limit, before=before, newest_first=True, **filter._asdict())
    return await instance.store.read(question)


async def event_of(instance: Instance, org: bytes, text: str, actor: Actor) -> Event:
    """One event of an organization. Raises `not_found`, and as `Actor.check` does."""
    actor.check_own(Deed.EVENTS_READ, org)
    event = await get_by_id(instance.store, partial(find_event, org), "evt", text)
    await check_apps(instance, actor, Deed.EVENTS_READ, org, event.client_id)
    return event


async def each_event(instance: Instance, org: bytes | None, filter: Filter) -> AsyncIterator[Told]:
    """Every event that matches, the instance's first, then organization by organization; each in order of time.

    Read page by page, so it takes the same memory however many there are.
    """
    for place in await _places(instance, org):
        async for event in _from(instance, place, filter, b""):
            yield Told(place, event)


async def tail_events(instance: Instance, org: bytes | None, filter: Filter, limit: int) -> AsyncIterator[Told]:
    """The newest `limit` events, then those that happen, without end. An organization made meanwhile is seen too."""
    seen = {told.event.id for told in await _recent(instance, org, filter)}
    newest = await newest_events(instance, org, filter, limit)
    for told in newest:
        yield told
    seen |= {told.event.id for told in newest}
    while True:
        recent = await _recent(instance, org, filter)
        for told in recent:
            if told.event.id not in seen:
                yield told
        seen = {told.event.id for told in recent}
        await asyncio.sleep(POLL_SECONDS)


async def _recent(instance: Instance, org: bytes | None, filter: Filter) -> list[Told]:
    """The matching events of the last seconds, in order of time."""
    floor = first_id_at(instance.clock() - LOOK_BACK)
    places = await _places(instance, org)
    return sorted(
        [Told(place, event) for place in places async for event in _from(instance, place, filter, floor)], key=_order
    )


async def _places(instance: Instance, org: bytes | None) -> list[bytes]:
    return [INSTANCE, *(each.id for each in await every_org(instance))] if org is None else [org]


async def _from(instance: Instance, org: bytes, filter: Filter, after: bytes) -> AsyncIterator[Event]:
    while page := await instance.store.read(list_events(org, PAGE, after=after, **filter._asdict())):
        for event in page:
            yield event
        after = page[-1].id


def _order(told: Told) -> bytes:
    return told.event.id
