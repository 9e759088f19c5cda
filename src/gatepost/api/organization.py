"""The caller, their organization, its roles, and what happened in it."""

from datetime import datetime
from typing import Any

from msgspec import UNSET
from msgspec.structs import asdict

from gatepost.api import asks
from gatepost.api.call import Call
from gatepost.api.documents import EventDocument, Health, HealthCheck, Me, Organization, Page, Role
from gatepost.api.grants import user_of
from gatepost.api.rendering import of_actor, of_event, of_org, roles
from gatepost.flows.events import Filter, check_type, event_of, events_of
from gatepost.flows.health import ADVICE, PROBLEM, examine, tell
from gatepost.flows.organizations import change_org, org_of, set_disabled
from gatepost.flows.roles import Deed
from gatepost.oauth.org_settings import OrgSettings


async def me(call: Call, _: None) -> Me:
    """Say who calls, and what they may do."""
    return of_actor(call.actor)


async def list_roles(call: Call, _: None) -> Page[Role]:
    """List roles, and what each lets people do."""
    call.actor.check(Deed.ORG_READ, call.org)
    return Page(roles())


async def show(call: Call, _: None) -> Organization:
    """Show the organization."""
    return of_org(await org_of(call.instance, call.org, call.actor))


async def change(call: Call, ask: asks.OrganizationChange) -> Organization:
    """Change the organization."""
    org = await org_of(call.instance, call.org, call.actor)
    call.check_unchanged(of_org(org))
    return of_org(await change_org(call.instance, org, _changes(ask), call.actor))


async def health(call: Call, _: None) -> Health:
    """Show what the organization should look after."""
    checks = [HealthCheck(*each) for each in tell(await examine(call.instance, call.org, call.actor))]
    problems, advice = (sum(each.status == status for each in checks) for status in (PROBLEM, ADVICE))
    return Health(problems, advice, checks)


async def disable(call: Call, _: None) -> None:
    """Refuse everything of the organization, at once, until the operator enables it."""
    org = await org_of(call.instance, call.org, call.actor)
    await set_disabled(call.instance, org, True, call.actor)


async def list_events(call: Call, ask: asks.EventListing) -> Page[EventDocument]:
    """List events, the newest first."""
    filter = Filter(
        client_id=ask.app,
        user_id=user_of(ask.user),
        type=check_type(ask.type) if ask.type else None,
        result=ask.result,
        since=_seconds(ask.since),
        until=_seconds(ask.until),
    )
    before = call.position(ask.after) or None
    found = await events_of(call.instance, call.org, call.actor, filter, before, ask.limit + 1)
    return call.page(found, ask.limit, lambda event: of_event(call.org, event), lambda event: event.id)


async def show_event(call: Call, _: None) -> EventDocument:
    """Show an event."""
    return of_event(call.org, await event_of(call.instance, call.org, call.names["event"], call.actor))


def _changes(ask: asks.OrganizationChange) -> dict[str, Any]:
    """What was given, by name; null is a setting's default."""
    settings, defaults = asdict(ask.settings), OrgSettings()._asdict()
    given = {name: defaults[name] if value is None else value for name, value in settings.items() if value is not UNSET}
    changes = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    own = {"name": ask.name, "apps_need_approval": ask.apps_need_approval}
    return changes | {name: value for name, value in own.items() if value is not UNSET}


def _seconds(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())
