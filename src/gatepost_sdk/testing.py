"""For tests of an API: an issuer in memory that mints real tokens, without a network and without a server.

from gatepost_sdk.testing import Issuer

issuer = Issuer()
issuer.install(auth)
client.get("/agents", headers=issuer.bearer(sub="usr_ana", scope="agents:read"))
"""

import contextlib
import json
import time
from collections.abc import Iterator
from typing import Any, Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from gatepost_sdk.fetch import Answer, Ask
from gatepost_sdk.guard import Guard
from gatepost_sdk.jws import encode_segment
from gatepost_sdk.token import Token
from gatepost_sdk.verifier import Verifier

TTL_SECONDS = 600


class Guarded(Protocol):
    """The `Auth` of any framework."""

    guard: Guard


class Issuer:
    """An issuer with one key. What it mints is verified as in production: signature, audience, time, scopes.

    >>> Issuer("https://auth.test", audience="https://api.test").token(sub="usr_ana").sub
    'usr_ana'
    """

    def __init__(self, issuer: str = "https://issuer.test", *, audience: str = "https://api.test") -> None:
        self.issuer = issuer
        self.audience = audience
        self.kid = "test"
        self._key = ec.generate_private_key(ec.SECP256R1())

    def mint(self, *, typ: str = "at+jwt", expires_in: int = TTL_SECONDS, **claims: Any) -> str:
        """A signed access token with these claims; those that are not given are made up, and None leaves one out.

        >>> issuer.mint(sub="usr_ana", org="org_acme", scope="agents:read").count(".")
        2
        """
        now = int(time.time())
        made_up = {"iss": self.issuer, "aud": self.audience, "sub": "usr_test", "client_id": "app_test", "scope": ""}
        said = {**made_up, "iat": now, "exp": now + expires_in, "jti": "test", **claims}
        head = {"alg": "ES256", "typ": typ, "kid": self.kid}
        signed = b".".join(_segment({k: v for k, v in part.items() if v is not None}) for part in (head, said))
        r, s = decode_dss_signature(self._key.sign(signed, ec.ECDSA(hashes.SHA256())))
        return (signed + b"." + encode_segment(r.to_bytes(32, "big") + s.to_bytes(32, "big"))).decode()

    def bearer(self, **claims: Any) -> dict[str, str]:
        """The header that carries such a token.

        >>> list(issuer.bearer(sub="usr_ana"))
        ['Authorization']
        """
        return {"Authorization": f"Bearer {self.mint(**claims)}"}

    def token(self, **claims: Any) -> Token:
        """Such a token, verified: for functions that take a Token.

        >>> sorted(issuer.token(scope="read write").scopes)
        ['read', 'write']
        """
        return Verifier(self.issuer, audience=self.audience, fetch=self.fetch).verify(self.mint(**claims))

    @contextlib.contextmanager
    def installed(self, guarded: Guarded) -> Iterator["Issuer"]:
        """Be the issuer of an `Auth` until the block ends.

        >>> with Issuer().installed(auth) as issuer:
        ...     headers = issuer.bearer(sub="usr_ana")
        """
        before = guarded.guard.verifier
        self.install(guarded)
        try:
            yield self
        finally:
            guarded.guard.verifier = before

    def install(self, guarded: Guarded) -> None:
        """Be the issuer of an `Auth` from now on: it trusts this key and nobody else's, and asks no network.

        >>> Issuer().install(auth)
        """
        before = guarded.guard.verifier
        self.issuer, self.audience = before.issuer, min(before.audience)
        guarded.guard.verifier = Verifier(before.issuer, audience=before.audience, org=before.org, fetch=self.fetch)

    def fetch(self, ask: Ask) -> Answer:
        """What the issuer answers over HTTP: its metadata and its keys.

        >>> issuer.fetch(Ask("https://issuer.test/.well-known/oauth-authorization-server")).status
        200
        """
        point = self._key.public_key().public_numbers()
        jwk = {"kty": "EC", "crv": "P-256", "kid": self.kid, "use": "sig", "alg": "ES256"}
        jwk |= {
            name: encode_segment(value.to_bytes(32, "big")).decode() for name, value in (("x", point.x), ("y", point.y))
        }
        if ask.url.endswith("/jwks.json"):
            return _answer({"keys": [jwk]})
        return _answer({"issuer": self.issuer, "jwks_uri": f"{self.issuer}/jwks.json"})


def _segment(content: dict[str, Any]) -> bytes:
    return encode_segment(json.dumps(content).encode())


def _answer(content: dict[str, Any]) -> Answer:
    return Answer(200, {}, json.dumps(content).encode())
