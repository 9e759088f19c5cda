"""People: who belongs to the organization and as what, and who is invited."""

from functools import partial

from gatepost.console.desk import Desk
from gatepost.console.lists import LIMIT, export, listing, read_ask
from gatepost.console.slips import Slip, Slips
from gatepost.errors import GatepostError
from gatepost.flows.browsing import browse_members, find_member_by
from gatepost.flows.instance import Instance
from gatepost.flows.joining import invite, open_invitations, withdraw
from gatepost.flows.members import end_membership, member_of, set_role
from gatepost.flows.roles import ROLES, Deed
from gatepost.records import Member
from gatepost.secrets import render_id
from gatepost.store.browsing import Page
from gatepost.web.message import Reply


class People:
    """The handlers of people."""

    def __init__(self, instance: Instance, slips: Slips) -> None:
        self._instance = instance
        self._slips = slips

    async def page(self, desk: Desk) -> Reply:
        return await self._show(desk, {})

    async def export(self, desk: Desk) -> Reply:
        """Everybody, for a spreadsheet."""
        read = partial(browse_members, self._instance, desk.actor, desk.org.id)
        return await export("people.csv", ("id", "email", "role", "since"), read, _row)

    async def one(self, desk: Desk) -> Reply:
        """One member, and the role they have."""
        return self._show_one(desk, await self._member(desk))

    async def set_role(self, desk: Desk, fields: dict[str, str]) -> Reply:
        """Give them another role."""
        member = await self._member(desk)
        try:
            await set_role(self._instance, desk.org.id, member, fields.get("role", ""), desk.actor)
        except GatepostError as error:
            if error.status not in (400, 409, 412):
                raise
            return self._show_one(desk, member, error)
        return desk.see(f"/people/{desk.names['user']}")

    async def ask_remove(self, desk: Desk) -> Reply:
        """Are they to go, with all their connections here?"""
        return self._ask_remove(desk, await self._member(desk))

    async def remove(self, desk: Desk, fields: dict[str, str]) -> Reply:
        member = await self._member(desk)
        try:
            await end_membership(self._instance, desk.org.id, member, desk.actor)
        except GatepostError as error:
            if error.status not in (409, 412):
                raise
            return self._ask_remove(desk, member, error)
        return desk.see("/people")

    async def invite(self, desk: Desk, fields: dict[str, str]) -> Reply:
        """Invite somebody. Where no mail is sent, the link is shown, to be handed on."""
        email, role = fields.get("email", ""), fields.get("role", "")
        try:
            invitation, link = await invite(self._instance, desk.org.id, email, role, desk.actor)
        except GatepostError as error:
            if error.status not in (400, 409):
                raise
            return await self._show(desk, fields, error)
        if self._instance.mailer is not None:
            return desk.see("/people")
        slip = Slip("link", invitation.email, "/people", link.reveal(), {})
        return self._slips.hand_on(desk, slip).see("/secret")

    async def withdraw(self, desk: Desk, fields: dict[str, str]) -> Reply:
        """Take an invitation back."""
        await withdraw(self._instance, desk.org.id, fields.get("invitation", ""), desk.actor)
        return desk.see("/people")

    async def _member(self, desk: Desk) -> Member:
        return await member_of(self._instance, desk.org.id, desk.names["user"], desk.actor)

    def _show_one(self, desk: Desk, member: Member, error: GatepostError | None = None) -> Reply:
        id = render_id("usr", member.id)
        return desk.show(
            "person.html",
            error.status if error else 200,
            section="people",
            cli=desk.cli("user", "role", member.email, member.role),
            member=member,
            id=id,
            roles=self._roles(desk),
            may_write=desk.actor.may(Deed.OWNERS_WRITE if member.role == "owner" else Deed.PEOPLE_WRITE),
            error=error,
        )

    def _ask_remove(self, desk: Desk, member: Member, error: GatepostError | None = None) -> Reply:
        cli, status = desk.cli("user", "remove", member.email), error.status if error else 200
        return desk.show("person_remove.html", status, section="people", cli=cli, member=member, error=error)

    def _roles(self, desk: Desk) -> list[str]:
        """The roles that one may give here."""
        return [role for role in ROLES if role != "owner" or desk.actor.may(Deed.OWNERS_WRITE)]

    async def _show(self, desk: Desk, fields: dict[str, str], error: GatepostError | None = None) -> Reply:
        ask = read_ask(desk, ("email",))
        if ask.get("email"):
            found = await find_member_by(self._instance, desk.org.id, ask.get("email"))
            page = Page([found] if found else [], None)
        else:
            page = await browse_members(self._instance, desk.actor, desk.org.id, ask.cursor, LIMIT)
        invitations = await open_invitations(self._instance, desk.org.id, desk.actor)
        return desk.show(
            "people.html",
            error.status if error else 200,
            section="people",
            cli=desk.cli("user", "invite", fields.get("email") or "ana@acme.dev", "--role", "developer"),
            list=listing(desk, ask, page),
            invitations=[(render_id("inv", each.id), each) for each in invitations],
            roles=self._roles(desk),
            may_write=desk.actor.may(Deed.PEOPLE_WRITE),
            sends_mail=self._instance.mailer is not None,
            fields=fields,
            error=error,
            now=self._instance.clock(),
        )


def _row(member: Member) -> tuple[str | int, ...]:
    return render_id("usr", member.id), member.email, member.role, member.created_at
