"""Looking through what an organization has, page by page. Developers see their own apps, and what concerns these.

The cursors are of the questions in `store.browsing`; whoever hands one on to a caller encodes it.
"""

from typing import Any, NamedTuple

from gatepost.flows.grants import get_grant
from gatepost.flows.instance import Instance
from gatepost.flows.owned_apps import check_apps
from gatepost.flows.people import canonical_email
from gatepost.flows.roles import Actor, Deed
from gatepost.oauth.gate import why_dead
from gatepost.records import App, Event, Grant, Member
from gatepost.secrets import parse_id, render_id
from gatepost.store import browsing
from gatepost.store.apps import find_app
from gatepost.store.browsing import AppUse, Page
from gatepost.store.orgs import find_owner
from gatepost.store.people import find_member, list_members

COUNTED = 30
"""Connections of an app that a list of apps counts; of more it says that there are more."""


class Link(NamedTuple):
    """A connection as it is listed: the grant, whose it is and of which app, by the names that people know."""

    grant: Grant
    app: str
    email: str
    why_dead: str


async def browse_apps(
    instance: Instance, actor: Actor, org: bytes, cursor: Any, limit: int, *, name: str, kind: str, status: str
) -> Page[App]:
    """Apps by name: those that begin so, of a kind, and active or disabled."""
    actor.check_own(Deed.APPS_READ, org)
    after = tuple(cursor) if _is_pair(cursor) else None
    disabled = {"active": False, "disabled": True}.get(status)
    own = None if actor.may(Deed.APPS_READ) else actor.user_id
    return await instance.store.read(
        browsing.browse_apps(org, after, limit, name=name, kind=kind, created_by=own, disabled=disabled)
    )


async def uses_of(instance: Instance, org: bytes, apps: list[App]) -> dict[str, AppUse]:
    """How apps that somebody may see are used in an organization, by client_id."""
    found = tuple(app.client_id for app in apps)
    return await instance.store.read(browsing.uses_of_apps(org, found, instance.clock(), COUNTED))


async def browse_links(
    instance: Instance, actor: Actor, org: bytes, cursor: Any, limit: int, *, client_id: str, user_id: bytes | None
) -> Page[Link]:
    """Connections, the newest first: all, or of an app, or of a person."""
    await check_apps(instance, actor, Deed.GRANTS_READ, org, client_id or None)
    page = await instance.store.read(
        browsing.browse_grants(org, _id_of(cursor), limit, client_id=client_id or None, user_id=user_id)
    )
    rows = [_link(instance, *each) for each in page.rows]
    return Page(rows, page.next.hex() if page.next else None, page.is_cut)


async def find_member_by(instance: Instance, org: bytes, text: str) -> Member | None:
    """The member of an organization with this id or e-mail."""
    user_id = parse_id("usr", text) or await instance.store.read(find_owner("email", canonical_email(text)))
    return await instance.store.read(find_member(org, user_id)) if user_id else None


async def browse_members(instance: Instance, actor: Actor, org: bytes, cursor: Any, limit: int) -> Page[Member]:
    """Members, in the order in which they became known."""
    actor.check(Deed.PEOPLE_READ, org)
    rows = await instance.store.read(list_members(org, _id_of(cursor) or b"", limit + 1))
    return Page(rows[:limit], rows[limit - 1].id.hex() if len(rows) > limit else None)


async def view_link(instance: Instance, actor: Actor, org: bytes, text: str) -> Link:
    """One connection. Raises `not_found`, and as `Actor.check` does."""
    grant = await get_grant(instance, org, text, actor)
    app = await instance.store.read(find_app(grant.app_org or org, grant.client_id))
    member = await instance.store.read(find_member(org, grant.user_id)) if grant.user_id else None
    return _link(instance, grant, app.name if app else grant.client_id, member and member.email)


async def browse_events(
    instance: Instance, actor: Actor, org: bytes, cursor: Any, limit: int, **filters: Any
) -> Page[Event]:
    """Events, the newest first; the filters are those of `store.browsing.browse_events`."""
    await check_apps(instance, actor, Deed.EVENTS_READ, org, filters.get("client_id"))
    page = await instance.store.read(browsing.browse_events(org, _id_of(cursor), limit, **filters))
    return Page(page.rows, page.next.hex() if page.next else None, page.is_cut)


def _link(instance: Instance, grant: Grant, app: str, email: str | None) -> Link:
    person = render_id("usr", grant.user_id) if grant.user_id else ""
    return Link(grant, app, email or person, why_dead(grant, instance.clock()) or "")


def _id_of(cursor: Any) -> bytes | None:
    try:
        return bytes.fromhex(cursor) if isinstance(cursor, str) else None
    except ValueError:
        return None


def _is_pair(cursor: Any) -> bool:
    return isinstance(cursor, list) and len(cursor) == 2 and all(isinstance(each, str) for each in cursor)
