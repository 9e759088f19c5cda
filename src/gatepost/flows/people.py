"""People and their roles in organizations."""

import re
import unicodedata
from typing import NamedTuple

from gatepost.errors import GatepostError
from gatepost.flows.common_passwords import check_uncommon
from gatepost.flows.instance import Instance, fresh_epoch
from gatepost.flows.missing import missing
from gatepost.flows.organizations import get_org
from gatepost.flows.roles import ROLES, Actor, Deed
from gatepost.passwords import hash_password
from gatepost.records import Member, User
from gatepost.secrets import Secret, new_id, parse_id, render_id
from gatepost.store.orgs import find_owner
from gatepost.store.people import find_member, find_user, list_members, make_member, set_user_disabled
from gatepost.store.question import INSTANCE
from gatepost.store.sessions import change_password

MAX_EMAIL = 254
"""Characters of an e-mail address. RFC 5321 §4.5.3.1.3."""

_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*")


class JoinedUser(NamedTuple):
    """A person who is a member now; `is_new` when nobody knew the e-mail before, `is_proved` once they showed it to be theirs."""

    id: bytes
    email: str
    role: str
    is_new: bool
    is_proved: bool


def check_email(email: str) -> str:
    """The e-mail in its one canonical form, lower case. Raises `invalid_request`."""
    canonical = canonical_email(email)
    if len(canonical) > MAX_EMAIL or not _EMAIL.fullmatch(canonical):
        raise GatepostError(
            "invalid_request",
            "This is not an e-mail address that Gatepost accepts.",
            fix="as in ana@example.com",
            field="email",
        )
    return canonical


def canonical_email(email: str) -> str:
    """The form in which an e-mail is kept and compared. Of what is too long for one, only as much as shows that."""
    return unicodedata.normalize("NFKC", email.strip()[: MAX_EMAIL + 1]).strip().lower()


async def create_user(
    instance: Instance, org: bytes, email: str, role: str | None, password: Secret | None, actor: Actor
) -> JoinedUser:
    """Make a person a member of an organization; a new e-mail makes a new person. Raises `invalid_request`.

    A person who exists keeps their password. Without a role, a member keeps theirs, and a new one is a `member`. For the
    operator alone: an organization invites, and whoever is invited decides.
    """
    act = actor.check(Deed.INSTANCE_WRITE, org)
    if role is not None:
        check_role(role)
    password_hash = _hashed(instance, password) if password else None
    canonical = check_email(email)
    known = await instance.store.read(find_owner("email", canonical))
    member = await instance.store.read(find_member(org, known)) if known else None
    role = role or (member.role if member else "member")
    user_id, is_new = await instance.store.ask(
        make_member(org, new_id(), canonical, password_hash, role, fresh_epoch(), act)
    )
    user = await instance.store.read(find_user(user_id))
    is_proved = user is not None and user.email_verified_at is not None
    return JoinedUser(user_id, canonical, role, is_new, is_proved)


def check_role(role: str) -> str:
    """The role, if it is one. Raises `invalid_request`."""
    if role not in ROLES:
        raise GatepostError("invalid_request", f"role {role} is none of {', '.join(ROLES)}.", field="role")
    return role


async def every_member(instance: Instance, org: bytes) -> list[Member]:
    """All members of an organization, oldest first."""
    members: list[Member] = []
    while page := await instance.store.read(list_members(org, members[-1].id if members else b"")):
        members += page
    return members


async def get_user(instance: Instance, text: str, org: str | None = None) -> User:
    """The person with this id or e-mail; with `org`, only one of its members. Raises `not_found`."""
    user_id = parse_id("usr", text) or await instance.store.read(find_owner("email", canonical_email(text)))
    user = await instance.store.read(find_user(user_id)) if user_id else None
    place = await get_org(instance, org) if org else None
    if user is None or (place and not await instance.store.read(find_member(place.id, user.id))):
        where = f" in {place.name}" if place else ""
        raise missing("usr", text, where=where)
    return user


async def set_disabled(instance: Instance, user: User, disabled: bool, actor: Actor) -> User:
    """Disable or enable a person in every organization; answers them as they are then. For the operator alone."""
    act = actor.check(Deed.INSTANCE_WRITE, INSTANCE)
    await instance.store.ask(set_user_disabled(user.id, disabled, act))
    return await get_user(instance, render_id("usr", user.id))


async def reset_password(instance: Instance, user: User, password: Secret, actor: Actor) -> None:
    """Give a person a new password, and end their sessions: whoever else knew the old one is out with it.

    For the operator alone. Raises `invalid_request` for a password that cannot be.
    """
    act = actor.check(Deed.INSTANCE_WRITE, INSTANCE)
    await instance.store.ask(change_password(user.id, _hashed(instance, password), b"", act))


def check_new_password(instance: Instance, password: Secret) -> None:
    """Refuse what everybody tries first, unless the settings allow it. Raises `invalid_request`."""
    if not instance.passwords.allow_common:
        check_uncommon(password.reveal())


def _hashed(instance: Instance, password: Secret) -> str:
    check_new_password(instance, password)
    return hash_password(password.reveal())
