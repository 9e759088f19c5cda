"""Revocation by token: it ends the grant, and so every token of it. RFC 7009."""

from gatepost.errors import OAuthError
from gatepost.flows.callers import Caller, check_power
from gatepost.flows.instance import Instance
from gatepost.flows.introspect import VerifiedTokens
from gatepost.oauth.refresh_token import is_authentic, parse_refresh_token
from gatepost.records import Grant
from gatepost.secrets import REFRESH_TOKEN
from gatepost.store.events import Act
from gatepost.store.grants import find_grant
from gatepost.store.question import INSTANCE
from gatepost.store.revocations import revoke_grant


async def revoke(instance: Instance, verified: VerifiedTokens, caller: Caller, token: str, address: str) -> None:
    """End the grant behind a token, durably. A token nobody knows is no fault; one of another app raises `invalid_grant`."""
    if caller.key:
        check_power(caller, "grants:revoke")
    grant = await _find_grant(instance, verified, token)
    if grant is None:
        return
    if caller.org not in (grant.org, INSTANCE) or (caller.app and caller.app.client_id != grant.client_id):
        # Who holds an authentic token learns nothing new; 200 would say that it is dead.
        raise OAuthError("invalid_grant", "This token belongs to another app; nothing was revoked.")
    act = Act(instance.clock(), caller.actor, address)
    await instance.store.ask(revoke_grant(grant.org, grant.id, act))


async def _find_grant(instance: Instance, verified: VerifiedTokens, token: str) -> Grant | None:
    """The grant that an authentic token of either kind belongs to, however old the token is."""
    if token.startswith(REFRESH_TOKEN):
        claim = parse_refresh_token(token)
        grant = await instance.store.read(find_grant(claim.org, claim.grant))
        return grant if grant and is_authentic(claim, grant.salt, instance.keyring) else None
    opened = await verified.open(instance, token)
    return await instance.store.read(find_grant(opened.org, opened.grant)) if opened else None
