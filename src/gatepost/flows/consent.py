"""What the consent page says: who asks, who vouches, where the person will be sent, and what the app will be able to do."""

from typing import NamedTuple

from gatepost.flows.authorize import NeedsConsent
from gatepost.flows.instance import Instance
from gatepost.flows.scopes import Permission, describe_scopes
from gatepost.oauth.consent import LOOPBACK_HOSTS, host_of
from gatepost.oauth.scope import OFFLINE_ACCESS
from gatepost.records import Session
from gatepost.secrets import render_id
from gatepost.store.orgs import find_org


class Place(NamedTuple):
    """An organization that the grant may be for."""

    id: str
    name: str


class ConsentView(NamedTuple):
    """All that the page shows. `warning` is the one that weighs most: unverified, this_computer, or none."""

    app: str
    vouches: str
    is_first_party: bool
    host: str
    email: str
    places: list[Place]
    required: list[Permission]
    optional: list[Permission]
    warning: str
    client_id: str
    redirect_uri: str
    scope: str
    client_uri: str | None
    policy_uri: str | None
    tos_uri: str | None


async def view_consent(instance: Instance, step: NeedsConsent, session: Session) -> ConsentView:
    """The page for this step of a flow."""
    flow, known = step.flow, step.known
    owner = await instance.store.read(find_org(known.app.org))
    may_leave_out = {*known.metadata.optional_scope.split(), OFFLINE_ACCESS}
    permissions = await describe_scopes(instance, known.app.org, flow.asked.scope)
    host = host_of(flow.redirect_uri)
    return ConsentView(
        app=known.app.name,
        vouches=owner.name if owner else "",
        is_first_party=known.metadata.first_party,
        host=host,
        email=session.email,
        places=[Place(render_id("org", org), name) for org, name in step.places],
        required=[each for each in permissions if each.name not in may_leave_out],
        optional=[each for each in permissions if each.name in may_leave_out],
        warning="this_computer" if host in LOOPBACK_HOSTS else "",
        client_id=flow.client_id,
        redirect_uri=flow.redirect_uri,
        scope=flow.asked.scope,
        client_uri=known.metadata.client_uri,
        policy_uri=known.metadata.policy_uri,
        tos_uri=known.metadata.tos_uri,
    )
