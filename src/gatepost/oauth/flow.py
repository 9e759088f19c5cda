"""An authorization under way: what was asked, until it is answered. Sealed, bound to a browser, and carried by our own pages.

So any number of tabs can be under way in one browser without knowing of each other, and nothing that a page sends back can
change what was asked.
"""

from typing import Any, NamedTuple

import orjson

from gatepost.oauth.authorize import Asked, VerifiedAsk

FLOW_TTL = 3600
"""Seconds in which a person may answer."""


class Flow(NamedTuple):
    """One authorization request on its way through our pages. Ids are hex.

    `session_id` is of a sign-in made on the way, `chosen_id` of the session with which the person chose to go on.
    """

    id: str
    browser: str
    started_at: int
    is_pushed: bool
    client_id: str
    redirect_uri: str
    response_mode: str
    state: str | None
    session_id: str
    chosen_id: str
    asked: Asked

    def is_over(self, now: int) -> bool:
        return now >= self.started_at + FLOW_TTL


def start_flow(verified: VerifiedAsk, asked: Asked, id: bytes, browser: bytes, now: int, *, is_pushed: bool) -> Flow:
    """The flow of a checked request."""
    return Flow(
        id=id.hex(),
        browser=browser.hex(),
        started_at=now,
        is_pushed=is_pushed,
        client_id=verified.app.client_id,
        redirect_uri=verified.redirect_uri,
        response_mode=verified.response_mode,
        state=verified.state,
        session_id="",
        chosen_id="",
        asked=asked,
    )


def dump_flow(flow: Flow) -> bytes:
    """The flow as it is sealed."""
    return orjson.dumps([*flow[:-1], list(flow.asked)])


def load_flow(plain: bytes) -> Flow:
    """The flow that was sealed."""
    fields = orjson.loads(plain)
    return Flow._make([*fields[:-1], _load_asked(fields[-1])])


def _load_asked(fields: list[Any]) -> Asked:
    asked = Asked(*fields)
    return asked._replace(prompt=tuple(asked.prompt), acr_values=tuple(asked.acr_values))
