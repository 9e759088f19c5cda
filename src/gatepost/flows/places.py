"""Where a person may connect an app: in which of their organizations, and why not in the others.

Every way on which a person connects an app looks here again at its last step, so what an organization wants of apps holds
on all of them. For what was let through before, the store makes no grant: see `make_grant`.
"""

from collections.abc import Iterable
from typing import NamedTuple

from gatepost.errors import OAuthError
from gatepost.flows.instance import Instance
from gatepost.flows.known_apps import KnownApp
from gatepost.flows.organizations import settings_of
from gatepost.oauth.consent import why_unapproved
from gatepost.oauth.narrow import Issue, narrow
from gatepost.oauth.org_settings import SECOND_FACTOR, SIGN_IN, lacks
from gatepost.records import Session
from gatepost.store.app_requests import find_app_request
from gatepost.store.people import list_memberships
from gatepost.store.resources import list_resources


class Place(NamedTuple):
    """An organization of the person's. `why_not` is empty where they may connect the app.

    Else it is disabled, elsewhere, one of `oauth.consent.UNAPPROVED`, or what the sign-in lacks for this organization.
    """

    org: bytes
    name: str
    why_not: str


async def list_places(instance: Instance, known: KnownApp, session: Session, issue: Issue) -> list[Place]:
    """The person's organizations: where they may connect this app for this, and why not in the others."""
    if session.user_disabled_at is not None:
        return []
    memberships = await instance.store.read(list_memberships(session.user_id))
    return [
        Place(
            org,
            name,
            "disabled"
            if disabled_at is not None
            else await _why_not(instance, known, org, issue)
            or lacks(await settings_of(instance, org), session, instance.clock()),
        )
        for org, name, disabled_at in memberships
    ]


def what_lacks(why_not: Iterable[str]) -> str:
    """What the sign-in lacks to connect the app anywhere, where nothing else is in its way; empty if that is not it."""
    reasons = set(why_not)
    return next((each for each in (SIGN_IN, SECOND_FACTOR) if each in reasons), "")


async def places_for(instance: Instance, known: KnownApp, session: Session, issue: Issue) -> list[tuple[bytes, str]]:
    """Where the person may connect this app for this: id and name."""
    return [(each.org, each.name) for each in await list_places(instance, known, session, issue) if not each.why_not]


async def issue_in(instance: Instance, known: KnownApp, org: bytes, issue: Issue) -> Issue:
    """What a grant in this organization would be for. Raises `invalid_scope`, `invalid_target`.

    Of an app with an organization of its own that was settled when it asked.
    """
    if not known.app.is_free:
        return issue
    resources = tuple((issue.resource or "").split())
    return narrow(known.app, issue.scope, resources, await instance.store.read(list_resources(org)))


async def check_scope_somewhere(instance: Instance, known: KnownApp, session: Session, issue: Issue) -> None:
    """Raises `invalid_scope` for an app without an organization whose scope no organization of the person's has."""
    for org, _, _ in await instance.store.read(list_memberships(session.user_id)):
        try:
            await issue_in(instance, known, org, issue)
        except OAuthError as error:
            if error.code == "invalid_scope":
                raise


async def _why_not(instance: Instance, known: KnownApp, org: bytes, issue: Issue) -> str:
    """Its own organization has approved an app by registering it. Elsewhere it has to be open to others, and approved."""
    if org == known.app.org:
        return ""
    if not known.metadata.open_to_others:
        return "elsewhere"
    try:
        await issue_in(instance, known, org, issue)
    except OAuthError:
        return "elsewhere"
    is_needed, request = await instance.store.read(find_app_request(org, known.app.client_id))
    return why_unapproved(request, issue.scope, known.digest) if is_needed else ""
