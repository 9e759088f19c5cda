"""Signatures of others, judged strictly: one shape, two algorithms, and nothing in a token chooses its key's. RFC 7515, 8725."""

import base64
import binascii
import json
from typing import Any, NamedTuple, NoReturn, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

ES256 = "ES256"
RS256 = "RS256"
ALGORITHMS = (ES256, RS256)

MAX_TOKEN = 8192
MIN_RSA_BITS = 2048
MAX_RSA_BITS = 8192
MAX_EXPONENT_BITS = 64
"""Beyond these a signature costs more to verify than it should cost to send."""

_ECDSA = ec.ECDSA(hashes.SHA256())
_TYPES = {"EC": ES256, "RSA": RS256}

PublicKey: TypeAlias = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


class Key(NamedTuple):
    """A key that an issuer published. It verifies one algorithm, its own."""

    alg: str
    public: PublicKey


class Jws(NamedTuple):
    """A JWT that was taken apart, and not yet judged."""

    head: dict[str, Any]
    payload: bytes
    signed: bytes
    signature: bytes


def decode_segment(segment: bytes) -> bytes:
    """Base64url without padding. RFC 7515 §2. Raises ValueError on anything else, and on a second way to write the same."""
    try:
        data = base64.urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))
    except binascii.Error as fault:
        raise ValueError("not base64url") from fault
    if encode_segment(data) != segment:
        raise ValueError("not canonical base64url")
    return data


def encode_segment(data: bytes) -> bytes:
    """The inverse of `decode_segment`."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def parse_jws(raw: str, limit: int = MAX_TOKEN) -> Jws:
    """A compact JWS in its parts. Raises ValueError if it is not one that this module could judge."""
    token = raw.encode("ascii")
    if len(token) > limit:
        raise ValueError(f"longer than {limit} characters")
    signed, _, signature = token.rpartition(b".")
    head, _, payload = signed.partition(b".")
    # An extension that must be understood is one that is not understood here. RFC 7515 §4.1.11.
    if "crit" in (members := parse_object(decode_segment(head))):
        raise ValueError("it has critical extensions")
    return Jws(members, decode_segment(payload), signed, decode_segment(signature))


def parse_object(data: bytes) -> dict[str, Any]:
    """A JSON object. Raises ValueError."""
    try:
        value = json.loads(data, parse_constant=_refuse)
    except RecursionError as fault:
        raise ValueError("nested too deeply") from fault
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


def _refuse(word: str) -> NoReturn:
    """NaN is no JSON, and neither before nor after any instant."""
    raise ValueError(f"{word} is no JSON")


def is_signed_by(key: Key, jws: Jws) -> bool:
    """Whether this key made the signature."""
    try:
        if isinstance(key.public, rsa.RSAPublicKey):
            key.public.verify(jws.signature, jws.signed, padding.PKCS1v15(), hashes.SHA256())
            return True
        if len(jws.signature) != 64:
            return False
        r, s = int.from_bytes(jws.signature[:32], "big"), int.from_bytes(jws.signature[32:], "big")
        key.public.verify(encode_dss_signature(r, s), jws.signed, _ECDSA)
        return True
    except InvalidSignature:
        return False


def load_keys(jwks: dict[str, Any]) -> dict[str, Key]:
    """The keys of a JWK set that verify signatures of ours, by `kid`; others are passed over. RFC 7517 §5."""
    listed = jwks.get("keys")
    if not isinstance(listed, list):
        raise ValueError("a JWK set has a list of keys")
    found = {jwk["kid"]: load_key(jwk) for jwk in listed if isinstance(jwk, dict) and isinstance(jwk.get("kid"), str)}
    return {kid: key for kid, key in found.items() if key}


def _is_for_us(jwk: dict[str, Any]) -> bool:
    alg = _TYPES.get(str(jwk.get("kty")))
    return (
        alg is not None
        and jwk.get("use", "sig") == "sig"
        and jwk.get("alg", alg) == alg
        and jwk.get("crv", "P-256") == "P-256"
    )


def load_key(jwk: dict[str, Any]) -> Key | None:
    """The key, unless it is another kind's, broken or weak: then nothing of it is accepted. RFC 7517 §4."""
    if not _is_for_us(jwk):
        return None
    try:
        if jwk["kty"] == "EC":
            point = ec.EllipticCurvePublicNumbers(_number(jwk, "x"), _number(jwk, "y"), ec.SECP256R1())
            return Key(ES256, point.public_key())
        public = rsa.RSAPublicNumbers(_number(jwk, "e"), _number(jwk, "n")).public_key()
    except ValueError:
        return None
    is_fit = (
        MIN_RSA_BITS <= public.key_size <= MAX_RSA_BITS and public.public_numbers().e.bit_length() <= MAX_EXPONENT_BITS
    )
    return Key(RS256, public) if is_fit else None


def _number(jwk: dict[str, Any], name: str) -> int:
    return int.from_bytes(decode_segment(str(jwk.get(name)).encode()), "big")
