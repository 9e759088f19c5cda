"""Revocation by token: it ends the grant, and so every token of it. RFC 7009.

Of a token that an app got in exchange it ends that one, and what came from it; the grant is another app's.
"""

from gatepost.errors import OAuthError
from gatepost.flows.callers import Caller, check_power
from gatepost.flows.instance import Instance
from gatepost.flows.introspect import Verified, VerifiedTokens
from gatepost.oauth.refresh_token import is_authentic, parse_refresh_token
from gatepost.records import Grant
from gatepost.secrets import REFRESH_TOKEN
from gatepost.store.events import Act
from gatepost.store.grants import find_grant
from gatepost.store.question import INSTANCE
from gatepost.store.revocations import revoke_grant, revoke_token


async def revoke(instance: Instance, verified: VerifiedTokens, caller: Caller, token: str, address: str) -> None:
    """End the grant behind a token, durably. A token nobody knows is no fault; one of another app raises `invalid_grant`."""
    if caller.key:
        check_power(caller, "grants:revoke")
    opened = None if token.startswith(REFRESH_TOKEN) else await verified.open(instance, token)
    if opened and opened.links:
        await _revoke_token(instance, caller, opened, address)
        return
    grant = await _find_grant(instance, opened, token)
    if grant is None:
        return
    _check_own(caller, grant.org, grant.app_org or grant.org, grant.client_id)
    act = Act(instance.clock(), caller.actor, address)
    await instance.store.ask(revoke_grant(grant.org, grant.id, act))


async def _revoke_token(instance: Instance, caller: Caller, opened: Verified, address: str) -> None:
    claims = opened.claims
    _check_own(caller, opened.org, opened.org, claims["client_id"])
    act = Act(instance.clock(), caller.actor, address, claims["client_id"])
    await instance.store.ask(revoke_token(opened.org, claims["jti"], act))


def _check_own(caller: Caller, org: bytes, app_org: bytes, client_id: str) -> None:
    """A key may revoke what is its organization's, an app what is its own. Raises `invalid_grant`."""
    is_own = (
        caller.app.client_id == client_id and caller.org == app_org if caller.app else caller.org in (org, INSTANCE)
    )
    if not is_own:
        # Whoever holds an authentic token learns nothing new; 200 would say that it is dead.
        raise OAuthError("invalid_grant", "This token belongs to another app; nothing was revoked.")


async def _find_grant(instance: Instance, opened: Verified | None, token: str) -> Grant | None:
    """The grant that an authentic token of either kind belongs to, however old the token is."""
    if opened:
        return await instance.store.read(find_grant(opened.org, opened.grant))
    claim = parse_refresh_token(token)
    grant = await instance.store.read(find_grant(claim.org, claim.grant))
    return grant if grant and is_authentic(claim, grant.salt, instance.keyring) else None
