"""A token, looked into by the operator: of which kind it is, what it says, and why it would be refused."""

from typing import Any, NamedTuple

import orjson

from gatepost import base64url
from gatepost.errors import GatepostError
from gatepost.flows.callers import authenticate_key
from gatepost.flows.instance import Instance
from gatepost.flows.introspect import judge, verified_of
from gatepost.oauth.access_token import subject
from gatepost.oauth.gate import why_dead, would_answer
from gatepost.oauth.refresh_token import is_authentic, parse_refresh_token
from gatepost.secrets import API_KEY, CLIENT_SECRET, REFRESH_TOKEN, SIGN_IN_LINK, Secret, render_id
from gatepost.store.grants import find_grant

_NO_TOKENS = {CLIENT_SECRET: "client secret", SIGN_IN_LINK: "sign-in link"}


class Inspected(NamedTuple):
    """`refused` is the reason in words; empty when the token would be accepted."""

    kind: str
    claims: dict[str, Any]
    refused: str


async def inspect_token(instance: Instance, token: Secret) -> Inspected:
    """What a token is and whether it would be accepted now. Takes any text; raises nothing for what it is."""
    text = token.reveal()
    if text.startswith(REFRESH_TOKEN):
        return await _refresh_token(instance, text)
    if text.startswith(API_KEY):
        return await _api_key(instance, text)
    if text.count(".") == 2:
        return await _access_token(instance, text)
    for prefix, kind in _NO_TOKENS.items():
        if text.startswith(prefix):
            return Inspected(kind, {}, f"a {kind} is not a token: it is never sent as one")
    return Inspected("unknown", {}, "it is neither an access token, a refresh token nor an API key of Gatepost")


async def _access_token(instance: Instance, text: str) -> Inspected:
    shown = _decoded(text)
    claims = await instance.signing.open(text)
    now = instance.clock()
    if claims is None:
        reason = "none of this server's published keys signed it, or it was changed"
    elif instance.issuer and claims["iss"] != instance.issuer:
        reason = f"its issuer is {claims['iss']}, this server is {instance.issuer}"
    elif now >= claims["exp"]:
        reason = f"it expired {now - claims['exp']} seconds ago"
    else:
        reason = (await judge(instance, verified_of(claims), now)).why_dead
    return Inspected("access token", shown, reason)


async def _refresh_token(instance: Instance, text: str) -> Inspected:
    claim = parse_refresh_token(text)
    grant = await instance.store.read(find_grant(claim.org, claim.grant))
    if grant is None or not is_authentic(claim, grant.salt, instance.keyring):
        return Inspected("refresh token", {}, "this server did not make it, it was changed, or its grant is long gone")
    claims = {
        "grant": render_id("gnt", grant.id),
        "org": render_id("org", grant.org),
        "client_id": grant.client_id,
        "sub": subject(grant),
        "scope": grant.scope,
        "generation": claim.generation,
        "current_generation": grant.generation,
    }
    reason = why_dead(grant, instance.clock())
    if not reason and not would_answer(grant, claim.generation, instance.tokens.retry_window, instance.clock()):
        reason = "it was replaced by a newer one; presenting it would end the grant"
    return Inspected("refresh token", claims, reason)


async def _api_key(instance: Instance, text: str) -> Inspected:
    try:
        caller = await authenticate_key(instance, f"Bearer {text}")
    except GatepostError as error:
        return Inspected("API key", {}, error.detail or error.description)
    assert caller.key is not None
    key = caller.key
    claims = {
        "id": render_id("key", key.id),
        "org": render_id("org", key.org),
        "name": key.name,
        "scopes": key.scopes.split(),
    }
    return Inspected("API key", claims, "")


def _decoded(text: str) -> dict[str, Any]:
    """The claims as they stand there, believed by nobody."""
    try:
        claims = orjson.loads(base64url.decode(text.encode().split(b".")[1]))
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}
