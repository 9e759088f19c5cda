"""An access token that somebody presents to be served, here or at an API behind a proxy.

RFC 6750 §3, RFC 9068 §4, RFC 9449 §7. The order is possession, of the token and of its key, then liveness.
"""

from typing import Any, NamedTuple

from gatepost.errors import OAuthError
from gatepost.flows.dpop import challenge as dpop_challenge
from gatepost.flows.dpop import check_proof
from gatepost.flows.instance import Instance
from gatepost.flows.introspect import VerifiedTokens, judge
from gatepost.oauth.dpop import Proof
from gatepost.oauth.resource import are_equal
from gatepost.rates import Rates
from gatepost.records import Grant
from gatepost.secrets import Secret

BEARER = "bearer"
DPOP = "dpop"
SCHEMES = (BEARER, DPOP)


class Presented(NamedTuple):
    """A token as it was sent: by which scheme, and with which proof; `method` and `uri` are what that has to be for."""

    token: Secret
    scheme: str = BEARER
    proof: str = ""
    method: str = ""
    uri: str = ""


class Accepted(NamedTuple):
    """A live token: what it says, what is left of its scope today, and the grant behind it, if there is one.

    `proof` is of the key that it is bound to, if it is; whether it was used before is for the caller to see. `rates` is what
    it is held to today.
    """

    org: bytes
    claims: dict[str, Any]
    scope: str
    grant: Grant | None
    proof: Proof | None = None
    rates: Rates | None = None


def parse_authorization(header: str) -> tuple[str, str]:
    """The scheme and the token of an Authorization header; both empty when it is of none of SCHEMES."""
    scheme, _, token = header.partition(" ")
    scheme, token = scheme.lower(), token.lstrip(" ")
    return (scheme, token) if scheme in SCHEMES and token else ("", "")


async def accept(instance: Instance, verified: VerifiedTokens, presented: Presented, audience: str) -> Accepted:
    """The token, if it is ours, live, for this audience, and sent by whom it is bound to.

    Raises `invalid_token`, `invalid_dpop_proof`, `use_dpop_nonce`.
    """
    opened = await verified.open(instance, presented.token.reveal())
    now = instance.clock()
    if opened is None:
        raise refused("not an access token of ours", presented.scheme)
    claims = opened.claims
    if now >= claims["exp"] or claims["iss"] != instance.issuer:
        raise refused("it expired, or is another issuer's", presented.scheme)
    if not _is_for(claims["aud"], audience):
        raise refused("it is for another audience", presented.scheme)
    proof = _check_key(instance, claims.get("cnf"), presented)
    standing = await judge(instance, opened, now)
    if standing.why_dead:
        raise refused(standing.why_dead, presented.scheme)
    return Accepted(opened.org, claims, standing.scope, standing.grant, proof, standing.rates)


def _check_key(instance: Instance, bound_to: dict[str, str] | None, presented: Presented) -> Proof | None:
    """The proof of the key that a token is bound to. A bound token is no bearer token, and a bearer token needs no proof."""
    if bound_to is None:
        if presented.scheme != BEARER:
            raise refused("it is bound to no key, and was sent as DPoP")
        return None
    if presented.scheme != DPOP:
        raise refused("it is bound to a key, and was sent as Bearer", DPOP)
    proof = check_proof(instance, presented.proof, presented.method, presented.uri, token=presented.token)
    if proof.jkt != bound_to["jkt"]:
        raise refused("the proof is of another key", DPOP)
    return proof


def check_scopes(accepted: Accepted, wanted: frozenset[str]) -> None:
    """Raises `insufficient_scope` unless the token has all of them."""
    if not wanted.issubset(accepted.scope.split(" ")):
        needed = " ".join(sorted(wanted))
        raise OAuthError(
            "insufficient_scope",
            f"The token lacks a scope of: {needed}.",
            scheme=f'{challenge("insufficient_scope", DPOP if accepted.proof else BEARER)}, scope="{needed}"',
            scope=needed,
        )


def refused(why: str, scheme: str = BEARER) -> OAuthError:
    """The one refusal, whatever the reason; `scheme` is how to come again."""
    return OAuthError(
        "invalid_token",
        "The access token is invalid, expired, revoked, or for another audience.",
        detail=why,
        scheme=challenge("invalid_token", scheme),
    )


def challenge(error: str, scheme: str) -> str:
    """The challenge of a scheme. RFC 6750 §3, RFC 9449 §7.1."""
    return dpop_challenge(error) if scheme == DPOP else f'Bearer error="{error}"'


def _is_for(audience: str | list[str], wanted: str) -> bool:
    if isinstance(audience, str):
        return audience == wanted or are_equal(audience, wanted)
    return any(are_equal(each, wanted) for each in audience)
