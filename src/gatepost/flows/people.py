"""People and their roles in organizations."""

import re
import unicodedata
from typing import NamedTuple

from gatepost.errors import GatepostError
from gatepost.flows.instance import Instance, fresh_epoch
from gatepost.passwords import hash_password
from gatepost.secrets import Secret, new_id
from gatepost.store.events import Act
from gatepost.store.people import make_member

ROLES = ("owner", "admin", "developer", "auditor", "member")

_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*")


class JoinedUser(NamedTuple):
    id: bytes
    email: str
    is_new: bool


def check_email(email: str) -> str:
    """The e-mail in its one canonical form, lower case. Raises `invalid_request`."""
    canonical = unicodedata.normalize("NFKC", email).strip().lower()
    if len(canonical) > 254 or not _EMAIL.fullmatch(canonical):
        raise GatepostError("invalid_request", "This is not an e-mail address that Gatepost accepts.", field="email")
    return canonical


async def create_user(
    instance: Instance, org: bytes, email: str, role: str, password: Secret | None, act: Act
) -> JoinedUser:
    """Make a person a member of an organization; a new e-mail makes a new person. Raises `invalid_request`.

    A person who exists keeps their password.
    """
    if role not in ROLES:
        raise GatepostError("invalid_request", f"role {role} is none of {', '.join(ROLES)}.", field="role")
    password_hash = hash_password(password.reveal()) if password else None
    canonical = check_email(email)
    user_id, is_new = await instance.store.ask(
        make_member(org, new_id(), canonical, password_hash, role, fresh_epoch(), act)
    )
    return JoinedUser(user_id, canonical, is_new)
