"""Secrets: the type that hides them, the texts that carry them, the keys that make and check them.

Every secret we hand out is `prefix + base64url(payload + crc32)`. The checksum covers the prefix and the payload, so a
secret scanner can tell a leaked secret from noise without asking anyone.
"""

import base64
import hashlib
import hmac
import os
import struct
import time
import zlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gatepost import base64url

REFRESH_TOKEN: Final = "gp_rt_"
API_KEY: Final = "gp_key_"
CLIENT_SECRET: Final = "gp_sec_"
SIGN_IN_LINK: Final = "gp_link_"
AUTHORIZATION_CODE: Final = "gp_code_"
REQUEST_URI: Final = "gp_par_"
DEVICE_CODE: Final = "gp_dc_"
FLOW: Final = "gp_flow_"
EXIT: Final = "gp_exit_"
SESSION: Final = "gp_ses_"
HALF_SIGN_IN: Final = "gp_half_"
TOTP_SETUP: Final = "gp_totp_"
PASSKEY: Final = "gp_pass_"
REGISTRATION: Final = "gp_app_"
REGISTRATION_TOKEN: Final = "gp_reg_"
INITIAL_TOKEN: Final = "gp_iat_"
MAIL_LINK: Final = "gp_mail_"
CURSOR: Final = "gp_cur_"
SLIP: Final = "gp_slip_"
PLAY: Final = "gp_play_"

_CHECKSUM_BYTES = 4
_MAX_TEXT = 512
_BLOCK_BYTES = 64
_HALVES = struct.Struct(">QQ")
MAX_SEALED_TEXT = 12 * 1024


class Secret:
    """A text that shows itself only to `reveal()`; printing, formatting, logging or pickling it shows `***`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("A secret is not pickled.")


def render_text(prefix: str, payload: bytes) -> str:
    """The text that carries `payload`, with its checksum."""
    checksum = zlib.crc32(prefix.encode() + payload).to_bytes(_CHECKSUM_BYTES, "big")
    return prefix + base64url.encode(payload + checksum).decode()


def parse_text(prefix: str, text: str) -> bytes | None:
    """The payload of a text with this prefix; None when it is not one, to the last bit."""
    if not text.startswith(prefix) or len(text) > _MAX_TEXT or not text.isascii():
        return None
    try:
        raw = base64url.decode(text[len(prefix) :].encode())
    except ValueError:
        return None
    payload = raw[:-_CHECKSUM_BYTES]
    return payload if hmac.compare_digest(render_text(prefix, payload), text) else None


def parse_start(prefix: str, text: str, length: int) -> bytes | None:
    """The first bytes of a text with this prefix, unchecked: enough to look up what the whole text is compared with."""
    start = len(prefix)
    try:
        raw = base64url.decode(text[start : start + -(-length // 3) * 4].encode())
    except ValueError:
        return None
    return raw[:length] if len(raw) >= length and len(text) <= _MAX_TEXT and text.startswith(prefix) else None


def new_id() -> bytes:
    """A fresh 16-byte id that sorts by time: UUIDv7 with sub-millisecond order and 62 random bits. RFC 9562 §6.2, method 3.

    An id names a thing and gives no power over it.
    """
    millis, nanos = divmod(time.time_ns(), 1_000_000)
    time_part = millis << 16 | 0x7000 | (nanos << 12) // 1_000_000
    random_part = 1 << 63 | int.from_bytes(os.urandom(8), "big") >> 2
    return _HALVES.pack(time_part, random_part)


def first_id_at(seconds: int) -> bytes:
    """The least id that `new_id` could make at this instant: ids of an earlier one sort before it."""
    return (seconds * 1000 << 80).to_bytes(16, "big")


def render_id(prefix: str, raw: bytes) -> str:
    """The id as people see it, e.g. `org_0193…`: a prefix that says what it is, then 32 hex digits."""
    return f"{prefix}_{raw.hex()}"


def parse_id(prefix: str, text: str) -> bytes | None:
    """The bytes of an id with this prefix; None when the text is not one."""
    digits = text.removeprefix(prefix + "_")
    if len(digits) != 32 or len(text) != len(prefix) + 33 or digits != digits.lower():
        return None
    try:
        return bytes.fromhex(digits) if digits.isalnum() and digits.isascii() else None
    except ValueError:
        return None


class Keyring:
    """The instance key in all its versions. The newest makes, every version checks.

    Nothing in the database opens without it: it signs refresh tokens, peppers the hashes of secrets and wraps the
    signing keys. It opens nothing without the database either.
    """

    def __init__(self, versions: Mapping[int, bytes]) -> None:
        if not versions or any(len(key) != 32 or not 0 < version < 65536 for version, key in versions.items()):
            raise ValueError("An instance key is 32 bytes, with a version from 1 to 65535.")
        self.current = max(versions)
        self._versions = dict(versions)
        # A version's derived keys are made once and kept with the ring.
        self._derive = lru_cache(maxsize=64)(self._derived)
        self._prepare = lru_cache(maxsize=64)(self._prepared)
        self._cipher = lru_cache(maxsize=64)(self._made_cipher)

    @classmethod
    def parse(cls, text: str) -> "Keyring":
        """A key file's text: a line `version:base64url` for each version. Raises ValueError, without a word of the text."""
        versions = {}
        for line in filter(None, map(str.strip, text.splitlines())):
            version, _, key = line.partition(":")
            if not (version.isascii() and version.isdigit()):
                raise ValueError("a line of it does not begin with a number and a colon")
            versions[int(version)] = base64.urlsafe_b64decode(key)
        return cls(versions)

    @staticmethod
    def fresh_text() -> str:
        """The text of a new key file."""
        return f"1:{base64.urlsafe_b64encode(os.urandom(32)).decode()}\n"

    def __repr__(self) -> str:
        return f"Keyring(versions={sorted(self._versions)})"

    def _derived(self, version: int, purpose: bytes) -> bytes | None:
        key = self._versions.get(version)
        return HKDF(hashes.SHA256(), 32, None, b"gatepost " + purpose).derive(key) if key else None

    def _made_cipher(self, version: int, purpose: bytes) -> AESGCM | None:
        key = self._derive(version, purpose)
        return AESGCM(key) if key else None

    def _prepared(self, version: int, purpose: bytes) -> "tuple[hashlib._Hash, hashlib._Hash] | None":
        """The inner and outer hash of HMAC-SHA-256, each fed with its block of the key. RFC 2104 §4."""
        key = self._derive(version, purpose)
        if key is None:
            return None
        block = key.ljust(_BLOCK_BYTES, b"\0")
        return hashlib.sha256(bytes(byte ^ 0x36 for byte in block)), hashlib.sha256(
            bytes(byte ^ 0x5C for byte in block)
        )

    def _hmac(self, version: int, purpose: bytes, message: bytes) -> bytes | None:
        """HMAC-SHA-256; None when this ring lacks the version. `hmac.digest` sets OpenSSL up afresh at three times the cost."""
        prepared = self._prepare(version, purpose)
        if prepared is None:
            return None
        inner, outer = prepared[0].copy(), prepared[1].copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()

    def mac(self, version: int, message: bytes, purpose: bytes = b"refresh token") -> bytes | None:
        """HMAC-SHA-256 under a key for this purpose; None when this ring lacks the version."""
        return self._hmac(version, purpose, message)

    def hash_secret(self, secret: str, version: int = 0) -> bytes:
        """The hash we keep of a secret: HMAC-SHA-256 with the instance key of `version` (0: the current one) as pepper.

        An unknown version gives a hash that equals none.
        """
        return self._hmac(version or self.current, b"secret hash", secret.encode()) or b""

    def seal(self, purpose: bytes, plain: bytes, context: bytes = b"") -> bytes:
        """AES-256-GCM under a key for this purpose, bound to `context`: version, nonce, ciphertext."""
        cipher = self._cipher(self.current, purpose)
        assert cipher is not None
        nonce = os.urandom(12)
        return self.current.to_bytes(2, "big") + nonce + cipher.encrypt(nonce, plain, context)

    def unseal(self, purpose: bytes, sealed: bytes, context: bytes = b"") -> bytes | None:
        """What `seal` sealed; None when it was made elsewhere, for something else, or changed."""
        cipher = self._cipher(int.from_bytes(sealed[:2], "big"), purpose)
        if cipher is None or len(sealed) < 30:
            return None
        try:
            return cipher.decrypt(sealed[2:14], sealed[14:], context)
        except InvalidTag:
            return None

    def seal_text(self, prefix: str, plain: bytes) -> str:
        """What is kept nowhere but with whoever was given it: sealed, as a text with this prefix."""
        return prefix + base64url.encode(self.seal(prefix.encode(), plain)).decode()

    def unseal_text(self, prefix: str, text: str) -> bytes | None:
        """What `seal_text` sealed; None for any other text, to the last character."""
        if not text.startswith(prefix) or len(text) > MAX_SEALED_TEXT or not text.isascii():
            return None
        try:
            sealed = base64url.decode(text[len(prefix) :].encode())
        except ValueError:
            return None
        return self.unseal(prefix.encode(), sealed)
