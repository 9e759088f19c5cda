"""Refusing what is not there, with a word on what was given in its place."""

from gatepost.errors import GatepostError
from gatepost.secrets import parse_id

_THINGS = {
    "org": "an organization",
    "key": "an API key",
    "app": "an app",
    "usr": "a person",
    "gnt": "a grant",
    "sec": "an app's secret",
    "evt": "an event",
    "whk": "a webhook",
    "req": "a request for an app",
}
"""What an id names, by its prefix."""


def missing(what: str, text: str, *, prefix: str, fix: str, where: str = "") -> GatepostError:
    """`not_found` for a thing of this kind; when the text is the id of another kind of thing, it says so."""
    given = text.partition("_")[0]
    is_other = given in _THINGS and given != prefix and parse_id(given, text) is not None
    hint = f" That is the id of {_THINGS[given]}." if is_other else ""
    return GatepostError("not_found", f"There is no {what} {text or 'without a name'}{where}.{hint}", fix=fix)
