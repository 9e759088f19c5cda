"""Looking up what somebody named by its id, and refusing what is not there with a word on what was given in its place."""

from collections.abc import Callable
from typing import NamedTuple

from gatepost.errors import GatepostError
from gatepost.secrets import parse_id
from gatepost.store.question import Question, Store, T


class _Thing(NamedTuple):
    """What an id names: by itself, with its article, and the command that lists such things."""

    name: str
    one: str
    listed_by: str


_THINGS = {
    "org": _Thing("organization", "an organization", "gatepost org list"),
    "key": _Thing("API key", "an API key", "gatepost key list"),
    "app": _Thing("app", "an app", "gatepost app list"),
    "usr": _Thing("person", "a person", "gatepost user list --org ORG"),
    "gnt": _Thing("grant", "a grant", "gatepost grant list"),
    "sec": _Thing("secret", "an app's secret", "gatepost app secret list CLIENT_ID"),
    "evt": _Thing("event", "an event", "gatepost events list --org ORG"),
    "whk": _Thing("webhook", "a webhook", "gatepost webhook list --org ORG"),
    "req": _Thing("request", "a request for an app", "gatepost request list --org ORG"),
    "inv": _Thing("invitation", "an invitation", "gatepost user invitations --org ORG"),
}
"""By the prefix of the id."""


async def get_by_id(
    store: Store, find: Callable[[bytes], Question[T | None]], prefix: str, text: str, *, what: str = "", fix: str = ""
) -> T:
    """What `find` knows by an id with this prefix. Raises `not_found` in the words of `missing`."""
    raw = parse_id(prefix, text)
    found = await store.read(find(raw)) if raw else None
    if found is None:
        raise missing(prefix, text, what=what, fix=fix)
    return found


def missing(prefix: str, text: str, *, what: str = "", where: str = "", fix: str = "") -> GatepostError:
    """`not_found` for a thing of this kind; when the text is the id of another kind of thing, it says so.

    `what` and `fix` where the kind's own words do not fit.
    """
    thing, given = _THINGS[prefix], text.partition("_")[0]
    is_other = given in _THINGS and given != prefix and parse_id(given, text) is not None
    hint = f" That is the id of {_THINGS[given].one}." if is_other else ""
    description = f"There is no {what or thing.name} {text or 'without a name'}{where}.{hint}"
    return GatepostError("not_found", description, fix=fix or thing.listed_by)
