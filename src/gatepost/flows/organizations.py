"""Organizations: made, listed, disabled. What is disabled is refused at once; enabling brings it back."""

from gatepost.errors import GatepostError
from gatepost.flows.instance import Instance, fresh_epoch
from gatepost.flows.missing import missing
from gatepost.flows.roles import Actor, Deed
from gatepost.oauth.client_metadata import check_name
from gatepost.records import Org
from gatepost.secrets import new_id, parse_id, render_id
from gatepost.store.orgs import find_org, list_orgs, make_org, rename_org, set_apps_need_approval, set_org_disabled
from gatepost.store.question import INSTANCE


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
        raise missing("organization", text, prefix="org", fix="gatepost org list")
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
        raise missing("organization", render_id("org", org), prefix="org", fix="gatepost org list")
    return found


async def rename(instance: Instance, org: Org, name: str, actor: Actor) -> Org:
    """Give an organization another name.

    Raises `invalid_request`, `overtaken` when somebody else did since `org` was read, and as `Actor.check` does.
    """
    act = actor.check(Deed.ORG_WRITE, org.id)
    new = check_name(name)
    if not await instance.store.ask(rename_org(org.id, org.name, new, act)):
        raise GatepostError("overtaken", "Somebody else renamed the organization just now.", fix="look again")
    return org._replace(name=new)


async def need_approval(instance: Instance, org: Org, needed: bool, actor: Actor) -> Org:
    """Have an admin approve apps of others before people connect them, from now on, or let people decide alone.

    Raises as `Actor.check` does.
    """
    act = actor.check(Deed.ORG_WRITE, org.id)
    await instance.store.ask(set_apps_need_approval(org.id, needed, act))
    return org._replace(apps_need_approval=needed)


async def set_disabled(instance: Instance, org: Org, disabled: bool, actor: Actor) -> None:
    """Disable or enable an organization; everything of it is refused from now on, or answered again.

    An owner may disable it, and then nobody in it may do anything: the operator alone enables it. Raises as `Actor.check`
    does.
    """
    act = actor.check(Deed.ORG_END if disabled else Deed.INSTANCE_WRITE, org.id)
    await instance.store.ask(set_org_disabled(org.id, disabled, act))
