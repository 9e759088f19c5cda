"""Sessions: people signed in at browsers. Started anew at every sign-in, rotated in use, ended by the person or by time."""

import os
from typing import NamedTuple

from gatepost.flows.instance import Instance
from gatepost.oauth.session_token import PREVIOUS_SECONDS, is_authentic, parse_session_token, render_session_token
from gatepost.records import Session, User
from gatepost.secrets import Secret, new_id
from gatepost.store import sessions
from gatepost.store.events import Act
from gatepost.store.sessions import find_session, make_session, renew_session, touch_session

ROTATE_SECONDS = 900
TOUCH_SECONDS = 60
"""How exactly it is known when a session was last used."""

MAX_AGENT = 200


class SignedIn(NamedTuple):
    """A live session, and its cookie if the browser is to have a new one."""

    session: Session
    token: Secret | None = None


async def start_session(instance: Instance, user: User, amr: str, address: str, agent: str) -> SignedIn | None:
    """A new session of a person who has just proved who they are. `amr` are the methods, RFC 8176.

    None when their ways in were ended since `user` was read, before they showed what they have.
    """
    now = instance.clock()
    session = Session(
        id=new_id(),
        user_id=user.id,
        salt=os.urandom(16),
        generation=1,
        rotated_at=now,
        created_at=now,
        last_seen_at=now,
        expires_at=now + instance.sessions.ttl,
        auth_time=now,
        amr=amr,
        address=address,
        agent=agent[:MAX_AGENT],
        ended_at=None,
        email="",
        name=None,
        user_disabled_at=None,
        user_epoch=user.epoch,
    )
    made = await instance.store.ask(make_session(session, Act(now, "user", address)))
    return SignedIn(session, _token(instance, session, 1)) if made else None


async def prove_again(
    instance: Instance, session: Session, amr: str, address: str, *, is_whole: bool
) -> SignedIn | None:
    """The same session after its person proved themselves again, with a new cookie; None when it has ended meanwhile.

    `is_whole` says that this was a sign-in of its own, not a second step: then the session starts anew in time as well.
    """
    now = instance.clock()
    rested = max(session.longest_rest, now - session.last_seen_at)
    renewed = session._replace(salt=os.urandom(16), amr=amr, longest_rest=rested)
    if is_whole:
        renewed = renewed._replace(auth_time=now, expires_at=now + instance.sessions.ttl, longest_rest=0)
    generation = await instance.store.ask(renew_session(renewed, Act(now, "user", address)))
    return SignedIn(renewed, _token(instance, renewed, generation)) if generation else None


async def find_signed_in(instance: Instance, text: str, address: str) -> SignedIn | None:
    """The live session of a cookie; None for any other text, and for a session that ended or was not used for too long."""
    claim = parse_session_token(text)
    session = await instance.store.read(find_session(claim.id)) if claim else None
    if claim is None or session is None or not is_authentic(claim, session.salt, instance.keyring):
        return None
    now = instance.clock()
    if session.ended_at is not None or session.user_disabled_at is not None or now >= session.expires_at:
        return None
    if now >= session.last_seen_at + instance.sessions.idle_ttl:
        return None
    if claim.generation == session.generation:
        return await _keep_up(instance, session, now)
    if claim.generation == session.generation - 1 and now - session.rotated_at <= PREVIOUS_SECONDS:
        return SignedIn(session, _token(instance, session, session.generation))
    await end_session(instance, session.id, Act(now, "gatepost", address))
    return None


async def end_session(instance: Instance, session: bytes, act: Act) -> None:
    """End a session, and with it the grants that hang on it. One that has ended stays as it is."""
    await instance.store.ask(sessions.end_session(session, act))


async def end_sessions(instance: Instance, user_id: bytes, act: Act) -> None:
    """End every session of a person, wherever they are signed in."""
    await instance.store.ask(sessions.end_sessions(user_id, b"", act))


async def _keep_up(instance: Instance, session: Session, now: int) -> SignedIn:
    """Note that it is in use, now and then; and every quarter of an hour give it a new cookie."""
    rotates = now >= session.rotated_at + ROTATE_SECONDS
    if not rotates and now < session.last_seen_at + TOUCH_SECONDS:
        return SignedIn(session)
    moved = await instance.store.ask(touch_session(session.id, session.generation, now, rotate=rotates))
    if not (moved and rotates):
        return SignedIn(session)
    return SignedIn(session, _token(instance, session, session.generation + 1))


def _token(instance: Instance, session: Session, generation: int) -> Secret:
    return Secret(render_session_token(session.id, generation, session.salt, instance.keyring))
