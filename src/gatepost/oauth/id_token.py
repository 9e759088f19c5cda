"""What we say of a sign-in, and by which name of the person: ID tokens. OpenID Connect Core §2, §3.1.3, §8.1."""

import hashlib
import hmac
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson

from gatepost import base64url
from gatepost.oauth.client_metadata import ClientMetadata

ID_TOKEN_TTL = 3600


class SignIn(NamedTuple):
    """How the person had signed in, and what the app asked by name."""

    auth_time: int
    amr: tuple[str, ...]
    acr: str
    claims: dict[str, Any]


def subject_of(public: str, metadata: ClientMetadata, redirect_uri: str, salt: bytes) -> str:
    """The `sub` that an app sees: the person's id, or one that only this app's sector sees. OpenID Connect Core §8.1."""
    if metadata.subject_type != "pairwise":
        return public
    sector = metadata.sector_identifier or urlsplit(redirect_uri).hostname or redirect_uri
    return hmac.new(salt, f"{sector} {public}".encode(), "sha256").hexdigest()


def half_hash(token: str) -> str:
    """`at_hash` and its kin: the left half of the SHA-256. OpenID Connect Core §3.1.3.6."""
    return base64url.encode(hashlib.sha256(token.encode()).digest()[:16]).decode()


def render_id_token(
    issuer: str,
    subject: str,
    client_id: str,
    sign_in: SignIn,
    now: int,
    *,
    access_token: str,
    nonce: str | None,
    sid: str,
) -> dict[str, Any]:
    """The claims of an ID token about a sign-in; those about the person come on top."""
    claims = {
        "iss": issuer,
        "sub": subject,
        "aud": client_id,
        "exp": now + ID_TOKEN_TTL,
        "iat": now,
        "auth_time": sign_in.auth_time,
        "amr": list(sign_in.amr),
        "acr": sign_in.acr,
        "at_hash": half_hash(access_token),
    }
    if nonce is not None:
        claims["nonce"] = nonce
    if sid:
        claims["sid"] = sid
    return claims


def load_sign_in(text: str) -> SignIn | None:
    """How the person had signed in, as a grant keeps it; None where nobody did."""
    content = orjson.loads(text)
    return SignIn(content["auth_time"], tuple(content["amr"]), content["acr"], content["claims"]) if content else None


def dump_sign_in(auth_time: int, amr: str, acr: str, claims: dict[str, Any]) -> str:
    """A sign-in as its grant keeps it; `amr` has the methods with spaces between them."""
    return orjson.dumps({"auth_time": auth_time, "amr": amr.split(), "acr": acr, "claims": claims}).decode()
