"""The options of `org edit` that say what an organization chooses for itself, and how its settings are shown."""

import argparse
from typing import Any

from gatepost.cli.options import Parser, duration
from gatepost.oauth.org_settings import LANGUAGES, OrgSettings

NONE = "none"
"""The value that takes a choice back."""

_WORDS = (
    ("--accent", "COLOUR", "the colour of its pages, as in #0f766e"),
    ("--accent-dark", "COLOUR", "the same where pages are dark; without it the nearest shade that can be read there"),
)
_LISTS = (
    ("--languages", '"…"', f"what its pages are offered in, the first for whoever says nothing: {' '.join(LANGUAGES)}"),
    ("--email-domains", '"…"', "where the addresses of those are who may be invited"),
)
_DURATIONS = (
    ("--session-ttl", "how long a sign-in is good for its console and for connecting apps"),
    ("--idle-ttl", "how long a sign-in may rest and still be good there"),
)


def add_settings_options(verb: Parser) -> None:
    """The options, for the verb that changes an organization."""
    for name, metavar, summary in (*_WORDS, *_LISTS):
        verb.add_argument(name, metavar=metavar, help=f"{summary}; {NONE} takes it back")
    for name, summary in _DURATIONS:
        verb.add_argument(name, metavar="DURATION", help=f"{summary}; {NONE} leaves it to the server")
    verb.add_argument(
        "--second-factor",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="let people into its console, and connect apps, only once they signed in with two factors",
    )


def settings_changes(options: argparse.Namespace) -> dict[str, Any]:
    """What was given, by the fields of OrgSettings; `none` is a field's default. Raises `invalid_request`."""
    given: dict[str, Any] = {_field(name): getattr(options, _field(name)) for name, *_ in _WORDS}
    for name, *_ in _LISTS:
        text = getattr(options, _field(name))
        given[_field(name)] = text if text in (None, NONE) else tuple(text.split())
    for name, _ in _DURATIONS:
        text = getattr(options, _field(name))
        given[_field(name)] = text if text == NONE else duration(text, name)
    given["second_factor"] = options.second_factor
    defaults = OrgSettings()
    chosen = {field: value for field, value in given.items() if value is not None}
    return {field: getattr(defaults, field) if value == NONE else value for field, value in chosen.items()}


def _field(option: str) -> str:
    return option.removeprefix("--").replace("-", "_")
