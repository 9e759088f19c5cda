"""What there is to say about a request that cannot go back to its app: to the person, to the log, and to the app's developer.

A person learns whose fault it is, and nothing that the request said: whoever made the link may have wanted them to read it.
Who may mend the app sees both URIs side by side.
"""

from typing import NamedTuple

from gatepost.flows.instance import Instance
from gatepost.flows.known_apps import find_known_app
from gatepost.oauth.authorize import AuthorizeAsk
from gatepost.oauth.redirects import nearest
from gatepost.records import Session
from gatepost.store.people import find_member

DEVELOPERS = ("owner", "admin", "developer")
"""Who may mend an app of their organization."""


class Difference(NamedTuple):
    """A redirect URI that was sent, the registered one most like it, and where they begin to differ."""

    received: str
    registered: str
    at: int
    client_id: str


class Misdirected(NamedTuple):
    """The app that a request names, as far as there is one. `difference` is for its developers alone."""

    name: str = ""
    org: bytes = b""
    detail: str = ""
    difference: Difference | None = None


async def look_into(instance: Instance, ask: AuthorizeAsk, session: Session | None) -> Misdirected:
    """What there is to say, to whoever is signed in."""
    known = await find_known_app(instance, ask.fields.get("client_id", ""))
    if known is None:
        return Misdirected()
    app, received = known.app, ask.fields.get("redirect_uri", "")
    registered, at = nearest(received, list(known.redirect_uris))
    difference = Difference(received, registered, at, app.client_id)
    detail = f"{app.client_id} sent {received or 'no redirect_uri'}; registered is {registered or 'none'}"
    may_see = session is not None and await _is_developer(instance, app.org, session.user_id)
    return Misdirected(app.name, app.org, detail, difference if may_see and received != registered else None)


async def _is_developer(instance: Instance, org: bytes, user_id: bytes) -> bool:
    member = await instance.store.read(find_member(org, user_id))
    return member is not None and member.role in DEVELOPERS
