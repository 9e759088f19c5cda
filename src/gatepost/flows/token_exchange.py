"""Token exchange: a live token for one of the app that acts on with it. RFC 8693.

Nothing is written but a proof: the new token stands on everything that the old one stands on, and is looked up with it.
"""

import os
from typing import Any

from gatepost.errors import OAuthError
from gatepost.flows.dpop import spend_proof
from gatepost.flows.instance import Instance
from gatepost.flows.introspect import Standing, judge, verified_of
from gatepost.flows.minting import Issued, type_of
from gatepost.oauth.dpop import Proof
from gatepost.oauth.token_exchange import (
    ACCESS_TOKEN,
    ExchangeAsk,
    bind_exchanged,
    check_actor,
    check_exchange,
    check_may_act,
    refused,
    render_exchanged_claims,
)
from gatepost.records import App
from gatepost.store.resources import list_resources


async def exchange(instance: Instance, app: App, ask: ExchangeAsk, proof: Proof | None = None) -> Issued:
    """The new token. Raises `invalid_request` in one way for every token that is not good; `invalid_scope`, `invalid_target`."""
    if app.is_public:
        raise OAuthError("unauthorized_client", "A public app cannot act for others.")
    now = instance.clock()
    subject, standing = await _get_live(instance, app, ask.subject_token, now)
    proved = proof.jkt if proof else None
    if ask.actor_token:
        check_actor((await _get_live(instance, app, ask.actor_token, now))[0], app, proved)
    registered = await instance.store.read(list_resources(app.org))
    check_may_act(app, subject, registered, proved)
    issue = check_exchange(ask, app, subject, standing.scope, registered, instance.tokens.exchange_depth)
    issue = bind_exchanged(app, subject, issue, proved)
    await spend_proof(instance, proof)
    ttl = min(app.access_ttl or instance.tokens.access_ttl, subject["exp"] - now)
    claims = render_exchanged_claims(app, subject, standing.rates, issue, now + ttl, now, os.urandom(16))
    token = await instance.signing.mint(claims)
    return Issued(token, ttl, issue.scope, issued_token_type=ACCESS_TOKEN, token_type=type_of(claims))


async def _get_live(instance: Instance, app: App, token: str, now: int) -> tuple[dict[str, Any], Standing]:
    """What a live access token of the app's organization says, and what it stands on today."""
    claims = await instance.signing.open(token)
    if claims is None:
        raise refused("it is not an access token of ours")
    if now >= claims["exp"] or claims["iss"] != instance.issuer:
        raise refused("it expired, or is another issuer's")
    opened = verified_of(claims)
    if opened.org != app.org:
        raise refused("it is another organization's")
    standing = await judge(instance, opened, now)
    if standing.why_dead:
        raise refused(standing.why_dead)
    return claims, standing
