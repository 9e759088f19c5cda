"""Events as sentences for people: with e-mails and the names of apps and API keys in place of ids, in the reader's language."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from gatepost.flows.event_words import A_KEY, ACTORS, AN_APP, OTHER, SENTENCES, THE_ORG, UNKNOWN
from gatepost.flows.instance import Instance
from gatepost.flows.sealed_apps import open_app
from gatepost.records import Event
from gatepost.secrets import parse_id, render_id
from gatepost.store.apps import find_app
from gatepost.store.keys import find_key
from gatepost.store.people import find_member

_PLACE = re.compile(r"%\(([a-z_]+)\)s")
_PREFIX, _END = 4, 8
"""In a sentence the ends of an id are enough; the whole of it is in the event."""


class Phrase(NamedTuple):
    """A text that is translated, and what stands at its places: data, or phrases again."""

    text: str
    words: Mapping[str, "str | Phrase"]


class Told(NamedTuple):
    """An event, its id and its sentence; `left_out` are those like it that were not kept."""

    id: str
    event: Event
    sentence: Phrase
    left_out: int


async def tell_events(instance: Instance, org: bytes, events: list[Event]) -> list[Told]:
    """The events, each with a sentence in which people, apps and API keys of the organization have their names."""
    names = _Names(instance, org)
    return [await _tell(names, event) for event in events]


async def _tell(names: "_Names", event: Event) -> Told:
    detail: dict[str, Any] = orjson.loads(event.detail)
    known = {
        "type": event.type,
        "actor": await names.actor(event.actor),
        "app": await names.app(event.client_id) if event.client_id else UNKNOWN,
        "user": await names.user(event.user_id) if event.user_id else Phrase(THE_ORG, {}),
        "grant": _short(render_id("gnt", event.grant_id)) if event.grant_id else UNKNOWN,
    }
    text = SENTENCES.get(event.type, OTHER)
    words = {name: known.get(name) or _short(str(detail.get(name, UNKNOWN))) for name in _PLACE.findall(text)}
    return Told(render_id("evt", event.id), event, Phrase(text, words), detail.get("left_out_before", 0))


class _Names:
    """What people call what events name by its id; each is looked up once."""

    def __init__(self, instance: Instance, org: bytes) -> None:
        self._read = instance.store.read
        self._keyring = instance.keyring
        self._org = org
        self._known: dict[str | bytes, str] = {}

    async def actor(self, actor: str) -> str | Phrase:
        if actor in ACTORS:
            return Phrase(ACTORS[actor], {})
        if actor.startswith("app:"):
            return Phrase(AN_APP, {"app": await self.app(actor.removeprefix("app:"))})
        key, user = parse_id("key", actor), parse_id("usr", actor)
        if key:
            return Phrase(A_KEY, {"key": await self._key(key)})
        return await self.user(user) if user else actor

    async def app(self, client_id: str) -> str:
        if client_id not in self._known:
            sealed = open_app(self._keyring, client_id)
            app = sealed.newcomer[0] if sealed else await self._read(find_app(self._org, client_id))
            self._known[client_id] = f"“{app.name}”" if app else _short(client_id)
        return self._known[client_id]

    async def user(self, user: bytes) -> str:
        if user not in self._known:
            member = await self._read(find_member(self._org, user))
            self._known[user] = member.email if member else _short(render_id("usr", user))
        return self._known[user]

    async def _key(self, id: bytes) -> str:
        if id not in self._known:
            key = await self._read(find_key(self._org, id))
            self._known[id] = f"“{key.name}”" if key and key.name else _short(render_id("key", id))
        return self._known[id]


def _short(text: str) -> str:
    is_id = parse_id(text[: _PREFIX - 1], text) is not None
    return f"{text[:_PREFIX]}…{text[-_END:]}" if is_id else text
