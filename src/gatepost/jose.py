"""The signatures we make and check ourselves: ES256 over our own access tokens. RFC 7515, RFC 7518 §3.4, RFC 7638.

Only our own tokens pass here: the header is fixed when the key is loaded, so nothing in a token chooses how it is
judged. Tokens that others signed are not this module's business.
"""

import base64
import binascii
import hashlib
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

ACCESS_TOKEN_TYPE = "at+jwt"
MAX_TOKEN = 8192

_TO_URL = bytes.maketrans(b"+/", b"-_")
_ES256 = ec.ECDSA(hashes.SHA256())


def encode_segment(data: bytes) -> bytes:
    """Base64url without padding. RFC 7515 §2."""
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL).rstrip(b"=")


def decode_segment(segment: bytes) -> bytes:
    """The strict inverse of `encode_segment`. Raises ValueError on anything it would not have written."""
    try:
        data = base64.urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))
    except binascii.Error as fault:
        raise ValueError("not base64url") from fault
    if encode_segment(data) != segment:
        raise ValueError("not canonical base64url")
    return data


class SigningKey:
    """An ES256 key ready to sign: key object and header are made once. `kid` is its RFC 7638 thumbprint."""

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        self._private = private
        self.public = VerifyingKey(private.public_key())
        self.kid = self.public.kid
        self._head = self.public.head + b"."

    @classmethod
    def generate(cls) -> "SigningKey":
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def load(cls, der: bytes) -> "SigningKey":
        key = serialization.load_der_private_key(der, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError("not an EC key")
        return cls(key)

    def dump(self) -> bytes:
        """PKCS #8 DER, to be wrapped before it is stored."""
        form = serialization.PrivateFormat.PKCS8
        return self._private.private_bytes(serialization.Encoding.DER, form, serialization.NoEncryption())

    def __repr__(self) -> str:
        return f"SigningKey({self.kid})"

    def mint(self, claims: dict[str, Any]) -> str:
        """A signed JWT with these claims."""
        signed = self._head + encode_segment(orjson.dumps(claims))
        r, s = decode_dss_signature(self._private.sign(signed, _ES256))
        return (signed + b"." + encode_segment(r.to_bytes(32, "big") + s.to_bytes(32, "big"))).decode()


class VerifyingKey:
    """The public half: checks signatures and shows itself as a JWK.

    `head` is the one header segment that tokens of this key carry. A token finds its key by that segment, byte for byte,
    so no header of another making (alg, typ, crit, jku …) is ever interpreted.
    """

    def __init__(self, public: ec.EllipticCurvePublicKey) -> None:
        self._public = public
        numbers = public.public_numbers()
        x, y = (encode_segment(n.to_bytes(32, "big")).decode() for n in (numbers.x, numbers.y))
        thumbprint = hashlib.sha256(f'{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}'.encode()).digest()
        self.kid = encode_segment(thumbprint).decode()
        self.jwk = {"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": self.kid, "use": "sig", "alg": "ES256"}
        self.head = encode_segment(orjson.dumps({"alg": "ES256", "typ": ACCESS_TOKEN_TYPE, "kid": self.kid}))

    def open(self, token: bytes) -> dict[str, Any]:
        """The claims of a token whose header is `head`. Raises ValueError. Judges the signature alone, no claim."""
        signed, _, signature = token.rpartition(b".")
        payload = signed[len(self.head) + 1 :]
        raw = decode_segment(signature)
        if len(raw) != 64:
            raise ValueError("not an ES256 signature")
        der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        try:
            self._public.verify(der, signed, _ES256)
        except InvalidSignature as fault:
            raise ValueError("the signature does not match") from fault
        claims = orjson.loads(decode_segment(payload))
        if not isinstance(claims, dict):
            raise ValueError("not a set of claims")
        return claims
