"""What the consent page says: who asks, who vouches, where the person will be sent, and what the app will be able to do."""

from typing import NamedTuple

from gatepost.flows.authorize import NeedsConsent, issue_of
from gatepost.flows.instance import Instance
from gatepost.flows.known_apps import KnownApp
from gatepost.flows.places import list_places
from gatepost.flows.scopes import Permission, describe_scopes
from gatepost.oauth.client_document import is_url
from gatepost.oauth.consent import UNAPPROVED, host_of, is_elsewhere, risk_of
from gatepost.oauth.flow import Flow
from gatepost.oauth.narrow import Issue
from gatepost.oauth.scope import OFFLINE_ACCESS
from gatepost.records import Session
from gatepost.secrets import render_id
from gatepost.store.orgs import find_org


class Choice(NamedTuple):
    """An organization of the person's as a page offers it. `why_not` is empty where they may connect the app."""

    id: str
    name: str
    why_not: str


class Asker(NamedTuple):
    """Who asks, on every page of a flow: the app by the name it gives itself, who vouches for it, and where it leads.

    `vouches` is empty for an app that nobody registered; `published_at` is then the host that it speaks for, if it has one.
    `is_open` says that members of any organization may connect it.
    """

    app: str
    is_agent: bool
    vouches: str
    published_at: str
    is_first_party: bool
    host: str
    is_public_host: bool
    is_open: bool


class ConsentView(NamedTuple):
    """All that the page shows. `warning` is the one that weighs most; `shown` is what the answer is bound to."""

    asker: Asker
    email: str
    places: list[Choice]
    needs_approval: bool
    required: list[Permission]
    optional: list[Permission]
    warning: str
    shown: str
    client_id: str
    redirect_uri: str
    scope: str
    policy_uri: str | None
    tos_uri: str | None


async def view_asker(instance: Instance, known: KnownApp, flow: Flow) -> Asker:
    """Who asks in this flow."""
    owner = await instance.store.read(find_org(known.app.org))
    return Asker(
        app=known.app.name,
        is_agent=known.metadata.agent,
        vouches=owner.name if owner else "",
        published_at=host_of(flow.client_id) if is_url(flow.client_id) else "",
        is_first_party=known.metadata.first_party,
        host=host_of(flow.redirect_uri),
        is_public_host=is_elsewhere(flow.redirect_uri),
        is_open=known.metadata.open_to_others,
    )


async def view_consent(instance: Instance, step: NeedsConsent, session: Session) -> ConsentView:
    """The page for this step of a flow."""
    flow, known = step.flow, step.known
    may_leave_out = {*known.metadata.optional_scope.split(), OFFLINE_ACCESS}
    permissions = await describe_scopes(instance, known.app.home(step.places[0][0]), flow.asked.scope)
    places = await list_choices(instance, known, session, issue_of(flow))
    is_own = any(place.id == render_id("org", known.app.org) for place in places)
    return ConsentView(
        asker=await view_asker(instance, known, flow),
        email=session.email,
        places=places,
        needs_approval=any(place.why_not in UNAPPROVED for place in places),
        required=[each for each in permissions if each.name not in may_leave_out],
        optional=[each for each in permissions if each.name in may_leave_out],
        warning=risk_of(flow.redirect_uri, flow.asked.scope, is_own=is_own or known.metadata.first_party),
        shown=known.digest.hex(),
        client_id=flow.client_id,
        redirect_uri=flow.redirect_uri,
        scope=flow.asked.scope,
        policy_uri=known.metadata.policy_uri,
        tos_uri=known.metadata.tos_uri,
    )


async def list_choices(instance: Instance, known: KnownApp, session: Session, issue: Issue) -> list[Choice]:
    """The person's organizations, those first in which they may connect the app."""
    places = await list_places(instance, known, session, issue)
    choices = [Choice(render_id("org", each.org), each.name, each.why_not) for each in places]
    return sorted(choices, key=lambda choice: bool(choice.why_not))
