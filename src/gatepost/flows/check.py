"""The check of an access token for a reverse proxy: whether it may pass, and who is behind it. RFC 6750 §3, RFC 9449 §7."""

from typing import NamedTuple

from gatepost.flows.bearer import Presented, accept, check_scopes
from gatepost.flows.dpop import SeenProofs, refused
from gatepost.flows.instance import Instance
from gatepost.flows.introspect import VerifiedTokens
from gatepost.rates import Rates


class Wanted(NamedTuple):
    """What a token must be for and have to pass; without an audience, it must be for this server itself.

    `origin` is where the API's clients find it, for proofs of possession: scheme and host, and the port if it needs one.
    """

    audience: str
    scopes: frozenset[str]
    origin: str


class Passed(NamedTuple):
    """Who passes. `grant` is empty for an app that got the token for itself."""

    subject: str
    org: str
    client_id: str
    scope: str
    grant: str


class Checked(NamedTuple):
    """Who passes if the limits let them, and what those are; `org` is theirs."""

    passed: Passed
    rates: Rates | None
    org: bytes


async def check(
    instance: Instance, verified: VerifiedTokens, seen: SeenProofs, wanted: Wanted, presented: Presented
) -> Checked:
    """Whose token it is, if it passes now, and what it is held to.

    Raises `invalid_token`, `insufficient_scope`, `invalid_dpop_proof`, `use_dpop_nonce`.
    """
    accepted = await accept(instance, verified, presented, wanted.audience or instance.issuer)
    check_scopes(accepted, wanted.scopes)
    if accepted.proof and not seen.take(accepted.proof, instance.clock()):
        raise refused("it was used before", at_api=True)
    claims = accepted.claims
    passed = Passed(claims["sub"], claims["org"], claims["client_id"], accepted.scope, claims.get("gid", ""))
    return Checked(passed, accepted.rates, accepted.org)
