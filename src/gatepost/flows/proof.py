"""What a person has to show before they change how they sign in: a browser left open must not be enough. OWASP ASVS V2.5."""

from enum import Enum

from gatepost.flows.instance import Instance
from gatepost.flows.sign_in import Passwords
from gatepost.passwords import MAX_CHARACTERS
from gatepost.records import Session
from gatepost.secrets import Secret
from gatepost.store.people import find_password_hash

FRESH_SECONDS = 900
"""How long a sign-in is proof by itself."""


class Proof(Enum):
    """What is missing: nothing, the password, or a fresh sign-in by somebody who has no password."""

    NOTHING = "nothing"
    PASSWORD = "password"
    SIGN_IN = "sign_in"


async def find_missing_proof(instance: Instance, session: Session, *, always: bool = False) -> Proof:
    """What this person has to show. `always` asks for the password even right after they signed in."""
    is_fresh = instance.clock() < session.auth_time + FRESH_SECONDS
    if is_fresh and not always:
        return Proof.NOTHING
    if await instance.store.read(find_password_hash(session.user_id)) is not None:
        return Proof.PASSWORD
    return Proof.NOTHING if is_fresh else Proof.SIGN_IN


async def is_proved(
    instance: Instance, passwords: Passwords, session: Session, password: Secret, *, always: bool = False
) -> bool:
    """Whether that was shown. Raises `temporarily_unavailable` when too many passwords are being looked at."""
    missing = await find_missing_proof(instance, session, always=always)
    if missing is Proof.PASSWORD:
        password_hash = await instance.store.read(find_password_hash(session.user_id))
        return len(password.reveal()) <= MAX_CHARACTERS and await passwords.match(password, password_hash)
    return missing is Proof.NOTHING
