"""An access token that somebody presents to be served, here or at an API behind a proxy. RFC 6750 §3, RFC 9068 §4."""

from typing import Any, NamedTuple

from gatepost.errors import OAuthError
from gatepost.flows.instance import Instance
from gatepost.flows.introspect import VerifiedTokens, judge
from gatepost.oauth.resource import are_equal
from gatepost.records import Grant
from gatepost.secrets import Secret


class Accepted(NamedTuple):
    """A live token: what it says, what is left of its scope today, and the grant behind it, if there is one."""

    org: bytes
    claims: dict[str, Any]
    scope: str
    grant: Grant | None


async def accept(instance: Instance, verified: VerifiedTokens, token: Secret, audience: str) -> Accepted:
    """The token, if it is ours, live and for this audience. Raises `invalid_token`."""
    opened = await verified.open(instance, token.reveal())
    now = instance.clock()
    if opened is None:
        raise refused("not an access token of ours")
    claims = opened.claims
    if now >= claims["exp"] or claims["iss"] != instance.issuer:
        raise refused("it expired, or is another issuer's")
    if not _is_for(claims["aud"], audience):
        raise refused("it is for another audience")
    standing = await judge(instance, opened, now)
    if standing.why_dead:
        raise refused(standing.why_dead)
    return Accepted(opened.org, claims, standing.scope, standing.grant)


def check_scopes(accepted: Accepted, wanted: frozenset[str]) -> None:
    """Raises `insufficient_scope` unless the token has all of them."""
    if not wanted.issubset(accepted.scope.split(" ")):
        needed = " ".join(sorted(wanted))
        raise OAuthError(
            "insufficient_scope",
            f"The token lacks a scope of: {needed}.",
            scheme=f'Bearer error="insufficient_scope", scope="{needed}"',
            scope=needed,
        )


def refused(why: str) -> OAuthError:
    """The one refusal, whatever the reason."""
    return OAuthError(
        "invalid_token",
        "The access token is invalid, expired, revoked, or for another audience.",
        detail=why,
        scheme='Bearer error="invalid_token"',
    )


def _is_for(audience: str | list[str], wanted: str) -> bool:
    if isinstance(audience, str):
        return audience == wanted or are_equal(audience, wanted)
    return any(are_equal(each, wanted) for each in audience)
