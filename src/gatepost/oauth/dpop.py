"""DPoP: a proof for one request that its sender holds a key, to which what is issued is bound. RFC 9449 §4, §8.

The key comes with the proof and proves nothing of who sent it; it is what the token then belongs to. A proof is good for
one method, at one URL, for a minute around the moment it was made, and once. What a nonce adds is that it cannot have been
made long before: the server says a nonce, and whoever had the key for a moment only does not know the next one.
"""

import hashlib
import hmac
import re
from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

import orjson

from gatepost import base64url
from gatepost.light import Light
from gatepost.oauth.client_keys import fault_of
from gatepost.oauth.foreign_jwt import KEY_OF, STRONG, check_signature, id_of, instant_of, parse_jwt
from gatepost.secrets import Keyring

PROOF_TYPE = "dpop+jwt"
SKEW = 60
"""Seconds by which a proof may be older, or newer, than this moment."""
NONCE_SECONDS = 300
"""How long a nonce is given out; it is accepted for as long again."""

_THUMBPRINT = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x"), "RSA": ("e", "kty", "n")}
_PORTS = {"https": 443, "http": 80}
_ESCAPE = re.compile("%[0-9A-Fa-f]{2}")
_UNRESERVED = re.compile("[A-Za-z0-9._~-]")
_MAC_BYTES = 16


class Proof(Light, frozen=True):
    """A good proof: the key it shows, the id by which it is spent, when it was made, and until when it could be sent."""

    jkt: str
    id: bytes
    nonce: Any
    made_at: int
    expires_at: int


def algorithms_of(profile: str) -> tuple[str, ...]:
    """What the proofs of an app of this profile may be signed with."""
    return STRONG if profile == "fapi2" else tuple(KEY_OF)


def check_proof(
    text: str, method: str, uri: str, now: int, algorithms: Collection[str] = tuple(KEY_OF), token: str = ""
) -> Proof:
    """The proof, if it is one for this request and, where a token is sent with it, for this token. RFC 9449 §4.3.

    Raises ValueError. Whether it was sent before, and whether its nonce is ours, is not judged here.
    """
    jwt = parse_jwt(text)
    if jwt.typ != PROOF_TYPE:
        raise ValueError(f"its typ is not {PROOF_TYPE}")
    fault = fault_of(jwt.jwk)
    if fault:
        raise ValueError(f"its jwk {fault}")
    claims = check_signature(jwt._replace(kid=None), (jwt.jwk,), algorithms)
    if claims.get("htm") != method:
        raise ValueError("htm is another method")
    if normal_uri(claims.get("htu")) != normal_uri(uri):
        raise ValueError("htu is another place")
    made_at, expires_at, not_before = (instant_of(claims, name) for name in ("iat", "exp", "nbf"))
    if made_at is None or abs(now - made_at) > SKEW:
        raise ValueError("iat is not now")
    # These two are optional; whoever sends them is taken at their word. RFC 7519 §4.1.4, §4.1.5.
    if (expires_at or now) <= now - SKEW or (not_before or now) > now + SKEW:
        raise ValueError("it has expired, or is not good yet")
    jkt = thumbprint(jwt.jwk)
    id = id_of(claims, jkt)
    if token and claims.get("ath") != _hash(token.encode()):
        raise ValueError("ath is another token's")
    return Proof(jkt, id, claims.get("nonce"), made_at, made_at + SKEW)


def thumbprint(key: dict[str, Any]) -> str:
    """The name of a public key. RFC 7638 §3."""
    members = {name: key[name] for name in _THUMBPRINT[key["kty"]]}
    return _hash(orjson.dumps(members, option=orjson.OPT_SORT_KEYS))


def normal_uri(uri: Any) -> str:
    """An http URL without query and fragment, in the one form in which URLs are compared. RFC 3986 §6.2.2, §6.2.3.

    Raises ValueError for anything else.
    """
    if not isinstance(uri, str) or not (uri.isascii() and uri.isprintable()) or " " in uri:
        raise ValueError("htu is not a URL")
    parts = urlsplit(uri)
    host, port = parts.hostname, parts.port
    if parts.scheme not in _PORTS or not host or "@" in parts.netloc:
        raise ValueError("htu is not an http URL")
    host = f"[{host}]" if ":" in host else host
    place = host if port in (None, _PORTS[parts.scheme]) else f"{host}:{port}"
    return f"{parts.scheme}://{place}{_ESCAPE.sub(_unescaped, parts.path) or '/'}"


def origin_of(uri: str) -> str:
    """Scheme, host and port of an http URL; empty for anything else."""
    try:
        return "/".join(normal_uri(uri).split("/")[:3])
    except ValueError:
        return ""


def render_nonce(keyring: Keyring, now: int) -> str:
    """The nonce of this time: the same on every node, and kept on none. RFC 9449 §8."""
    return _nonce(keyring, keyring.current, now // NONCE_SECONDS)


def is_recent(nonce: Any, keyring: Keyring, now: int) -> bool:
    """Whether we gave this nonce out not long ago, under whichever version of the key. Clocks of nodes may differ."""
    try:
        version = int.from_bytes(base64url.decode(nonce.encode())[:2], "big") if isinstance(nonce, str) else 0
    except ValueError:
        return False
    window = now // NONCE_SECONDS
    known = (_nonce(keyring, version, each) for each in (window, window - 1, window + 1))
    return any(each and hmac.compare_digest(each, nonce) for each in known)


def _nonce(keyring: Keyring, version: int, window: int) -> str:
    """The nonce of a window of time; empty when the ring lacks the version."""
    head = version.to_bytes(2, "big") + window.to_bytes(8, "big")
    mac = keyring.mac(version, head, b"dpop nonce")
    return base64url.encode(head + mac[:_MAC_BYTES]).decode() if mac else ""


def _hash(data: bytes) -> str:
    return base64url.encode(hashlib.sha256(data).digest()).decode()


def _unescaped(escape: re.Match[str]) -> str:
    character = chr(int(escape[0][1:], 16))
    return character if _UNRESERVED.fullmatch(character) else escape[0].upper()
