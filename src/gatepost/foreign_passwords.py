"""Hashes of passwords that were made elsewhere, in one text form each, and whether a password is theirs.

They are taken as they come and replaced by argon2id at the first sign-in, when the password is at hand: see `passwords`.
What a hash costs to check is bounded when it is taken, so that no file can make a sign-in take for ever.
"""

import base64
import binascii
import hashlib
import hmac
import re

_PBKDF2 = re.compile(r"\$pbkdf2-(sha1|sha256|sha512)\$i=([0-9]{1,7})\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)")
# The salt is 16 bytes in 22 characters, so of the last one only two bits count: bcrypt takes no others.
_BCRYPT = re.compile(r"\$2[aby]\$(0[4-9]|1[0-4])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")
_ARGON2 = re.compile(
    r"\$argon2(?:id|i|d)\$v=19\$m=([0-9]{1,7}),t=([0-9]{1,3}),p=([0-9]{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)"
)

MOST_ROUNDS = 2_000_000
MOST_KIB = 262_144
MOST_PASSES = 20
MOST_DIGEST_BYTES = 64
"""PBKDF2 makes a digest block by block, and spends all rounds on each: a long one would multiply its cost."""

_LEAST_ARGON2_SALT, _LEAST_ARGON2_DIGEST = 8, 4
"""Bytes below which argon2 refuses to check a hash. RFC 9106 §3.1."""
BCRYPT_BYTES = 72
"""What bcrypt reads of a password: whoever made the hash cut it off there."""


def render_pbkdf2(algorithm: str, rounds: int, salt: bytes, digest: bytes) -> str:
    """A PBKDF2 hash in the form that is kept. RFC 8018 §5.2."""
    parts = (base64.b64encode(each).decode() for each in (salt, digest))
    return f"$pbkdf2-{algorithm}$i={rounds}$" + "$".join(parts)


def render_argon2(kind: str, kib: int, passes: int, lanes: int, salt: bytes, digest: bytes) -> str:
    """An argon2 hash of version 1.3 in the form that is kept. RFC 9106."""
    parts = (base64.b64encode(each).decode().rstrip("=") for each in (salt, digest))
    return f"$argon2{kind}$v=19$m={kib},t={passes},p={lanes}$" + "$".join(parts)


def is_checkable(password_hash: str) -> bool:
    """Whether it is a hash of a kind that can be checked, at a bounded cost."""
    if found := _PBKDF2.fullmatch(password_hash):
        salt, digest = _decoded(found[3]), _decoded(found[4])
        return 0 < int(found[2]) <= MOST_ROUNDS and bool(salt) and 0 < len(digest) <= MOST_DIGEST_BYTES
    if found := _ARGON2.fullmatch(password_hash):
        kib, passes, lanes = map(int, found.groups()[:3])
        is_bounded = 8 * lanes <= kib <= MOST_KIB and 0 < passes <= MOST_PASSES and lanes > 0
        salt, digest = _unpadded(found[4]), _unpadded(found[5])
        return is_bounded and len(salt) >= _LEAST_ARGON2_SALT and len(digest) >= _LEAST_ARGON2_DIGEST
    return bool(_BCRYPT.fullmatch(password_hash))


def is_foreign(password_hash: str) -> bool:
    """Whether it is one of these kinds but argon2, which is ours too."""
    return password_hash.startswith(("$pbkdf2-", "$2"))


def is_foreign_password(password: str, password_hash: str) -> bool:
    """Whether the hash, of a kind that `is_foreign`, is this password's."""
    found = _PBKDF2.fullmatch(password_hash)
    if found is None:
        return _is_bcrypt(password, password_hash)
    salt, digest = _decoded(found[3]), _decoded(found[4])
    made = hashlib.pbkdf2_hmac(found[1], password.encode(), salt, int(found[2]), len(digest))
    return hmac.compare_digest(made, digest)


def _is_bcrypt(password: str, password_hash: str) -> bool:
    # Loaded when the first such hash is met: most instances never meet one.
    import bcrypt

    raw = password.encode()
    return b"\0" not in raw and bcrypt.checkpw(raw[:BCRYPT_BYTES], password_hash.encode())


def _unpadded(text: str) -> bytes:
    """What base64 without padding stands for; empty for any text that argon2 would not have written."""
    data = _decoded(text + "=" * (-len(text) % 4))
    return data if base64.b64encode(data).decode().rstrip("=") == text else b""


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""
