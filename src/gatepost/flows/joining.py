"""Becoming somebody here: by an invitation into an organization, or by signing up with an organization of one's own.

Both begin with a link that was mailed to the address, and the address is whose it becomes. OWASP ASVS V2.1.
"""

from typing import NamedTuple

from gatepost.errors import GatepostError
from gatepost.flows.instance import Instance, fresh_epoch
from gatepost.flows.mail_links import INVITE, SIGN_UP, TTLS, make_mail_link, open_mail_link
from gatepost.flows.mails import find_open_invitation, write_mail
from gatepost.flows.missing import missing
from gatepost.flows.organizations import settings_of
from gatepost.flows.people import check_email, check_new_password, check_role
from gatepost.flows.roles import Actor, Deed
from gatepost.flows.sign_in import Passwords
from gatepost.oauth.client_metadata import check_name
from gatepost.oauth.org_settings import LANGUAGES, may_invite, parse_settings
from gatepost.records import Invitation, Org, User
from gatepost.secrets import Secret, new_id, parse_id, render_id
from gatepost.store.events import Act
from gatepost.store.invitations import (
    accept_invitation,
    list_invitations,
    make_invitation,
    withdraw_invitation,
)
from gatepost.store.orgs import find_owner
from gatepost.store.outbox import put_letter
from gatepost.store.people import find_member, find_user
from gatepost.store.recovery import sign_up

MAIL_GAP = 60
"""Seconds between two mails that invite the same address to the same organization."""


class Invited(NamedTuple):
    """Who is invited where, whether they are known here already, and whether the link reached their mailbox."""

    org: Org
    invitation: Invitation
    is_known: bool
    is_mailed: bool


class Joined(NamedTuple):
    """Who is a member now; `is_new` when they were nobody here before."""

    user: User
    is_new: bool


async def invite(instance: Instance, org: bytes, email: str, role: str, actor: Actor) -> tuple[Invitation, Secret]:
    """Invite an address. Answers the link too, for whoever hands it on by hand.

    A mail goes out if this server sends any: a minute after the last one at the earliest, so that nobody's mailbox is bombed.
    By then only the newest invitation is open.

    Raises `invalid_request`, `conflict` for a member, `not_allowed` where nobody may join, and as `Actor.check` does.
    """
    act = actor.check(Deed.OWNERS_WRITE if check_role(role) == "owner" else Deed.PEOPLE_WRITE, org)
    actor.check_reach(role)
    if instance.sign_up == "closed":
        raise GatepostError("not_allowed", "Nobody may join here.", fix="set sign_up to invited or open")
    canonical = check_email(email)
    settings = await settings_of(instance, org)
    if not may_invite(settings, canonical):
        domains = ", ".join(settings.email_domains)
        raise GatepostError(
            "invalid_request", f"This organization invites addresses of {domains} alone.", field="email"
        )
    known = await instance.store.read(find_owner("email", canonical))
    if known and await instance.store.read(find_member(org, known)) is not None:
        raise GatepostError("conflict", f"{canonical} is a member already.")
    invitation = Invitation(new_id(), canonical, role, act.at, act.at + TTLS[INVITE], None)
    last_at = await instance.store.ask(make_invitation(org, invitation, act))
    if instance.mailer is not None:
        language = (settings.languages or LANGUAGES)[0]
        more = {"org": org.hex(), "invitation": render_id("inv", invitation.id)}
        letter = write_mail(instance, "invite", canonical, language, **more)
        due_at = max(letter.next_at, (last_at or 0) + MAIL_GAP)
        await instance.store.ask(put_letter(letter._replace(next_at=due_at)))
    return invitation, Secret(make_mail_link(instance, INVITE, f"{org.hex()} {invitation.id.hex()}", "hand"))


async def open_invitations(
    instance: Instance, org: bytes, actor: Actor, after: bytes = b"", limit: int = 1000
) -> list[Invitation]:
    """Who may still come: up to `limit` behind the id `after`, oldest first. Raises as `Actor.check` does."""
    actor.check(Deed.PEOPLE_READ, org)
    return await instance.store.read(list_invitations(org, instance.clock(), after=after, limit=limit))


async def withdraw(instance: Instance, org: bytes, text: str, actor: Actor) -> None:
    """Take an invitation back. Raises `not_found` when there is no open one with this id, and as `Actor.check` does."""
    act = actor.check(Deed.PEOPLE_WRITE, org)
    id = parse_id("inv", text)
    if id is None or not await instance.store.ask(withdraw_invitation(org, id, act)):
        raise missing("inv", text, what="open invitation")


async def find_invited(instance: Instance, text: str) -> Invited | None:
    """Whom a link invites. None when it is over: accepted, withdrawn, too old, or nobody may join any more."""
    link = open_mail_link(instance, INVITE, text)
    if link is None or instance.sign_up == "closed":
        return None
    org_id, id = (bytes.fromhex(part) for part in link.subject.split())
    found = await find_open_invitation(instance, org_id, id)
    if found is None:
        return None
    org, invitation = found
    if not may_invite(parse_settings(org.settings), invitation.email):
        return None
    is_known = await instance.store.read(find_owner("email", invitation.email)) is not None
    return Invited(org, invitation, is_known, link.state == "mail")


async def accept(
    instance: Instance, passwords: Passwords, invited: Invited, password: Secret | None, address: str
) -> Joined | None:
    """Join. A new person brings a password. None when somebody was faster. Raises `invalid_request`."""
    password_hash = await _hashed(instance, passwords, password) if password else None
    org, id, act = invited.org.id, invited.invitation.id, Act(instance.clock(), "user", address)
    joined = await instance.store.ask(
        accept_invitation(org, id, new_id(), password_hash, fresh_epoch(), act, is_mailed=invited.is_mailed)
    )
    user = await instance.store.read(find_user(joined[0])) if joined else None
    return Joined(user, joined[1]) if joined and user else None


def find_sign_up(instance: Instance, text: str) -> str | None:
    """The address that a link lets sign up. Raises `not_allowed` unless everybody may."""
    check_open(instance)
    link = open_mail_link(instance, SIGN_UP, text)
    return link.subject if link else None


async def sign_up_by_link(
    instance: Instance, passwords: Passwords, text: str, password: Secret, organization: str, address: str
) -> User | None:
    """Make a person, and an organization that they own. None when the link or the address was used.

    Raises `invalid_request` for a password or a name that cannot be; the link stays good then.
    """
    check_open(instance)
    link = open_mail_link(instance, SIGN_UP, text)
    if link is None:
        return None
    name = check_name(organization, "organization")
    password_hash = await _hashed(instance, passwords, password)
    act = Act(instance.clock(), "user", address)
    place, person = (new_id(), name), (new_id(), link.subject, password_hash)
    spent = (bytes.fromhex(link.id), link.made_at, link.expires_at)
    user_id = await instance.store.ask(sign_up(place, person, fresh_epoch(), spent, act))
    return await instance.store.read(find_user(user_id)) if user_id else None


def check_open(instance: Instance) -> None:
    """Raises `not_allowed` unless everybody may sign up."""
    if instance.sign_up != "open":
        raise GatepostError("not_allowed", "Nobody signs up here by themselves. Ask for an invitation.")


async def _hashed(instance: Instance, passwords: Passwords, password: Secret) -> str:
    check_new_password(instance, password)
    return await passwords.hash(password)
