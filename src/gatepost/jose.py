"""The signatures we make and check ourselves: over our own tokens. RFC 7515, RFC 7518 §3.3, §3.4, RFC 7638.

Access tokens are ES256; ID tokens are RS256 unless an app asks for ES256. Only our own tokens pass here: the headers are
fixed when a key is loaded, so nothing in a token chooses how it is judged. Tokens that others signed are not this module's
business.
"""

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from gatepost import base64url

ES256 = "ES256"
RS256 = "RS256"

ACCESS_TOKEN_TYPE = "at+jwt"
ID_TOKEN_TYPE = "JWT"
LOGOUT_TOKEN_TYPE = "logout+jwt"
REVOCATIONS_TYPE = "revocations+jwt"
SEAL_TYPE = "event-seal+jwt"
TYPES = (ACCESS_TOKEN_TYPE, ID_TOKEN_TYPE, LOGOUT_TOKEN_TYPE, REVOCATIONS_TYPE, SEAL_TYPE)

MAX_TOKEN = 8192

_SHA256 = hashes.SHA256()
_ECDSA = ec.ECDSA(_SHA256)
_PKCS1 = padding.PKCS1v15()
_RSA_BITS = 2048

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey: TypeAlias = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

MAKERS: dict[str, Callable[[], PrivateKey]] = {
    ES256: partial(ec.generate_private_key, ec.SECP256R1()),
    RS256: partial(rsa.generate_private_key, public_exponent=65537, key_size=_RSA_BITS),
}
ALGORITHMS = tuple(MAKERS)


class SigningKey:
    """A key ready to sign: key object and headers are made once. `kid` is its RFC 7638 thumbprint."""

    def __init__(self, private: PrivateKey) -> None:
        self._private = private
        if isinstance(private, rsa.RSAPrivateKey):
            self._sign = partial(_sign_rs256, private)
        else:
            self._sign = partial(_sign_es256, private)
        self.public = VerifyingKey(private.public_key())
        self.kid = self.public.kid
        self.alg = self.public.alg

    @classmethod
    def generate(cls, alg: str = ES256) -> "SigningKey":
        return cls(MAKERS[alg]())

    @classmethod
    def load(cls, der: bytes) -> "SigningKey":
        # What `dump()` gave comes back out of its wrapping as it was: proving the primes again would take 35 ms.
        key = serialization.load_der_private_key(der, password=None, unsafe_skip_rsa_key_validation=True)
        if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            raise TypeError("neither an EC nor an RSA key")
        return cls(key)

    def dump(self) -> bytes:
        """PKCS #8 DER, to be wrapped before it is stored."""
        form = serialization.PrivateFormat.PKCS8
        return self._private.private_bytes(serialization.Encoding.DER, form, serialization.NoEncryption())

    def __repr__(self) -> str:
        return f"SigningKey({self.kid})"

    def mint(self, claims: dict[str, Any], typ: str = ACCESS_TOKEN_TYPE) -> str:
        """A signed JWT of this type with these claims."""
        return self.sign(self.render(claims, typ))

    def render(self, claims: dict[str, Any], typ: str) -> bytes:
        """What is signed of such a JWT: its first two segments. RFC 7515 §5.1."""
        return self.public.heads[typ] + b"." + base64url.encode(orjson.dumps(claims))

    def sign(self, text: bytes) -> str:
        """The JWT of what `render` gave."""
        return (text + b"." + base64url.encode(self._sign(text))).decode()


def _sign_rs256(private: rsa.RSAPrivateKey, signed: bytes) -> bytes:
    return private.sign(signed, _PKCS1, _SHA256)


def _sign_es256(private: ec.EllipticCurvePrivateKey, signed: bytes) -> bytes:
    # A sequence of two integers (RFC 3279 §2.2.3), each as long as it is, becomes two of 32 bytes (RFC 7518 §3.4).
    der = private.sign(signed, _ECDSA)
    end = 4 + der[3]
    return der[4:end][-32:].rjust(32, b"\0") + der[end + 2 :][-32:].rjust(32, b"\0")


class VerifyingKey:
    """The public half: checks signatures and shows itself as a JWK.

    `heads` are the header segments that tokens of this key carry, one for each type. A token finds its key by that
    segment, byte for byte, so no header of another making (alg, typ, crit, jku …) is ever interpreted.
    """

    def __init__(self, public: PublicKey) -> None:
        self._public = public
        self.alg, members = _members(public)
        # The members that count, in their alphabetical order: what RFC 7638 hashes.
        self.kid = base64url.encode(
            hashlib.sha256(orjson.dumps(members, option=orjson.OPT_SORT_KEYS)).digest()
        ).decode()
        self.jwk = {**members, "kid": self.kid, "use": "sig", "alg": self.alg}
        self.heads = {
            typ: base64url.encode(orjson.dumps({"alg": self.alg, "typ": typ, "kid": self.kid})) for typ in TYPES
        }

    @classmethod
    def load(cls, der: bytes) -> "VerifyingKey":
        key = serialization.load_der_public_key(der)
        if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
            raise TypeError("neither an EC nor an RSA key")
        return cls(key)

    def dump(self) -> bytes:
        """SubjectPublicKeyInfo, DER. RFC 5280 §4.1.2.7."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self._public.public_bytes(serialization.Encoding.DER, form)

    def open(self, token: bytes) -> dict[str, Any]:
        """The claims of a token whose header is one of `heads`. Raises ValueError. Judges the signature alone, no claim."""
        signed, _, signature = token.rpartition(b".")
        head, _, payload = signed.partition(b".")
        if head not in self.heads.values():
            raise ValueError("not a header of this key")
        try:
            self._verify(base64url.decode(signature), signed)
        except InvalidSignature as fault:
            raise ValueError("the signature does not match") from fault
        claims = orjson.loads(base64url.decode(payload))
        if not isinstance(claims, dict):
            raise ValueError("not a set of claims")
        return claims

    def _verify(self, signature: bytes, signed: bytes) -> None:
        if isinstance(self._public, rsa.RSAPublicKey):
            self._public.verify(signature, signed, _PKCS1, _SHA256)
            return
        if len(signature) != 64:
            raise ValueError("not an ES256 signature")
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        self._public.verify(encode_dss_signature(r, s), signed, _ECDSA)


def _members(public: PublicKey) -> tuple[str, dict[str, str]]:
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        return RS256, {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
    point = public.public_numbers()
    return ES256, {"kty": "EC", "crv": "P-256", "x": _number(point.x, 32), "y": _number(point.y, 32)}


def _number(number: int, length: int = 0) -> str:
    return base64url.encode(number.to_bytes(length or (number.bit_length() + 7) // 8, "big")).decode()
