"""Connections: who let which app do what, and the end of it."""

from gatepost.api import asks
from gatepost.api.call import Call
from gatepost.api.documents import GrantDocument, Page, Revoked
from gatepost.api.rendering import of_grant
from gatepost.errors import OAuthError
from gatepost.flows.grants import end_grant, end_grants, get_grant, grants_of
from gatepost.flows.limits import set_grant_limit
from gatepost.secrets import parse_id


async def list_grants(call: Call, ask: asks.GrantListing) -> Page[GrantDocument]:
    """List connections: of an app, of a person, or all."""
    user, after = user_of(ask.user), call.position(ask.after)
    found = await grants_of(call.instance, call.org, call.actor, ask.app, user, after, ask.limit + 1)
    return call.page(found, ask.limit, of_grant, lambda grant: grant.id)


async def show(call: Call, _: None) -> GrantDocument:
    """Show a connection."""
    return of_grant(await get_grant(call.instance, call.org, call.names["grant"], call.actor))


async def limit(call: Call, ask: asks.RateLimit) -> GrantDocument:
    """Limit how many requests a minute the tokens of a connection are good for."""
    await _check_unchanged(call)
    names = call.names
    return of_grant(await set_grant_limit(call.instance, names["grant"], [call.org], ask.rate_limit, call.actor))


async def revoke(call: Call, _: None) -> None:
    """End a connection, and every token of it."""
    await _check_unchanged(call)
    await end_grant(call.instance, call.names["grant"], [(call.org, None)], None, call.actor)


async def revoke_many(call: Call, ask: asks.GrantChoice) -> Revoked:
    """End the connections of an app, of a person, of both together, or all."""
    if not ask.all and ask.app is None and ask.user is None:
        raise OAuthError("invalid_request", "Say which: app, user, or all.", field="app")
    if ask.all and (ask.app is not None or ask.user is not None):
        raise OAuthError("invalid_request", "all goes with neither app nor user.", field="all")
    user = user_of(ask.user)
    return Revoked(await end_grants(call.instance, call.org, ask.app, user, call.actor))


async def _check_unchanged(call: Call) -> None:
    if call.if_match is not None:
        call.check_unchanged(await show(call, None))


def user_of(text: str | None) -> bytes | None:
    """A person's id. Raises `invalid_request`."""
    raw = parse_id("usr", text) if text is not None else None
    if text is not None and raw is None:
        raise OAuthError("invalid_request", "user is the id of a person, as in usr_0193...", field="user")
    return raw
