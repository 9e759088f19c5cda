"""Organizations: made, listed, changed, disabled. What is disabled is refused at once; enabling brings it back."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from gatepost.errors import GatepostError
from gatepost.flows.instance import Instance, fresh_epoch
from gatepost.flows.missing import missing
from gatepost.flows.roles import Actor, Deed
from gatepost.oauth.client_metadata import check_name
from gatepost.oauth.org_settings import OrgSettings, check_settings, parse_settings, render_settings
from gatepost.records import Org
from gatepost.secrets import new_id, parse_id, render_id
from gatepost.store import orgs as store
from gatepost.store.factors import find_totp
from gatepost.store.orgs import find_org, list_orgs, make_org, set_org_disabled
from gatepost.store.passkeys import list_passkeys
from gatepost.store.question import INSTANCE


class Brand(NamedTuple):
    """How an organization's pages look and speak: its name, its colour in the light and in the dark, and its languages."""

    name: str
    shades: tuple[str, str] | None
    languages: tuple[str, ...]


async def create_org(instance: Instance, name: str, actor: Actor) -> Org:
    """Make an organization. For the operator alone. Raises `invalid_request` for a name that would not show."""
    act = actor.check(Deed.INSTANCE_WRITE, INSTANCE)
    return await instance.store.ask(make_org(new_id(), check_name(name), fresh_epoch(), act))


async def every_org(instance: Instance) -> list[Org]:
    """All organizations, in the order they were made. For the operator's commands alone."""
    orgs: list[Org] = []
    while page := await instance.store.read(list_orgs(orgs[-1].id if orgs else b"")):
        orgs += page
    return orgs


async def get_org(instance: Instance, text: str) -> Org:
    """The organization with this id, or with this name if only one has it. Raises `not_found`, `conflict`."""
    org_id = parse_id("org", text)
    if org_id:
        org = await instance.store.read(find_org(org_id))
        if org:
            return org
    named = [org for org in await every_org(instance) if org.name == text]
    if not named:
        raise missing("org", text)
    if len(named) > 1:
        raise GatepostError(
            "conflict", f"{len(named)} organizations are named {text}.", fix="use the id, as in gatepost org list"
        )
    return named[0]


async def org_of(instance: Instance, org: bytes, actor: Actor) -> Org:
    """The organization that an actor belongs to. Raises as `Actor.check` does."""
    actor.check(Deed.ORG_READ, org)
    found = await instance.store.read(find_org(org))
    if found is None:
        raise missing("org", render_id("org", org))
    return found


async def change_org(instance: Instance, org: Org, changes: Mapping[str, Any], actor: Actor) -> Org:
    """Change what an organization chooses (`name`, `apps_need_approval`, fields of OrgSettings), all of it or nothing.

    Apps that need approval need it from now on: what is connected already goes on.

    Raises `invalid_request`, `overtaken` when somebody else did since `org` was read, and as `Actor.check` does.
    """
    act = actor.check(Deed.ORG_WRITE, org.id)
    own: dict[str, Any] = {"name": org.name, "apps_need_approval": org.apps_need_approval}
    settings = {name: value for name, value in changes.items() if name not in own}
    known, limits = parse_settings(org.settings), instance.sessions
    chosen = check_settings(settings, known, limits.idle_ttl, limits.ttl)
    if chosen.second_factor and not known.second_factor:
        await _check_not_locked_out(instance, actor)
    own |= {name: changes[name] for name in own if name in changes}
    new = org._replace(
        name=check_name(own["name"]), apps_need_approval=own["apps_need_approval"], settings=render_settings(chosen)
    )
    if new != org and not await instance.store.ask(store.change_org(org.id, org, new, act)):
        raise GatepostError("overtaken", "Somebody else changed the organization just now.", fix="look again")
    return new


async def settings_of(instance: Instance, org: bytes) -> OrgSettings:
    """What an organization chose for itself, as it is now; what is not there has chosen nothing."""
    found = await _known_org(instance, org)
    return parse_settings(found.settings) if found else OrgSettings()


async def brand_of(instance: Instance, org: bytes) -> Brand | None:
    """How the pages look that lead to an organization's apps; None for what is not there."""
    found = await _known_org(instance, org)
    settings = parse_settings(found.settings) if found else OrgSettings()
    return Brand(found.name, settings.shades, settings.languages) if found else None


async def _known_org(instance: Instance, org: bytes) -> Org | None:
    """The organization as it is now, looked up once until policy changes."""
    facts = await instance.policy.facts()
    place = ("org", org)
    if place not in facts:
        facts[place] = await instance.store.read(find_org(org))
    found: Org | None = facts[place]
    return found


async def _check_not_locked_out(instance: Instance, actor: Actor) -> None:
    """Whoever asks everybody for a second factor has one."""
    if actor.user_id is None or await instance.store.read(find_totp(actor.user_id)) is not None:
        return
    if not await instance.store.read(list_passkeys(actor.user_id)):
        raise GatepostError(
            "invalid_request",
            "Set up a second step for yourself first: without one you could not come in any more.",
            field="second_factor",
        )


async def set_disabled(instance: Instance, org: Org, disabled: bool, actor: Actor) -> None:
    """Disable or enable an organization; everything of it is refused from now on, or answered again.

    An owner may disable it, and then nobody in it may do anything: the operator alone enables it. Raises as `Actor.check`
    does.
    """
    act = actor.check(Deed.ORG_END if disabled else Deed.INSTANCE_WRITE, org.id)
    await instance.store.ask(set_org_disabled(org.id, disabled, act))
