"""An organization's people, as those see and change them who administer it."""

from functools import partial

from gatepost.errors import GatepostError
from gatepost.flows.instance import Instance
from gatepost.flows.missing import get_by_id
from gatepost.flows.people import check_role
from gatepost.flows.roles import Actor, Deed
from gatepost.records import Member
from gatepost.store.people import change_role, find_member, list_members, remove_member


async def members_of(instance: Instance, org: bytes, actor: Actor, after: bytes, limit: int) -> list[Member]:
    """Up to `limit` members behind the id `after`, in the order in which they became known. Raises as `Actor.check` does."""
    actor.check(Deed.PEOPLE_READ, org)
    return await instance.store.read(list_members(org, after, limit))


async def member_of(instance: Instance, org: bytes, text: str, actor: Actor) -> Member:
    """The member with this id. Raises `not_found`, and as `Actor.check` does."""
    actor.check(Deed.PEOPLE_READ, org)
    return await get_by_id(instance.store, partial(find_member, org), "usr", text, what="member")


async def set_role(instance: Instance, org: bytes, member: Member, role: str, actor: Actor) -> Member:
    """Give a member another role; only an owner changes owners.

    Raises `invalid_request`, `conflict` for the last owner, `overtaken` when somebody else was faster, and as `Actor.check` does.
    """
    act = actor.check(_deed(member.role, check_role(role)), org)
    actor.check_reach(member.role)
    actor.check_reach(role)
    if role != member.role and not await instance.store.ask(change_role(org, member.id, member.role, role, act)):
        raise await _why_not(instance, org, member)
    return member._replace(role=role)


async def end_membership(instance: Instance, org: bytes, member: Member, actor: Actor) -> None:
    """Remove a person from an organization; every grant that they have in it ends. Raises as `set_role` does."""
    act = actor.check(_deed(member.role), org)
    actor.check_reach(member.role)
    if not await instance.store.ask(remove_member(org, member.id, member.role, act)):
        raise await _why_not(instance, org, member)


def _deed(*roles: str) -> Deed:
    return Deed.OWNERS_WRITE if "owner" in roles else Deed.PEOPLE_WRITE


async def _why_not(instance: Instance, org: bytes, member: Member) -> GatepostError:
    if await instance.store.read(find_member(org, member.id)) == member:
        return GatepostError("conflict", "An organization has an owner, and this is the last one.", fix="make another")
    return GatepostError("overtaken", f"Somebody else changed {member.email} just now.", fix="look again")
