"""What an app may know of the person behind its token. OpenID Connect Core §5.3."""

from typing import Any

from gatepost.flows.bearer import Presented, accept, check_scopes, refused
from gatepost.flows.dpop import spend_proof
from gatepost.flows.instance import Instance
from gatepost.flows.introspect import VerifiedTokens
from gatepost.flows.known_apps import KnownApp, find_known_app
from gatepost.flows.minting import subject_for
from gatepost.jose import ID_TOKEN_TYPE
from gatepost.oauth.claims import describe_person
from gatepost.oauth.scope import OPENID
from gatepost.store.people import find_user


async def describe(instance: Instance, verified: VerifiedTokens, presented: Presented) -> dict[str, Any] | str:
    """The claims that the token's scopes give, signed if the app asked for that.

    Raises `invalid_token`, and `insufficient_scope` for a token without openid (RFC 6750 §3.1); `invalid_dpop_proof` and
    `use_dpop_nonce` for one that is bound to a key (RFC 9449 §7.1).
    """
    accepted = await accept(instance, verified, presented, instance.issuer)
    check_scopes(accepted, frozenset((OPENID,)))
    await spend_proof(instance, accepted.proof, at_api=True)
    grant = accepted.grant
    known = await find_known_app(instance, accepted.claims["client_id"])
    if grant is None or grant.user_id is None or known is None:
        raise refused("nobody stands behind it")
    user = await instance.store.read(find_user(grant.user_id))
    if user is None:
        raise refused("the person is gone")
    person = {"sub": await subject_for(instance, user.id, known), **describe_person(user, accepted.scope)}
    return await _signed(instance, known, person)


async def _signed(instance: Instance, known: KnownApp, person: dict[str, Any]) -> dict[str, Any] | str:
    alg = known.metadata.userinfo_signed_response_alg
    if alg is None:
        return person
    claims = {"iss": instance.issuer, "aud": known.app.client_id, **person}
    return await instance.signing.mint(claims, ID_TOKEN_TYPE, alg)
