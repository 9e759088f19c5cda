"""Passkeys: signing in with a key that the person's device or its maker keeps. WebAuthn Level 3.

A passkey checks its person by itself, with a finger, a face or a PIN, and this server insists on that; so it counts as two
factors. What begins a ceremony is kept nowhere: the challenge is sealed, bound to a browser or a session, and good once.
"""

import ipaddress
import os
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson
from fido2 import cbor
from fido2.cose import CoseKey, UnsupportedKey
from fido2.server import Fido2Server
from fido2.utils import websafe_encode
from fido2.webauthn import (
    Aaguid,
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialType,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from gatepost.flows.instance import Instance
from gatepost.oauth.client_metadata import check_name
from gatepost.records import Passkey, Session
from gatepost.secrets import PASSKEY
from gatepost.store.events import Act
from gatepost.store.passkeys import find_passkey, keep_passkey, list_passkeys, remove_passkey, use_passkey
from gatepost.store.people import find_user, spend

CEREMONY_TTL = 900
MAX_PASSKEYS = 20
SYNCED, BOUND = "swk user mfa", "hwk user mfa"
"""What a sign-in by passkey is: with a key that leaves its device, or one that does not. RFC 8176."""

_REQUIRED = UserVerificationRequirement.REQUIRED


class Ceremony(NamedTuple):
    """What a browser is asked, as JSON for our script, and the challenge, sealed for the form that brings the answer."""

    options: str
    sealed: str


class Proved(NamedTuple):
    """Who signed in, and by which methods."""

    user_id: bytes
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
    challenge = os.urandom(32)
    known = await instance.store.read(list_passkeys(session.user_id))
    user = PublicKeyCredentialUserEntity(
        id=session.user_id, name=session.email, display_name=session.name or session.email
    )
    options, _ = _server(instance).register_begin(
        user,
        [PublicKeyCredentialDescriptor(type=PublicKeyCredentialType.PUBLIC_KEY, id=each.id) for each in known],
        resident_key_requirement=ResidentKeyRequirement.REQUIRED,
        user_verification=_REQUIRED,
        challenge=challenge,
    )
    return _ceremony(instance, options.public_key, challenge, "create", session.id)


async def finish_registration(
    instance: Instance, session: Session, sealed: str, answer: str, name: str, address: str
) -> bool:
    """Keep the passkey that the browser made. False for any other answer. Raises `invalid_request` for a name that cannot be."""
    challenge = await _spend(instance, sealed, "create", session.id)
    if challenge is None or len(await instance.store.read(list_passkeys(session.user_id))) >= MAX_PASSKEYS:
        return False
    try:
        response = RegistrationResponse.from_dict(orjson.loads(answer))
        data = _server(instance).register_complete(_state(challenge), response)
        made = data.credential_data
        is_known = made is not None and not isinstance(made.public_key, UnsupportedKey)
        is_framed = response.response.client_data.cross_origin
    except Exception:
        # Strangers' bytes go through the library's parsers: whatever they raise, this is no passkey.
        return False
    if made is None or not is_known or is_framed:
        return False
    now = instance.clock()
    passkey = Passkey(
        id=made.credential_id,
        user_id=session.user_id,
        name=check_name(name),
        public_key=cbor.encode(made.public_key),
        sign_count=data.counter,
        created_at=now,
        last_used_at=None,
    )
    return await instance.store.ask(keep_passkey(passkey, Act(now, "user", address)))


def begin_sign_in(instance: Instance, browser: bytes) -> Ceremony:
    """Ask for any passkey of this server."""
    challenge = os.urandom(32)
    options, _ = _server(instance).authenticate_begin(user_verification=_REQUIRED, challenge=challenge)
    return _ceremony(instance, options.public_key, challenge, "get", browser)


async def finish_sign_in(instance: Instance, browser: bytes, sealed: str, answer: str, address: str) -> Proved | None:
    """Who signed in with this answer; None for every kind of wrong, a disabled person's too."""
    challenge = await _spend(instance, sealed, "get", browser)
    if challenge is None:
        return None
    try:
        response = AuthenticationResponse.from_dict(orjson.loads(answer))
        credential_id, handle = response.raw_id, response.response.user_handle
        data, is_framed = response.response.authenticator_data, response.response.client_data.cross_origin
    except Exception:
        return None
    passkey = await instance.store.read(find_passkey(credential_id))
    if passkey is None or handle != passkey.user_id or is_framed:
        return None
    try:
        _server(instance).authenticate_complete(_state(challenge), [_credential(passkey)], response)
    except Exception:
        return None
    user = await instance.store.read(find_user(passkey.user_id))
    if user is None or user.disabled_at is not None:
        return None
    act = Act(instance.clock(), "user", address, user_id=user.id)
    if not await instance.store.ask(use_passkey(passkey.id, data.counter, act)):
        return None
    return Proved(user.id, SYNCED if data.is_backup_eligible() else BOUND)


async def passkeys_of(instance: Instance, user_id: bytes) -> list[Passkey]:
    """A person's passkeys, oldest first."""
    return await instance.store.read(list_passkeys(user_id))


async def forget_passkey(instance: Instance, session: Session, id: bytes, address: str) -> None:
    """Sign in with this one no more."""
    await instance.store.ask(remove_passkey(session.user_id, id, Act(instance.clock(), "user", address)))


def _server(instance: Instance) -> Fido2Server:
    """The relying party, as the configuration has it: nothing of it comes from a request."""
    issuer = urlsplit(instance.issuer)
    origin = f"{issuer.scheme}://{issuer.netloc}"
    return Fido2Server(PublicKeyCredentialRpEntity(name="Gatepost", id=issuer.hostname), verify_origin=origin.__eq__)


def _ceremony(instance: Instance, options: Any, challenge: bytes, purpose: str, owner: bytes) -> Ceremony:
    kept = _Challenge(challenge.hex(), purpose, owner.hex(), instance.clock())
    sealed = instance.keyring.seal_text(PASSKEY, orjson.dumps(list(kept)))
    return Ceremony(orjson.dumps(dict(options)).decode(), sealed)


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


def _state(challenge: bytes) -> dict[str, Any]:
    """A ceremony's beginning, as the library writes it down."""
    return {"challenge": websafe_encode(challenge), "user_verification": _REQUIRED}


def _credential(passkey: Passkey) -> AttestedCredentialData:
    content = cbor.decode(passkey.public_key)
    assert isinstance(content, Mapping)
    return AttestedCredentialData.create(Aaguid.NONE, passkey.id, CoseKey.parse(content))
