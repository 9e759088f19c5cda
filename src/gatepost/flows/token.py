"""Minting: from a grant to a pair of tokens, for the first time and again. RFC 6749 §5.1, §6; RFC 9068."""

import os
from typing import NamedTuple

from gatepost.errors import OAuthError
from gatepost.flows.instance import Instance
from gatepost.oauth.access_token import render_claims
from gatepost.oauth.gate import may_mint, retry_window
from gatepost.oauth.refresh_token import is_authentic, parse_refresh_token, render_refresh_token
from gatepost.records import Grant
from gatepost.store.events import Act
from gatepost.store.grants import Replayed, Retried, Rotated, find_grant, rotate

_NO_SALT = bytes(16)


class TokenPair(NamedTuple):
    """What a token request is answered with. The tokens are secrets: `repr` hides them."""

    access_token: str
    refresh_token: str
    expires_in: int
    scope: str

    def __repr__(self) -> str:
        return f"TokenPair(***, ***, expires_in={self.expires_in}, scope={self.scope!r})"


async def refresh(instance: Instance, refresh_token: str, address: str) -> TokenPair:
    """The next pair for a refresh token, once the rotation is durable. Raises `invalid_grant` in one way for every reason.

    The order is possession, liveness, then the one write: who does not hold an authentic token learns nothing and moves
    nothing, and a refused refresh leaves the generation where it was.
    """
    now = instance.clock()
    claim = parse_refresh_token(refresh_token)
    grant = await instance.store.read(find_grant(claim.org, claim.grant))
    if not is_authentic(claim, grant.salt if grant else _NO_SALT, instance.keyring):
        raise _refused("it is not a token of ours")
    try:
        grant = may_mint(grant, now)
    except OAuthError as error:
        raise _refused(error.detail, grant) from None
    window = retry_window(grant, instance.tokens.retry_window)
    act = Act(now, f"app:{grant.client_id}", address, grant.client_id, grant.user_id, grant.id)
    match await instance.store.ask(rotate(grant.org, grant.id, claim.generation, window, act)):
        case Rotated(generation) | Retried(generation):
            return await mint_pair(instance, grant, generation, now)
        case Replayed(event):
            raise _refused("an older generation was presented: the grant is revoked", grant, event)
        case _:
            raise _refused("the grant was revoked just now", grant)


async def mint_pair(instance: Instance, grant: Grant, generation: int, now: int) -> TokenPair:
    """An access token and the refresh token of this generation. The access token never outlives the grant."""
    ttl = min(grant.app_access_ttl or instance.tokens.access_ttl, grant.expires_at - now)
    key = await instance.signing.active()
    claims = render_claims(grant, instance.issuer, now + ttl, now, os.urandom(16))
    refresh_token = render_refresh_token(grant.org, grant.id, generation, grant.salt, instance.keyring)
    return TokenPair(key.mint(claims), refresh_token, ttl, claims["scope"])


def _refused(why: str, grant: Grant | None = None, event: bytes = b"") -> OAuthError:
    return OAuthError(
        "invalid_grant",
        "The refresh token is invalid, expired or revoked. Sign in or verify again.",
        status=401,
        scheme="Bearer",
        detail=why,
        org=grant.org if grant else b"",
        event=event,
    )
