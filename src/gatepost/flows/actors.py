"""Who acts, as they are now: a person in one of their organizations."""

from gatepost.errors import GatepostError
from gatepost.flows.instance import Instance
from gatepost.flows.roles import Actor
from gatepost.secrets import render_id
from gatepost.store.events import Act
from gatepost.store.orgs import find_org
from gatepost.store.people import find_member


async def person(instance: Instance, org: bytes, user_id: bytes, address: str | None) -> Actor:
    """A person as they may act in an organization now, with the role that they have there now.

    Raises `not_found` where they are no member, or the organization or they are disabled: to them it is not there.
    """
    member = await instance.store.read(find_member(org, user_id))
    place = await instance.store.read(find_org(org))
    if member is None or place is None or member.disabled_at is not None or place.disabled_at is not None:
        raise GatepostError("not_found", "There is no such organization here.")
    act = Act(instance.clock(), render_id("usr", user_id), address)
    return Actor(act, org, member.role, user_id)
