"""What an app may know of the person behind its token. OpenID Connect Core §5.3."""

from typing import Any

from gatepost.errors import OAuthError
from gatepost.flows.instance import Instance
from gatepost.flows.introspect import VerifiedTokens
from gatepost.flows.known_apps import KnownApp, find_known_app
from gatepost.flows.minting import subject_for
from gatepost.jose import ID_TOKEN_TYPE
from gatepost.oauth.gate import why_dead
from gatepost.oauth.id_token import describe_person, load_sign_in
from gatepost.oauth.scope import OPENID
from gatepost.secrets import Secret
from gatepost.store.grants import find_grant
from gatepost.store.people import find_user


async def describe(instance: Instance, verified: VerifiedTokens, token: Secret) -> dict[str, Any] | str:
    """The claims that the token's scopes give, signed if the app asked for that.

    Raises `invalid_token`, and `insufficient_scope` for a token without openid. RFC 6750 §3.1.
    """
    opened = await verified.open(instance, token.reveal())
    now = instance.clock()
    if opened is None:
        raise _refused("not an access token of ours")
    claims = opened.claims
    if now >= claims["exp"] or claims["iss"] != instance.issuer:
        raise _refused("it expired, or is another issuer's")
    audience = claims["aud"]
    if instance.issuer not in ([audience] if isinstance(audience, str) else audience):
        raise _refused("it is for another audience")
    if OPENID not in claims["scope"].split():
        raise OAuthError(
            "insufficient_scope",
            "The token lacks the scope openid.",
            scheme='Bearer error="insufficient_scope", scope="openid"',
        )
    grant = await instance.store.read(find_grant(opened.org, opened.grant)) if opened.grant else None
    known = await find_known_app(instance, claims["client_id"])
    if grant is None or why_dead(grant, now) or grant.user_id is None or known is None:
        raise _refused("its grant is dead, or nobody stands behind it")
    user = await instance.store.read(find_user(grant.user_id))
    sign_in = load_sign_in(grant.authentication)
    if user is None:
        raise _refused("the person is gone")
    requested = sign_in.claims.get("userinfo", {}) if sign_in else {}
    person = {"sub": await subject_for(instance, user.id, known), **describe_person(user, claims["scope"], requested)}
    return await _signed(instance, known, person)


async def _signed(instance: Instance, known: KnownApp, person: dict[str, Any]) -> dict[str, Any] | str:
    alg = known.metadata.userinfo_signed_response_alg
    if alg is None:
        return person
    key = await instance.signing.active(alg)
    return key.mint({"iss": instance.issuer, "aud": known.app.client_id, **person}, ID_TOKEN_TYPE)


def _refused(why: str) -> OAuthError:
    return OAuthError(
        "invalid_token",
        "The access token is invalid, expired or revoked.",
        detail=why,
        scheme='Bearer error="invalid_token"',
    )
