"""What an access token says, and what introspection says of it. RFC 9068 §2.2, RFC 7662 §2.2."""

from typing import Any

from gatepost.oauth.scope import lowered
from gatepost.records import Grant
from gatepost.secrets import render_id


def render_claims(grant: Grant, issuer: str, expires_at: int, now: int, jti: bytes) -> dict[str, Any]:
    """The claims of an access token minted from a grant.

    `sub` is the person, or the organization itself when a service acts for it. `aud` is the resource, else the issuer.
    """
    return {
        "iss": issuer,
        "sub": subject(grant),
        "aud": grant.resource or issuer,
        "exp": expires_at,
        "iat": now,
        "jti": jti.hex(),
        "client_id": grant.client_id,
        "scope": lowered(grant.scope, grant.app_scope),
        "org": render_id("org", grant.org),
        "gid": render_id("gnt", grant.id),
    }


def subject(grant: Grant) -> str:
    """Whom tokens of this grant stand for. The prefix tells a person (`usr_`) from an organization's service (`org_`)."""
    return render_id("usr", grant.user_id) if grant.user_id else render_id("org", grant.org)


def describe_access_token(claims: dict[str, Any], ceiling: str) -> dict[str, Any]:
    """The introspection answer for a live access token, its scope held under the app's ceiling of today."""
    return {"active": True, "token_type": "Bearer", **claims, "scope": lowered(claims["scope"], ceiling)}


def describe_refresh_token(grant: Grant, issuer: str) -> dict[str, Any]:
    """The introspection answer for a live refresh token."""
    return {
        "active": True,
        "token_use": "refresh_token",
        "iss": issuer,
        "sub": subject(grant),
        "aud": issuer,
        "exp": min(grant.expires_at, grant.last_used_at + grant.idle_ttl),
        "iat": grant.rotated_at,
        "client_id": grant.client_id,
        "scope": lowered(grant.scope, grant.app_scope),
        "org": render_id("org", grant.org),
        "gid": render_id("gnt", grant.id),
    }
