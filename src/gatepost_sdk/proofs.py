"""Proofs of possession as APIs judge them. RFC 9449 §4.3, RFC 7638.

A proof shows that whoever sends a request holds the key that the token is bound to. It is good for one method, at one URL,
with one token, for a minute, and once.
"""

import hashlib
import json
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from gatepost_sdk.jws import (
    ALGORITHMS,
    encode_segment,
    is_signed_by,
    load_key,
    parse_jws,
    parse_object,
)

TYPE = "dpop+jwt"
SKEW_SECONDS = 60
REMEMBERED_PROOFS = 100_000
MAX_JTI = 255

_ID_BYTES = 16
_PORTS = {"https": 443, "http": 80}
_PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
_THUMBPRINT = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")}


class Proof(NamedTuple):
    """A proof as it was sent, and the request that it came with: the header `DPoP`, the method, and the URL.

    >>> Proof("eyJ0eXAi…", "GET", "https://api.acme.dev/agents").method
    'GET'
    """

    text: str
    method: str
    url: str


class Judged(NamedTuple):
    """A good proof: the thumbprint of its key, and what makes it this one."""

    jkt: str
    id: bytes


def judge(proof: Proof, token: str, now: float) -> Judged:
    """What a proof shows, if it is one for its request and this token. Raises ValueError. RFC 9449 §4.3."""
    jws = parse_jws(proof.text)
    alg, jwk = jws.head.get("alg"), jws.head.get("jwk")
    if jws.head.get("typ") != TYPE or alg not in ALGORITHMS:
        raise ValueError("it is not a proof, or is signed with an algorithm that is not accepted here")
    if not isinstance(jwk, dict) or _PRIVATE & jwk.keys():
        raise ValueError("it has no public key")
    key = load_key(jwk)
    if key is None or key.alg != alg or not is_signed_by(key, jws):
        raise ValueError("its key did not sign it")
    claims = parse_object(jws.payload)
    if claims.get("htm") != proof.method or normal_url(claims.get("htu")) != normal_url(proof.url):
        raise ValueError("it is for another request")
    if not _is_of_now(claims, now):
        raise ValueError("it was not made just now, or says that it is not good now")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 1 <= len(jti) <= MAX_JTI:
        raise ValueError("it has no jti")
    if claims.get("ath") != hash_of(token.encode()):
        raise ValueError("it is for another token")
    jkt = thumbprint(jwk)
    return Judged(jkt, hashlib.sha256(f"{jkt}\n{jti}".encode()).digest()[:_ID_BYTES])


def _is_of_now(claims: dict[str, Any], now: float) -> bool:
    """Whether it was made just now, and is good now by its own word, if it says one. RFC 7519 §4.1.4, §4.1.5."""
    made_at, expires_at, not_before = claims.get("iat"), claims.get("exp", now), claims.get("nbf", now)
    return (
        isinstance(made_at, int | float)
        and isinstance(expires_at, int | float)
        and isinstance(not_before, int | float)
        # Compared, never subtracted: a number of any length may stand there.
        and made_at - SKEW_SECONDS <= now <= made_at + SKEW_SECONDS
        and not_before - SKEW_SECONDS <= now < expires_at + SKEW_SECONDS
    )


def thumbprint(jwk: dict[str, Any]) -> str:
    """The name of a public key. Raises ValueError when it lacks a part of that. RFC 7638 §3."""
    members = {name: jwk.get(name) for name in _THUMBPRINT[jwk["kty"]]}
    if not all(isinstance(each, str) for each in members.values()):
        raise ValueError("its key lacks a member")
    return hash_of(json.dumps(members, separators=(",", ":"), sort_keys=True).encode())


def normal_url(url: object) -> str:
    """An http URL without query and fragment, its path decoded: frameworks have it so.

    Raises ValueError for anything else.
    """
    parts = urlsplit(url) if isinstance(url, str) else None
    if parts is None or parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
        raise ValueError("it is for no http URL")
    port = parts.port or _PORTS[parts.scheme]
    return f"{parts.scheme}://{parts.hostname}:{port}{unquote(parts.path) or '/'}"


class SeenProofs:
    """The proofs that this process has seen lately, in two generations: when one is over or full, the one before it goes."""

    def __init__(self) -> None:
        self._young: set[bytes] = set()
        self._old: set[bytes] = set()
        self._turns_at = 0.0

    def take(self, id: bytes, now: float) -> bool:
        """Whether a proof is new here. Called under a lock."""
        if now >= self._turns_at or len(self._young) >= REMEMBERED_PROOFS:
            self._old, self._young = self._young, set()
            self._turns_at = now + 2 * SKEW_SECONDS + 1
        if id in self._young or id in self._old:
            return False
        self._young.add(id)
        return True


def hash_of(data: bytes) -> str:
    """SHA-256 in base64url, as proofs and thumbprints have it."""
    return encode_segment(hashlib.sha256(data).digest()).decode()
