"""Events as sentences for people: with e-mails and the names of apps and API keys in place of ids, in the reader's language."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from gatepost.flows.event_words import A_KEY, ACTORS, AN_APP, OTHER, SENTENCES, THE_ORG, UNKNOWN
from gatepost.flows.instance import Instance
from gatepost.flows.sealed_apps import open_app
from gatepost.records import Event
from gatepost.secrets import Keyring, parse_id, render_id
from gatepost.store.browsing import find_names

_APP = "app:"
"""What stands before the client_id of an app that acted."""

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
    actors = {event.actor for event in events}
    apps = {event.client_id for event in events} | {actor.removeprefix(_APP) for actor in actors if _APP in actor}
    users = {event.user_id for event in events} | {parse_id("usr", actor) for actor in actors}
    keys = {parse_id("key", actor) for actor in actors}
    ids = (sorted(each for each in some if each) for some in (users, keys))
    known = await instance.store.read(find_names(org, sorted(each for each in apps if each), *ids))
    return [_tell(_Names(instance.keyring, known), event) for event in events]


def _tell(names: "_Names", event: Event) -> Told:
    detail: dict[str, Any] = orjson.loads(event.detail)
    known = {
        "type": event.type,
        "actor": names.actor(event.actor),
        "app": names.app(event.client_id) if event.client_id else UNKNOWN,
        "user": names.user(event.user_id) if event.user_id else Phrase(THE_ORG, {}),
        "grant": _short(render_id("gnt", event.grant_id)) if event.grant_id else UNKNOWN,
    }
    text = SENTENCES.get(event.type, OTHER)
    words = {name: known.get(name) or _short(str(detail.get(name, UNKNOWN))) for name in _PLACE.findall(text)}
    return Told(render_id("evt", event.id), event, Phrase(text, words), detail.get("left_out_before", 0))


class _Names:
    """What people call what events name by its id."""

    def __init__(self, keyring: Keyring, known: Mapping[str | bytes, str]) -> None:
        self._keyring = keyring
        self._known = known

    def actor(self, actor: str) -> str | Phrase:
        if actor in ACTORS:
            return Phrase(ACTORS[actor], {})
        if actor.startswith(_APP):
            return Phrase(AN_APP, {"app": self.app(actor.removeprefix(_APP))})
        key, user = parse_id("key", actor), parse_id("usr", actor)
        if key:
            return Phrase(A_KEY, {"key": self._quoted(key, actor)})
        return self.user(user) if user else actor

    def app(self, client_id: str) -> str:
        sealed = open_app(self._keyring, client_id)
        return f"“{sealed.newcomer[0].name}”" if sealed else self._quoted(client_id, client_id)

    def user(self, user: bytes) -> str:
        return self._known.get(user) or _short(render_id("usr", user))

    def _quoted(self, id: str | bytes, text: str) -> str:
        name = self._known.get(id)
        return f"“{name}”" if name else _short(text)


def _short(text: str) -> str:
    is_id = parse_id(text[: _PREFIX - 1], text) is not None
    return f"{text[:_PREFIX]}…{text[-_END:]}" if is_id else text
