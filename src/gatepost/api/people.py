"""An organization's people, their roles, and who is invited."""

from gatepost.api import asks
from gatepost.api.call import Call
from gatepost.api.documents import InvitationDocument, Page, Person
from gatepost.api.rendering import of_invitation, of_member
from gatepost.flows.joining import invite, open_invitations, withdraw
from gatepost.flows.members import end_membership, member_of, members_of, set_role
from gatepost.records import Member


async def list_people(call: Call, ask: asks.Listing) -> Page[Person]:
    """List the organization's people."""
    found = await members_of(call.instance, call.org, call.actor, call.position(ask.after), ask.limit + 1)
    return call.page(found, ask.limit, of_member, lambda member: member.id)


async def show(call: Call, _: None) -> Person:
    """Show a member."""
    return of_member(await _named(call))


async def change(call: Call, ask: asks.RoleChange) -> Person:
    """Give a member another role."""
    member = await _named(call)
    call.check_unchanged(of_member(member))
    return of_member(await set_role(call.instance, call.org, member, ask.role, call.actor))


async def remove(call: Call, _: None) -> None:
    """Remove a person from the organization; every grant that they have in it ends."""
    member = await _named(call)
    call.check_unchanged(of_member(member))
    await end_membership(call.instance, call.org, member, call.actor)


async def list_invitations(call: Call, ask: asks.Listing) -> Page[InvitationDocument]:
    """List who may still come."""
    found = await open_invitations(call.instance, call.org, call.actor, call.position(ask.after), ask.limit + 1)
    return call.page(found, ask.limit, of_invitation, lambda invitation: invitation.id)


async def make_invitation(call: Call, ask: asks.NewInvitation) -> InvitationDocument:
    """Let somebody become a member."""
    invitation, link = await invite(call.instance, call.org, ask.email, ask.role, call.actor)
    return of_invitation(invitation, link.reveal(), mailed=call.instance.mailer is not None)


async def withdraw_invitation(call: Call, _: None) -> None:
    """Take an invitation back."""
    await withdraw(call.instance, call.org, call.names["invitation"], call.actor)


async def _named(call: Call) -> Member:
    return await member_of(call.instance, call.org, call.names["user"], call.actor)
