"""Events as sentences for people: with e-mails and the names of apps in place of ids."""

import re
from typing import NamedTuple

from gatepost.flows.event_words import render_sentence
from gatepost.flows.instance import Instance
from gatepost.records import Event
from gatepost.secrets import parse_id, render_id
from gatepost.store.apps import find_app
from gatepost.store.people import find_member

_LONG_ID = re.compile(r"\b([a-z]{3}_)[0-9a-f]{24}([0-9a-f]{8})\b")
"""In a sentence the end of an id is enough; the whole of it is in the event."""


class Told(NamedTuple):
    """An event, its id and its sentence."""

    id: str
    event: Event
    sentence: str


async def tell_events(instance: Instance, org: bytes, events: list[Event]) -> list[Told]:
    """The events, each with a sentence in which people and apps of the organization have their names."""
    names: dict[str, str] = {}
    told = []
    for event in events:
        for text in (event.actor, event.user_id and render_id("usr", event.user_id), event.client_id):
            if text and text not in names:
                names[text] = await _name(instance, org, text)
        sentence = render_sentence(event)
        for text in sorted(names, key=len, reverse=True):
            if names[text] != text and text in sentence:
                sentence = sentence.replace(text, names[text])
        told.append(Told(render_id("evt", event.id), event, _LONG_ID.sub(r"\1…\2", sentence)))
    return told


async def _name(instance: Instance, org: bytes, text: str) -> str:
    user = parse_id("usr", text)
    if user:
        member = await instance.store.read(find_member(org, user))
        return member.email if member else text
    app = await instance.store.read(find_app(org, text))
    return f"“{app.name}”" if app else text
