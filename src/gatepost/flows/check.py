"""The check of an access token for a reverse proxy: whether it may pass, and who is behind it. RFC 6750 §3."""

from typing import NamedTuple

from gatepost.flows.bearer import accept, check_scopes
from gatepost.flows.counting import PASSED
from gatepost.flows.instance import Instance
from gatepost.flows.introspect import VerifiedTokens
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
    accepted = await accept(instance, verified, token, wanted.audience or instance.issuer)
    check_scopes(accepted, wanted.scopes)
    instance.counts.count(accepted.org, accepted.claims["client_id"], PASSED, "check")
    claims = accepted.claims
    return Passed(claims["sub"], claims["org"], claims["client_id"], accepted.scope, claims.get("gid", ""))
