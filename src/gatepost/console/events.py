"""Events: sentences, the JSON behind each, filters in the URL, exports, and a list that keeps itself fresh."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from typing import Any

import orjson

from gatepost.console.app import show_app
from gatepost.console.desk import Desk
from gatepost.console.lists import LIMIT, Ask, download, each_row, export, listing, read_ask
from gatepost.console.sentences import Told, tell_events
from gatepost.flows.browsing import browse_events, find_member_by
from gatepost.flows.event_words import FIELDS, SENTENCES, render_event
from gatepost.flows.events import event_of
from gatepost.flows.instance import Instance
from gatepost.flows.owned_apps import app_of
from gatepost.records import Event
from gatepost.store.browsing import Page
from gatepost.web.message import Reply

FILTERS = ("app", "user", "type", "result", "since")
HOURS = {"1h": 1, "24h": 24, "7d": 168, "30d": 720}
FAMILIES = tuple(dict.fromkeys(type.partition(".")[0] for type in SENTENCES))


class Events:
    """The handlers of events."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def page(self, desk: Desk) -> Reply:
        ask = read_ask(desk, FILTERS)
        page = await self._browse(desk, ask.filters, ask.cursor, LIMIT)
        return desk.show(
            "events.html",
            section="events",
            cli=desk.cli("events", "list", *_options(ask)),
            list=listing(desk, ask, await self._told(desk, page)),
            families=FAMILIES,
            spans=tuple(HOURS),
            is_live="live" in desk.query and not ask.after,
            now=self._instance.clock(),
        )

    async def of_app(self, desk: Desk) -> Reply:
        """The same, as a tab of an app."""
        app = await app_of(self._instance, desk.org.id, desk.names["app"], desk.actor)
        ask = read_ask(desk, ())
        page = await self._browse(desk, {"app": app.client_id}, ask.cursor, LIMIT)
        return show_app(
            self._instance,
            desk,
            app,
            "events",
            "app_events.html",
            cli=desk.cli("events", "list", "--app", app.client_id),
            list=listing(desk, ask, await self._told(desk, page)),
        )

    async def one(self, desk: Desk) -> Reply:
        """One event: the sentence, and the whole of it."""
        event = await event_of(self._instance, desk.org.id, desk.names["event"], desk.actor)
        (told,) = await tell_events(self._instance, desk.org.id, [event])
        document = render_event(desk.org.id, event)
        return desk.show(
            "event.html",
            section="events",
            cli=desk.cli("events", "show", desk.names["event"]),
            told=told,
            facts=list(_facts(document["detail"])),
            document=orjson.dumps(document, option=orjson.OPT_INDENT_2).decode(),
            now=self._instance.clock(),
        )

    async def export_csv(self, desk: Desk) -> Reply:
        """All that match, for a spreadsheet."""

        def row(event: Event) -> tuple[str | None, ...]:
            document = render_event(desk.org.id, event)
            return tuple(_flat(document[name]) for name in FIELDS)

        return await export("events.csv", FIELDS, self._reader(desk), row)

    async def export_json(self, desk: Desk) -> Reply:
        """All that match, one document a line; refused, if it is, before anything of it is sent."""
        read = self._reader(desk)
        await read(None, 1)

        async def lines() -> AsyncIterator[bytes]:
            async for event in each_row(read):
                yield orjson.dumps(render_event(desk.org.id, event)) + b"\n"

        return download("events.jsonl", b"application/jsonl", lines())

    def _reader(self, desk: Desk) -> Callable[[Any, int], Awaitable[Page[Event]]]:
        return partial(self._browse, desk, read_ask(desk, FILTERS).filters)

    async def _told(self, desk: Desk, page: Page[Event]) -> Page[Told]:
        return Page(await tell_events(self._instance, desk.org.id, page.rows), page.next, page.is_cut)

    async def _browse(self, desk: Desk, filters: dict[str, str], cursor: Any, limit: int) -> Page[Event]:
        user = filters.get("user", "")
        member = await find_member_by(self._instance, desk.org.id, user) if user else None
        if user and member is None:
            return Page([], None)
        hours = HOURS.get(filters.get("since", ""))
        return await browse_events(
            self._instance,
            desk.actor,
            desk.org.id,
            cursor,
            limit,
            client_id=filters.get("app") or None,
            user_id=member.id if member else None,
            type=filters.get("type") or None,
            result=filters.get("result") or None,
            since=self._instance.clock() - hours * 3600 if hours else None,
        )


def _options(ask: Ask) -> tuple[str, ...]:
    return tuple(word for name, value in ask.filters.items() for word in (f"--{name}", value))


def _facts(detail: dict[str, Any]) -> Iterator[tuple[str, str | int]]:
    """What of an event's detail fits on a line, each value of a list on its own."""
    for name, value in detail.items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str | int):
                yield name, each


def _flat(value: Any) -> str | None:
    return orjson.dumps(value).decode() if isinstance(value, dict) else value
