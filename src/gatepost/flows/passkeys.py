"""Passkeys: signing in with a key that the person's device or its maker keeps. WebAuthn Level 3.

A passkey checks its person by itself, with a finger, a face or a PIN, and this server insists on that; so it counts as two
factors. What begins a ceremony is kept nowhere: the challenge is sealed, bound to a browser or a session, and good once.

The library is imported by whoever uses a passkey: it is large, and most servers' processes never see one.
"""

import ipaddress
import os
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson

from gatepost.flows.instance import Instance
from gatepost.oauth.client_metadata import check_name
from gatepost.records import Passkey, Session, User
from gatepost.secrets import PASSKEY
from gatepost.store.events import Act
from gatepost.store.passkeys import find_passkey, keep_passkey, list_passkeys, remove_passkey, use_passkey
from gatepost.store.people import find_user
from gatepost.store.spent import spend

CEREMONY_TTL = 900
MAX_PASSKEYS = 20
SYNCED, BOUND = "swk user mfa", "hwk user mfa"
"""What a sign-in by passkey is: with a key that leaves its device, or one that does not. RFC 8176."""


class Ceremony(NamedTuple):
    """What a browser is asked, as JSON for our script, and the challenge, sealed for the form that brings the answer."""

    options: str
    sealed: str


class Proved(NamedTuple):
    """Who signed in, and by which methods."""

    user: User
    amr: str


class _Challenge(NamedTuple):
    """A challenge and whose it is, in hex: a session's for a new passkey, a browser's for signing in."""

    challenge: str
    purpose: str
    owner: str
    made_at: int


def can_have_passkeys(instance: Instance) -> bool:
    """Whether this server has a name: browsers make no passkeys for a bare address. WebAuthn §5.1.2."""
    host = urlsplit(instance.issuer).hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return bool(host)
    return False


async def begin_registration(instance: Instance, session: Session) -> Ceremony:
    """Ask for a new passkey of whoever is signed in here."""
    from gatepost.webauthn import ask_to_make

    challenge = os.urandom(32)
    known = [each.id for each in await instance.store.read(list_passkeys(session.user_id))]
    name = session.name or session.email
    options = ask_to_make(instance.issuer, challenge, session.user_id, session.email, name, known)
    return _ceremony(instance, options, challenge, "create", session.id)


async def finish_registration(
    instance: Instance, session: Session, sealed: str, answer: str, name: str, address: str
) -> bool:
    """Keep the passkey that the browser made. False for any other answer. Raises `invalid_request` for a name that cannot be."""
    from gatepost.webauthn import read_made

    challenge = await _spend(instance, sealed, "create", session.id)
    if challenge is None or len(await instance.store.read(list_passkeys(session.user_id))) >= MAX_PASSKEYS:
        return False
    made = read_made(instance.issuer, challenge, answer)
    if made is None:
        return False
    now = instance.clock()
    passkey = Passkey(
        id=made.id,
        user_id=session.user_id,
        name=check_name(name),
        public_key=made.public_key,
        sign_count=made.sign_count,
        created_at=now,
        last_used_at=None,
    )
    return await instance.store.ask(keep_passkey(passkey, Act(now, "user", address), session.user_epoch))


def begin_sign_in(instance: Instance, browser: bytes) -> Ceremony:
    """Ask for any passkey of this server."""
    from gatepost.webauthn import ask_to_show

    challenge = os.urandom(32)
    return _ceremony(instance, ask_to_show(instance.issuer, challenge), challenge, "get", browser)


async def finish_sign_in(instance: Instance, browser: bytes, sealed: str, answer: str, address: str) -> Proved | None:
    """Who signed in with this answer; None for every kind of wrong, a disabled person's too."""
    from gatepost.webauthn import check_shown, parse_shown

    challenge = await _spend(instance, sealed, "get", browser)
    shown = parse_shown(answer)
    if challenge is None or shown is None or shown.user_id is None:
        return None
    user = await instance.store.read(find_user(shown.user_id))
    passkey = await instance.store.read(find_passkey(shown.id))
    if passkey is None or user is None or user.id != passkey.user_id or user.disabled_at is not None:
        return None
    used = check_shown(instance.issuer, challenge, shown, passkey.public_key)
    if used is None:
        return None
    act = Act(instance.clock(), "user", address, user_id=user.id)
    if not await instance.store.ask(use_passkey(passkey.id, used.sign_count, act)):
        return None
    return Proved(user, SYNCED if used.is_synced else BOUND)


async def passkeys_of(instance: Instance, user_id: bytes) -> list[Passkey]:
    """A person's passkeys, oldest first."""
    return await instance.store.read(list_passkeys(user_id))


async def forget_passkey(instance: Instance, session: Session, id: bytes, address: str) -> None:
    """Stop signing in with this one."""
    await instance.store.ask(remove_passkey(session.user_id, id, Act(instance.clock(), "user", address)))


def _ceremony(instance: Instance, options: Any, challenge: bytes, purpose: str, owner: bytes) -> Ceremony:
    kept = _Challenge(challenge.hex(), purpose, owner.hex(), instance.clock())
    sealed = instance.keyring.seal_text(PASSKEY, orjson.dumps(list(kept)))
    return Ceremony(orjson.dumps(options).decode(), sealed)


async def _spend(instance: Instance, sealed: str, purpose: str, owner: bytes) -> bytes | None:
    """The challenge, used up. None when it is another's, too old, or was used."""
    plain = instance.keyring.unseal_text(PASSKEY, sealed)
    kept = _Challenge(*orjson.loads(plain)) if plain else None
    now = instance.clock()
    if kept is None or (kept.purpose, kept.owner) != (purpose, owner.hex()) or now >= kept.made_at + CEREMONY_TTL:
        return None
    challenge = bytes.fromhex(kept.challenge)
    question = spend("passkey", challenge, kept.made_at, kept.made_at + CEREMONY_TTL, now)
    return challenge if await instance.store.ask(question) else None
