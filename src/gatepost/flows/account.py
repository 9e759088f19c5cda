"""The account, as its person sees and changes it: where they belong, where they are signed in, their password.

OWASP ASVS V2.1, V3.3.
"""

from typing import NamedTuple

from gatepost.flows.instance import Instance
from gatepost.flows.links import BY_LINK
from gatepost.flows.people import check_new_password
from gatepost.flows.sessions import end_session
from gatepost.flows.sign_in import Passwords
from gatepost.records import Session
from gatepost.secrets import Secret, parse_id, render_id
from gatepost.store import sessions
from gatepost.store.events import Act
from gatepost.store.people import find_password_hash, find_user, list_memberships, list_organizations_of
from gatepost.store.sessions import find_session, list_sessions

LINK_IS_PROOF = 900
"""Seconds in which a sign-in by link is proof enough to set a password without the old one."""


class Place(NamedTuple):
    """An organization that the person belongs to, and as what."""

    id: str
    name: str
    role: str


class Account(NamedTuple):
    """What the page shows. `sessions` are newest first."""

    places: list[Place]
    sessions: list[Session]
    is_verified: bool


async def view_account(instance: Instance, session: Session) -> Account:
    """The account of whoever this session is of."""
    roles = dict(await instance.store.read(list_organizations_of(session.user_id)))
    places = await instance.store.read(list_memberships(session.user_id))
    now = instance.clock()
    live = [
        each
        for each in await instance.store.read(list_sessions(session.user_id, now))
        if now < each.last_seen_at + instance.sessions.idle_ttl
    ]
    user = await instance.store.read(find_user(session.user_id))
    is_verified = user is not None and user.email_verified_at is not None
    return Account(
        [Place(render_id("org", org), name, roles[org]) for org, name, _ in places if org in roles], live, is_verified
    )


async def end_own_session(instance: Instance, session: Session, text: str, address: str) -> bool:
    """End one session of the same person. False when they have no such session."""
    raw = parse_id("ses", text)
    other = await instance.store.read(find_session(raw)) if raw else None
    if other is None or other.user_id != session.user_id:
        return False
    await end_session(instance, other.id, act_of(instance, session, address))
    return True


async def needs_password(instance: Instance, session: Session) -> bool:
    """Whether this session has to prove itself with the old password before it sets a new one."""
    if BY_LINK in session.amr.split() and instance.clock() < session.auth_time + LINK_IS_PROOF:
        return False
    return await instance.store.read(find_password_hash(session.user_id)) is not None


async def change_password(
    instance: Instance, passwords: Passwords, session: Session, old: Secret, new: Secret, address: str
) -> bool:
    """Set a new password and end every other session. False when the old one is needed and wrong, or changed meanwhile.

    Raises `invalid_request` for a new one that may not be a password.
    """
    if await needs_password(instance, session):
        known = await instance.store.read(find_password_hash(session.user_id))
        if not await passwords.match(old, known):
            return False
    check_new_password(instance, new)
    password_hash = await passwords.hash(new)
    act = act_of(instance, session, address)
    question = sessions.change_password(session.user_id, password_hash, session.id, act, session.user_epoch)
    return await instance.store.ask(question)


def act_of(instance: Instance, session: Session, address: str) -> Act:
    """What a person does with their own account."""
    who = render_id("usr", session.user_id)
    return Act(instance.clock(), who, address, user_id=session.user_id)
