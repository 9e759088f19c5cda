"""JWTs that others signed: read strictly, and judged with a key and an algorithm of our choosing. RFC 7515, RFC 8725.

A token says which key it means and which algorithm it was signed with; neither is believed. The algorithm has to be one of
a list that the caller gives, and the key one of the signer's own that is of that algorithm's very type and meant for
signatures. References to keys inside a token are not looked at, and a key in it is believed by `dpop` alone.
"""

import hashlib
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key
from joserfc.jws import JWSRegistry

from gatepost import base64url
from gatepost.jose import MAX_TOKEN

KEY_OF = {
    "PS256": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
    "RS256": ("RSA", None),
}
"""The algorithms that others may sign with, and the type and curve of the key that each is for."""

STRONG = ("PS256", "ES256", "EdDSA", "Ed25519")
"""What FAPI 2.0 Security Profile §5.4.1 allows of them."""

MAX_HEADER = 2048
MAX_INSTANT = 2**53
MAX_JTI = 255

_REFUSED_HEADERS = frozenset(("crit", "b64", "zip", "enc"))


class UnverifiedJwt(NamedTuple):
    """What a token says. Nothing of it is true until its signature is."""

    alg: str
    kid: str | None
    typ: str | None
    claims: dict[str, Any]
    signed: bytes
    signature: bytes
    jwk: Any = None
    """The key that the token brings: it proves nothing but that whoever signed has it."""


def parse_jwt(text: str) -> UnverifiedJwt:
    """The parts of a signed compact JWT. Raises ValueError for anything that two parsers could read in two ways."""
    if len(text) > MAX_TOKEN or text.count(".") != 2 or not text.isascii():
        raise ValueError(f"it is not a signed JWT of at most {MAX_TOKEN} characters")
    raw = text.encode()
    signed, _, signature = raw.rpartition(b".")
    head, _, payload = signed.partition(b".")
    if len(head) > MAX_HEADER:
        raise ValueError("its header is too long")
    header, claims = _object(head), _object(payload)
    unfit = _REFUSED_HEADERS & header.keys()
    if unfit:
        raise ValueError(f"its header has {', '.join(sorted(unfit))}")
    alg, kid, typ = (header.get(name) for name in ("alg", "kid", "typ"))
    if not isinstance(alg, str) or not isinstance(kid, str | None) or not isinstance(typ, str | None):
        raise ValueError("alg, kid or typ in its header is not a text")
    return UnverifiedJwt(alg, kid, typ, claims, signed, base64url.decode(signature), header.get("jwk"))


def check_signature(jwt: UnverifiedJwt, keys: Iterable[dict[str, Any]], algorithms: Collection[str]) -> dict[str, Any]:
    """The claims, if one of the signer's keys signed them. Raises ValueError.

    `UnknownKeyError` when no key fits what the token says of its key: the signer may have new ones.
    """
    if jwt.alg not in algorithms or jwt.alg not in KEY_OF:
        raise ValueError("its algorithm is none that is allowed")
    fitting = [key for key in keys if _fits(key, jwt)]
    if not fitting:
        raise UnknownKeyError("no key of the app's fits its kid and alg")
    if len(fitting) > 1:
        raise ValueError("more than one key fits, and it names none")
    algorithm = JWSRegistry.algorithms[jwt.alg]
    try:
        key = _load(orjson.dumps(fitting[0], option=orjson.OPT_SORT_KEYS))
        algorithm.check_key(key)
        is_good = algorithm.verify(jwt.signed, jwt.signature, key)
    except (JoseError, ValueError, TypeError) as fault:
        raise ValueError(f"its key cannot be used: {type(fault).__name__}") from None
    if not is_good:
        raise ValueError("the signature does not match")
    return jwt.claims


class UnknownKeyError(ValueError):
    """No key that is known fits."""


def instant_of(claims: dict[str, Any], name: str) -> int | None:
    """A claim that is an instant; None when it is absent. Raises ValueError for what is no sensible one."""
    value = claims.get(name)
    if value is None and name not in claims:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < MAX_INSTANT:
        raise ValueError(f"{name} is not an instant")
    return int(value)


def id_of(claims: dict[str, Any], signer: str) -> bytes:
    """What tells a token from its signer's others, so that it can be spent. Raises ValueError. RFC 7519 §4.1.7."""
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 1 <= len(jti) <= MAX_JTI:
        raise ValueError(f"jti is not a text of 1 to {MAX_JTI} characters")
    return hashlib.sha256(f"{signer}\n{jti}".encode()).digest()


def _object(segment: bytes) -> dict[str, Any]:
    text = base64url.decode(segment)
    # Some of what it says is looked up before anything proves it, and PostgreSQL has no such text.
    if b"\\u0000" in text:
        raise ValueError("a part of it has a NUL character")
    content = orjson.loads(text)
    if not isinstance(content, dict):
        raise ValueError("a part of it is not a JSON object")
    return content


def _fits(key: dict[str, Any], jwt: UnverifiedJwt) -> bool:
    kty, crv = KEY_OF[jwt.alg]
    operations = key.get("key_ops", ["verify"])
    return (
        key.get("kty") == kty
        and (crv is None or key.get("crv") == crv)
        and key.get("use", "sig") == "sig"
        and key.get("alg", jwt.alg) == jwt.alg
        and isinstance(operations, list)
        and "verify" in operations
        and (jwt.kid is None or key.get("kid") == jwt.kid)
    )


@lru_cache(maxsize=1024)
def _load(jwk: bytes) -> Key:
    """The key, parsed once: that costs as much as using it."""
    return JWKRegistry.import_key(orjson.loads(jwk))
