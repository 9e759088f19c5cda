"""Passwords of people: argon2id at OWASP's floor, and what may be one. NIST SP 800-63B §5.1.1."""

import contextlib
import ctypes
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from gatepost.errors import GatepostError
from gatepost.foreign_passwords import is_foreign, is_foreign_password

MIN_CHARACTERS = 8
MAX_CHARACTERS = 1000

_MEMORY_KIB = 19 * 1024

_M_MMAP_THRESHOLD = -3
_LARGE = 1 << 20


@cache
def _hasher() -> PasswordHasher:
    """The hasher, made at the first hash; from then on the memory of a hash goes back to the system after it.

    glibc would learn from the first hash to keep that much for the next one, in every process that ever made one.
    """
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE)
    return PasswordHasher(time_cost=2, memory_cost=_MEMORY_KIB, parallelism=1)


def check_password(password: str) -> None:
    """Refuse, before any hashing, what cannot be a password. Raises `invalid_request`."""
    if not password.isascii() and any("\ud800" <= character <= "\udfff" for character in password):
        raise GatepostError("invalid_request", "The password is not valid UTF-8.")
    if not MIN_CHARACTERS <= len(password) <= MAX_CHARACTERS:
        raise GatepostError(
            "invalid_request",
            f"A password has {MIN_CHARACTERS} to {MAX_CHARACTERS} characters; this one has {len(password)}.",
        )


def hash_password(password: str) -> str:
    """The argon2id hash of a password, in PHC form. Takes about 20 ms by design. Raises `invalid_request`."""
    check_password(password)
    return _hasher().hash(password)


def is_password(password: str, password_hash: str) -> bool:
    """Whether the hash is this password's. Takes as long for a wrong one as for the right one."""
    try:
        if is_foreign(password_hash):
            return is_foreign_password(password, password_hash)
        return _hasher().verify(password_hash, password)
    except (VerifyMismatchError, UnicodeEncodeError):
        return False


def is_outdated(password: str, password_hash: str) -> bool:
    """Whether a hash of this password should be made anew, in our own way: it came from elsewhere, or is of former times.

    A password that could not be set today keeps the hash that it came with.
    """
    if len(password) < MIN_CHARACTERS:
        return False
    return is_foreign(password_hash) or _hasher().check_needs_rehash(password_hash)
