"""A client's key, and the proofs that it makes with it. RFC 9449 §4.2."""

import json
import secrets
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from gatepost_sdk.jws import ES256, decode_segment, encode_segment
from gatepost_sdk.proofs import TYPE, hash_of, thumbprint

_COORDINATE_BYTES = 32


class ProofKey:
    """A client's key of its own, on P-256. `text` is what is kept of it, and a secret.

    >>> key = ProofKey.fresh()
    >>> ProofKey(key.text).jkt == key.jkt
    True
    """

    def __init__(self, text: str) -> None:
        private = serialization.load_der_private_key(decode_segment(text.encode()), None)
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise ValueError("it is not a key of an elliptic curve")
        self.text = text
        self._private = private
        point = private.public_key().public_numbers()
        x, y = (encode_segment(each.to_bytes(_COORDINATE_BYTES, "big")).decode() for each in (point.x, point.y))
        self._jwk = {"kty": "EC", "crv": "P-256", "x": x, "y": y}
        self.jkt = thumbprint(self._jwk)

    @classmethod
    def fresh(cls) -> "ProofKey":
        """A new key.

        >>> ProofKey.fresh()
        <ProofKey>
        """
        der = ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return cls(encode_segment(der).decode())

    def __repr__(self) -> str:
        return "<ProofKey>"

    def prove(self, method: str, url: str, now: float, *, token: str = "", nonce: str = "") -> str:
        """The header `DPoP` of one request.

        >>> ProofKey.fresh().prove("GET", "https://api.acme.dev/agents", 1_800_000_000, token="eyJ0eXAi…").count(".")
        2
        """
        parts = urlsplit(url)
        said = {"jti": secrets.token_urlsafe(16), "htm": method, "iat": int(now)}
        said["htu"] = parts._replace(query="", fragment="").geturl()
        said |= {"ath": hash_of(token.encode())} if token else {}
        said |= {"nonce": nonce} if nonce else {}
        head = {"typ": TYPE, "alg": ES256, "jwk": self._jwk}
        signed = b".".join(encode_segment(json.dumps(part).encode()) for part in (head, said))
        r, s = decode_dss_signature(self._private.sign(signed, ec.ECDSA(hashes.SHA256())))
        signature = r.to_bytes(_COORDINATE_BYTES, "big") + s.to_bytes(_COORDINATE_BYTES, "big")
        return (signed + b"." + encode_segment(signature)).decode()
