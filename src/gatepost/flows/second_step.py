"""The second step of signing in: codes of an authenticator app, and recovery codes for when it is lost. NIST SP 800-63B §5.1.

Between the first step and the second nobody is signed in: what the browser holds is a `HalfSignIn`, which opens the page
that asks for a code and nothing else. It is sealed, bound to the browser, and dies with the ways into the account that
there were.
"""

import base64
import hmac
import os
from typing import NamedTuple
from urllib.parse import urlsplit

import orjson

from gatepost.flows.instance import Instance
from gatepost.records import Session, User
from gatepost.secrets import HALF_SIGN_IN, TOTP_SETUP, Secret
from gatepost.store.events import Act
from gatepost.store.factors import (
    find_totp,
    list_recovery_codes,
    replace_recovery_codes,
    spend_recovery_code,
    spend_totp,
    turn_totp_off,
    turn_totp_on,
)
from gatepost.store.people import find_user
from gatepost.totp import STEP_SECONDS, find_step, new_totp_key, render_key, render_uri

HALF_TTL = 600
SETUP_TTL = 1800
RECOVERY_CODES = 10

_TOTP = b"totp key"
_CODE_BYTES = 10
_GROUP = 4


class HalfSignIn(NamedTuple):
    """A person who has done the first step, by these methods. Ids are hex; `epoch` is the person's, as it was then."""

    browser: str
    user_id: str
    amr: str
    made_at: int
    epoch: int


class TotpSetup(NamedTuple):
    """A key before it is kept: as a QR code says it, as people type it, and sealed for the form that brings it back."""

    uri: str
    key: str
    sealed: str


async def has_second_step(instance: Instance, user_id: bytes) -> bool:
    """Whether signing in takes this person two steps."""
    return await instance.store.read(find_totp(user_id)) is not None


async def count_recovery_codes(instance: Instance, user_id: bytes) -> int:
    """How many are left."""
    return len(await instance.store.read(list_recovery_codes(user_id)))


def seal_half(instance: Instance, browser: bytes, user: User, amr: str) -> str:
    """The first step, for the page of the second."""
    half = HalfSignIn(browser.hex(), user.id.hex(), amr, instance.clock(), user.epoch)
    return instance.keyring.seal_text(HALF_SIGN_IN, orjson.dumps(list(half)))


async def open_half(instance: Instance, text: str, browser: bytes) -> tuple[User, str] | None:
    """Who did the first step in this browser, and how; None when that was too long ago, or they may not go on any more."""
    plain = instance.keyring.unseal_text(HALF_SIGN_IN, text)
    half = HalfSignIn(*orjson.loads(plain)) if plain else None
    if half is None or half.browser != browser.hex() or instance.clock() >= half.made_at + HALF_TTL:
        return None
    user = await instance.store.read(find_user(bytes.fromhex(half.user_id)))
    if user is None or user.disabled_at is not None or user.epoch != half.epoch:
        return None
    return user, half.amr


async def check_code(instance: Instance, user_id: bytes, code: str, address: str) -> bool:
    """Whether this is a code of the person's app, or one of their recovery codes, and was never used. Now it is."""
    compact = _compact(code)
    if compact.isdecimal():
        return await _check_totp(instance, user_id, compact)
    for code_hash in await instance.store.read(list_recovery_codes(user_id)):
        if hmac.compare_digest(_hash(instance, user_id, compact, int.from_bytes(code_hash[:2], "big")), code_hash):
            act = Act(instance.clock(), "user", address)
            return await instance.store.ask(spend_recovery_code(user_id, code_hash, act))
    return False


async def _check_totp(instance: Instance, user_id: bytes, code: str) -> bool:
    kept = await instance.store.read(find_totp(user_id))
    key = instance.keyring.unseal(_TOTP, kept.sealed, user_id) if kept else None
    step = find_step(key, code, instance.clock()) if key else None
    return step is not None and await instance.store.ask(spend_totp(user_id, step, step * STEP_SECONDS))


def begin_setup(instance: Instance, session: Session, sealed: str = "") -> TotpSetup:
    """A new key for whoever is signed in here; or the one that is sealed in a form that did not go through."""
    key = _open_setup(instance, session, sealed) or new_totp_key()
    plain = session.id + key + instance.clock().to_bytes(8, "big")
    name = urlsplit(instance.issuer).hostname or "Gatepost"
    return TotpSetup(
        render_uri(key, name, session.email), render_key(key), instance.keyring.seal_text(TOTP_SETUP, plain)
    )


async def turn_on(
    instance: Instance, session: Session, sealed: str, code: str, address: str
) -> tuple[Secret, ...] | None:
    """Keep a key that this code proves, and answer the recovery codes. None for a wrong code, or when it is on already."""
    key = _open_setup(instance, session, sealed)
    now = instance.clock()
    step = find_step(key, _compact(code), now) if key else None
    if key is None or step is None:
        return None
    codes = _new_codes()
    kept = instance.keyring.seal(_TOTP, key, session.user_id)
    hashes, act = _hashes(instance, session, codes), Act(now, "user", address)
    question = turn_totp_on(session.user_id, kept, step, hashes, act, session.user_epoch)
    return codes if await instance.store.ask(question) else None


async def turn_off(instance: Instance, session: Session, address: str) -> None:
    """Sign in with one step from now on."""
    await instance.store.ask(turn_totp_off(session.user_id, Act(instance.clock(), "user", address)))


async def make_codes_again(instance: Instance, session: Session, address: str) -> tuple[Secret, ...] | None:
    """New recovery codes; the old ones are good for nothing. None while the second step is off."""
    codes = _new_codes()
    act = Act(instance.clock(), "user", address)
    hashes = _hashes(instance, session, codes)
    question = replace_recovery_codes(session.user_id, hashes, act, session.user_epoch)
    return codes if await instance.store.ask(question) else None


def _compact(code: str) -> str:
    """A code as people type it, without its groups, and with the digits of their script as ours."""
    compact = "".join(code.split()).replace("-", "").lower()
    return "".join(str(int(each)) if each.isdecimal() else each for each in compact)


def _open_setup(instance: Instance, session: Session, sealed: str) -> bytes | None:
    plain = instance.keyring.unseal_text(TOTP_SETUP, sealed)
    if plain is None or plain[:16] != session.id:
        return None
    return plain[16:-8] if instance.clock() < int.from_bytes(plain[-8:], "big") + SETUP_TTL else None


def _new_codes() -> tuple[Secret, ...]:
    """Codes of 80 bits, in groups that people can copy by hand."""
    texts = [base64.b32encode(os.urandom(_CODE_BYTES)).decode().lower() for _ in range(RECOVERY_CODES)]
    return tuple(
        Secret("-".join(text[start : start + _GROUP] for start in range(0, len(text), _GROUP))) for text in texts
    )


def _hashes(instance: Instance, session: Session, codes: tuple[Secret, ...]) -> tuple[bytes, ...]:
    version = instance.keyring.current
    return tuple(_hash(instance, session.user_id, code.reveal().replace("-", ""), version) for code in codes)


def _hash(instance: Instance, user_id: bytes, code: str, version: int) -> bytes:
    """What is kept of a recovery code: the version of the instance key, and a hash under it."""
    return version.to_bytes(2, "big") + instance.keyring.hash_secret(f"{user_id.hex()} {code}", version)
