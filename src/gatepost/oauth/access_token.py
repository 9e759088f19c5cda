"""What an access token says, and what introspection says of it. RFC 9068 §2.2, RFC 7662 §2.2."""

from typing import Any

import orjson

from gatepost.oauth.narrow import ANY_KEY, Issue
from gatepost.oauth.scope import OPENID, lowered
from gatepost.rates import Rates
from gatepost.records import App, Grant
from gatepost.secrets import render_id


def render_claims(
    grant: Grant, issuer: str, expires_at: int, now: int, jti: bytes, narrowed: Issue | None = None
) -> dict[str, Any]:
    """The claims of an access token minted from a grant; `narrowed` is the part of it that was asked for, if not all.

    `sub` is the person, or the organization itself when a service acts for it. `aud` is the resource, else the issuer.
    `key` is the API key that made the grant, for verifiers who learn that it was revoked.
    """
    issue = narrowed or Issue(grant.scope, grant.resource)
    scope = lowered(issue.scope, grant.app_scope)
    claims = {
        "iss": issuer,
        "sub": subject(grant),
        "aud": audience(scope, issue.resource, issuer),
        "exp": expires_at,
        "iat": now,
        "jti": jti.hex(),
        "client_id": grant.client_id,
        "scope": scope,
        "org": render_id("org", grant.org),
        "gid": render_id("gnt", grant.id),
    }
    if grant.key_id:
        claims["key"] = render_id("key", grant.key_id)
    if grant.authentication != "{}":
        sign_in = orjson.loads(grant.authentication)
        claims["auth_time"], claims["acr"] = sign_in["auth_time"], sign_in["acr"]
    claims |= confirmation(issue.jkt)
    return limited(claims, grant.rates)


def render_service_claims(app: App, issue: Issue, issuer: str, expires_at: int, now: int, jti: bytes) -> dict[str, Any]:
    """The claims of an access token that an app got for itself: its subject is the app, and no grant stands behind it.

    RFC 6749 §4.4, RFC 9068 §2.2.
    """
    claims = {
        "iss": issuer,
        "sub": app.client_id,
        "aud": audience(issue.scope, issue.resource, issuer),
        "exp": expires_at,
        "iat": now,
        "jti": jti.hex(),
        "client_id": app.client_id,
        "scope": issue.scope,
        "org": render_id("org", app.org),
        **confirmation(issue.jkt),
    }
    return limited(claims, app.rates)


def limited(claims: dict[str, Any], rates: Rates | None) -> dict[str, Any]:
    """The claims, with the limits that there are: verifiers who ask nobody read them there."""
    if rates:
        claims["limits"] = rates.by_name()
    return claims


def audience(scope: str, resource: str | None, issuer: str) -> str | list[str]:
    """Whom a token is for: its resources, and this server too if it may ask here who the person is. RFC 8707 §2."""
    if not resource:
        return issuer
    uris = resource.split(" ")
    if OPENID in scope.split(" "):
        uris.append(issuer)
    return uris[0] if len(uris) == 1 else uris


def subject(grant: Grant) -> str:
    """Whom tokens of this grant stand for. The prefix tells a person (`usr_`) from an organization's service (`org_`)."""
    return render_id("usr", grant.user_id) if grant.user_id else render_id("org", grant.org)


def links_of(claims: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """The tokens that it ends with, by `jti` and `client_id`: itself, and those it was exchanged from (`via`).

    Not the one that was minted from a grant, which is the last: the grant speaks for that.
    """
    links = tuple((each["jti"], each["client_id"]) for each in (claims, *claims.get("via", ())))
    return links[:-1] if "gid" in claims else links


def describe_access_token(claims: dict[str, Any], scope: str) -> dict[str, Any]:
    """The introspection answer for a live access token; `scope` is what is left of its scope today."""
    kind = "DPoP" if "cnf" in claims else "Bearer"
    return {"active": True, "token_type": kind, **claims, "scope": scope}


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
        **confirmation(grant.jkt if grant.jkt != ANY_KEY else None),
    }


def confirmation(jkt: str | None) -> dict[str, Any]:
    """The key that a token is bound to, if it is. RFC 9449 §6.1."""
    return {"cnf": {"jkt": jkt}} if jkt else {}
