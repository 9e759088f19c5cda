"""The check of an access token for a reverse proxy: whether it may pass, and who is behind it. RFC 6750 §3."""

from typing import NamedTuple

from gatepost.errors import OAuthError
from gatepost.flows.instance import Instance
from gatepost.flows.introspect import VerifiedTokens, judge
from gatepost.oauth.resource import are_equal
from gatepost.oauth.scope import lowered
from gatepost.secrets import Secret


class Wanted(NamedTuple):
    """What a token must be for and have to pass; without an audience, it must be for this server itself."""

    audience: str
    scopes: frozenset[str]


class Passed(NamedTuple):
    """Who passes. `grant` is empty for an app that got the token for itself."""

    subject: str
    org: str
    client_id: str
    scope: str
    grant: str


async def check(instance: Instance, verified: VerifiedTokens, wanted: Wanted, token: Secret) -> Passed:
    """Whose token it is, if it passes now. Raises `invalid_token`, `insufficient_scope`."""
    opened = await verified.open(instance, token.reveal())
    now = instance.clock()
    if opened is None:
        raise _refused("not an access token of ours")
    claims = opened.claims
    if now >= claims["exp"] or claims["iss"] != instance.issuer:
        raise _refused("it expired, or is another issuer's")
    if not _is_for(claims["aud"], wanted.audience or instance.issuer):
        raise _refused("it is for another audience")
    reason, ceiling = await judge(instance, opened, now)
    if reason:
        raise _refused(reason)
    scope = lowered(claims["scope"], ceiling)
    if not wanted.scopes.issubset(scope.split(" ")):
        needed = " ".join(sorted(wanted.scopes))
        raise OAuthError(
            "insufficient_scope",
            f"The token lacks a scope of: {needed}.",
            scheme=f'Bearer error="insufficient_scope", scope="{needed}"',
            scope=needed,
        )
    return Passed(claims["sub"], claims["org"], claims["client_id"], scope, claims.get("gid", ""))


def _is_for(audience: str | list[str], wanted: str) -> bool:
    if isinstance(audience, str):
        return audience == wanted or are_equal(audience, wanted)
    return any(are_equal(each, wanted) for each in audience)


def _refused(why: str) -> OAuthError:
    return OAuthError(
        "invalid_token",
        "The access token is invalid, expired, revoked, or for another audience.",
        detail=why,
        scheme='Bearer error="invalid_token"',
    )
