"""Signing in with a password: one answer and one time for unknown, wrong and disabled. OWASP ASVS V2, NIST SP 800-63B §5.1.

Hashing is slow by design, so it runs in a pool of its own with a bounded queue: a flood of sign-ins waits or is turned
away, and never holds up a token.
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from gatepost.errors import GatepostError, OAuthError
from gatepost.flows.instance import Instance
from gatepost.flows.people import check_email
from gatepost.passwords import MAX_CHARACTERS, hash_password, is_outdated, is_password
from gatepost.records import User
from gatepost.secrets import Secret
from gatepost.store.orgs import find_owner
from gatepost.store.people import find_password_hash, find_user, replace_password_hash

T = TypeVar("T")

HASHING = 2
MAX_WAITING = 64


@cache
def _nobodys_hash() -> str:
    """What is compared with when there is nobody to compare with: of a password that nobody has, made once in a process."""
    return hash_password(os.urandom(16).hex())


class Passwords:
    """The pool in which passwords are hashed."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(HASHING, "gatepost-passwords")
        self._waiting = 0
        self._nobodys = _nobodys_hash()

    async def match(self, password: Secret, password_hash: str | None) -> bool:
        """Whether this is the password of that hash; with None, False after the same work.

        Raises `temporarily_unavailable` when too many are waiting.
        """
        matches = await self._run(is_password, password.reveal(), password_hash or self._nobodys)
        return matches and password_hash is not None

    async def hash(self, password: Secret) -> str:
        """The hash of a new password. Raises `temporarily_unavailable`, and `invalid_request` for what cannot be one."""
        return await self._run(hash_password, password.reveal())

    async def _run(self, work: Callable[..., T], *args: str) -> T:
        if self._waiting >= MAX_WAITING:
            raise OAuthError("temporarily_unavailable", "Too many people are signing in. Try again in a moment.")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, *args)
        finally:
            self._waiting -= 1


async def check_password(instance: Instance, passwords: Passwords, email: str, password: Secret) -> User | None:
    """The active person with this e-mail and password; None for every kind of wrong."""
    if len(password.reveal()) > MAX_CHARACTERS:
        return None
    try:
        user_id = await instance.store.read(find_owner("email", check_email(email)))
    except GatepostError:
        user_id = None
    user = await instance.store.read(find_user(user_id)) if user_id else None
    password_hash = await instance.store.read(find_password_hash(user.id)) if user else None
    if not await passwords.match(password, password_hash) or user is None or user.disabled_at is not None:
        return None
    if password_hash and is_outdated(password.reveal(), password_hash):
        await instance.store.ask(replace_password_hash(user.id, password_hash, await passwords.hash(password)))
    return user
