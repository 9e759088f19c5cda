"""Verifying a client for a caller and issuing its first tokens: the third route of the seed."""

import os

from gatepost.errors import OAuthError
from gatepost.flows.callers import Caller, check_deed, check_in_org, check_power
from gatepost.flows.counting import ISSUED
from gatepost.flows.instance import Instance
from gatepost.flows.minting import Issued, mint, newborn
from gatepost.flows.roles import Deed
from gatepost.light import Light
from gatepost.oauth.consent import ADMIN
from gatepost.oauth.narrow import bind, narrow, needs_resources
from gatepost.oauth.redirects import nearest
from gatepost.records import App
from gatepost.secrets import new_id, parse_id
from gatepost.store.apps import find_pair, list_redirect_uris
from gatepost.store.events import Act
from gatepost.store.grants import NewGrant, make_grant
from gatepost.store.people import find_member
from gatepost.store.resources import list_resources


class VerifyAsk(Light, frozen=True):
    """Which app, at which redirect URI, for whom, and how much."""

    client_id: str
    redirect_uri: str
    user_id: str | None = None
    scope: str | None = None
    resource: str | None = None


async def verify(instance: Instance, caller: Caller, ask: VerifyAsk, address: str) -> Issued:
    """Make a grant for the app and answer its first tokens, once it is durable.

    Raises `insufficient_scope`, `invalid_client`, `redirect_uri_mismatch`, `invalid_user`, `invalid_scope`,
    `invalid_target`, and `invalid_dpop_proof` for an app whose tokens have to be bound to a key.
    """
    check_deed(caller, Deed.TOKENS_ISSUE, None)
    org = check_in_org(caller)
    now = instance.clock()
    place = (org, ask.client_id, ask.redirect_uri)
    app = instance.policy.known.get(place) or await _find_app(instance, place)
    if caller.person:
        check_deed(caller, Deed.TOKENS_ISSUE, app)
    if ask.user_id is None:
        user_id = caller.person.user_id if caller.person else None
    else:
        user_id = await _get_user(instance, caller, org, ask.user_id)
    asked = (ask.resource,) if ask.resource else ()
    known = await instance.store.read(list_resources(org)) if needs_resources(app, ask.scope, asked) else []
    issue = bind(app, narrow(app, ask.scope, asked, known), None)
    # Power over the organization is given by the person at the consent page, and by nothing that they gave before.
    if caller.person and ADMIN in issue.scope.split():
        raise OAuthError("invalid_scope", f"The scope {ADMIN} is given at the consent page alone.")
    new = NewGrant(
        id=new_id(),
        client_id=app.client_id,
        user_id=user_id,
        key_id=caller.key.id if caller.key else None,
        scope=issue.scope,
        resource=issue.resource,
        salt=os.urandom(16),
        idle_ttl=app.grant_idle_ttl or instance.tokens.grant_idle_ttl,
        expires_at=now + (app.grant_ttl or instance.tokens.grant_ttl),
    )
    act = Act(now, caller.actor, address, app.client_id, user_id, new.id)
    if not await instance.store.ask(make_grant(org, new, act)):
        raise _unknown_client()
    instance.counts.count(org, app.client_id, ISSUED, "verify")
    return await mint(instance, newborn(org, new, app, now, app.org_rate_limit), 1, now)


async def _find_app(instance: Instance, place: tuple[bytes, str, str]) -> App:
    """The live app that has this redirect URI. Only what was found so is kept, so nobody can fill the memory with guesses."""
    facts, (org, client_id, redirect_uri) = instance.policy.known, place
    app, is_registered = await instance.store.read(find_pair(*place)) or (None, False)
    if app is None or app.disabled_at is not None:
        raise _unknown_client()
    if not is_registered:
        raise _mismatch(redirect_uri, await instance.store.read(list_redirect_uris(org, client_id)))
    facts[place] = app
    return app


async def _get_user(instance: Instance, caller: Caller, org: bytes, user_id: str) -> bytes:
    """The member that an API key acts for."""
    check_power(caller, "users:act")
    raw = parse_id("usr", user_id)
    member = await instance.store.read(find_member(org, raw)) if raw else None
    if member is None or member.disabled_at is not None:
        raise OAuthError("invalid_user", "There is no such active user in this organization.", field="user_id")
    return member.id


def _unknown_client() -> OAuthError:
    return OAuthError(
        "invalid_client", "This organization has no such client, or it is disabled. Save it with POST / first."
    )


def _mismatch(received: str, registered: list[str]) -> OAuthError:
    best, index = nearest(received, registered)
    description = (
        f"The redirection_url is not registered for this client; it first differs from {best} at character {index}."
        if best
        else "This client has no redirection_url yet."
    )
    return OAuthError(
        "redirect_uri_mismatch",
        f"{description} Register it with POST /, or send a registered one.",
        received=received,
        registered=registered,
        first_difference=index,
    )
