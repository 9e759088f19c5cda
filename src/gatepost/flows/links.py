"""One-time sign-in links: sealed, so nothing is stored until one is used up."""

from typing import NamedTuple

from gatepost.flows.instance import Instance
from gatepost.flows.organizations import every_org, get_org
from gatepost.flows.people import canonical_email, every_member
from gatepost.records import Member, Org, User
from gatepost.secrets import SIGN_IN_LINK, Secret, new_id, parse_text, render_text
from gatepost.store.events import Act
from gatepost.store.orgs import find_org
from gatepost.store.people import find_member, find_user
from gatepost.store.recovery import enter_by_mail
from gatepost.store.spent import spend

LINK_TTL = 900
"""Seconds a link is good for."""

BY_LINK = "link"
"""The method of a session that a link began. RFC 8176 has no word for it."""

_HANDED, _MAILED = b"sign-in link", b"mailed sign-in link"


class Opened(NamedTuple):
    """Whom a link stands for, and what makes it good for once. One that was mailed proves their address."""

    org: Org
    member: Member
    user: User
    id: bytes
    expires_at: int
    is_mailed: bool


def create_link(instance: Instance, org: bytes, user_id: bytes, *, is_mailed: bool = False) -> Secret:
    """The URL of a link that stands for a member of an organization, once, for a quarter of an hour.

    `is_mailed` for one that only whoever reads their mails gets.
    """
    expires_at = instance.clock() + LINK_TTL
    plain = new_id() + org + user_id + expires_at.to_bytes(8, "big")
    text = render_text(SIGN_IN_LINK, instance.keyring.seal(_MAILED if is_mailed else _HANDED, plain))
    return Secret(f"{instance.issuer.rstrip('/')}/login?link={text}")


async def find_link(instance: Instance, text: str) -> Opened | None:
    """Whom a link stands for. None when it is not ours, expired, or its person is no active member any more."""
    sealed = parse_text(SIGN_IN_LINK, text)
    mailed = instance.keyring.unseal(_MAILED, sealed) if sealed else None
    plain = mailed or (instance.keyring.unseal(_HANDED, sealed) if sealed else None)
    if plain is None:
        return None
    link_id, org_id, user_id, expires_at = plain[:16], plain[16:32], plain[32:48], int.from_bytes(plain[48:], "big")
    if instance.clock() >= expires_at:
        return None
    org, member = await instance.store.read(find_org(org_id)), await instance.store.read(find_member(org_id, user_id))
    user = await instance.store.read(find_user(user_id))
    if org is None or member is None or user is None or org.disabled_at is not None or user.disabled_at is not None:
        return None
    return Opened(org, member, user, link_id, expires_at, mailed is not None)


async def open_link(instance: Instance, text: str, address: str, here: bytes | None) -> Opened | None:
    """Use a link up. None when it was used before, or is none; see `find_link`.

    `here` is who is signed in where it is used: what the first proof of an address ends depends on that, see `store.recovery`.
    """
    opened = await find_link(instance, text)
    if opened is None:
        return None
    user_id, act = opened.member.id, Act(instance.clock(), "user", address)
    made_at, expires_at = opened.expires_at - LINK_TTL, opened.expires_at
    won = await instance.store.ask(
        enter_by_mail(user_id, opened.id, made_at, expires_at, act, is_here=user_id == here)
        if opened.is_mailed
        else spend("link", opened.id, made_at, expires_at, act.at)
    )
    if not won:
        return None
    # As they are once the link has proved what it proves.
    user = await instance.store.read(find_user(user_id))
    return opened._replace(user=user) if user else None


async def find_owners(instance: Instance, org: str | None, email: str | None) -> list[tuple[Org, Member]]:
    """The active owners in active organizations, of one or all, oldest first. Raises `not_found` for an unknown organization."""
    orgs = [await get_org(instance, org)] if org else await every_org(instance)
    return [
        (place, member)
        for place in orgs
        if place.disabled_at is None
        for member in await every_member(instance, place.id)
        if member.role == "owner"
        and member.disabled_at is None
        and (email is None or member.email == canonical_email(email))
    ]
