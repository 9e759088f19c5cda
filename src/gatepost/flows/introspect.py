"""Introspection: whether a token is good now, told to whom it concerns. RFC 7662."""

from typing import Any, NamedTuple

from gatepost.flows.callers import Caller, check_power
from gatepost.flows.counting import PASSED
from gatepost.flows.instance import Instance
from gatepost.flows.known_apps import find_known_app
from gatepost.jose import MAX_TOKEN
from gatepost.oauth.access_token import describe_access_token, describe_refresh_token, links_of
from gatepost.oauth.gate import why_dead, would_answer
from gatepost.oauth.refresh_token import is_authentic, parse_refresh_token
from gatepost.oauth.scope import lowered
from gatepost.rates import Rates, handed_on
from gatepost.records import Grant
from gatepost.secrets import REFRESH_TOKEN, parse_id
from gatepost.store.grants import find_grant
from gatepost.store.question import INSTANCE
from gatepost.store.resources import is_served_by
from gatepost.store.revocations import is_token_revoked

INACTIVE: dict[str, Any] = {"active": False}

REMEMBERED = 4096


class Verified(NamedTuple):
    """An access token of ours: what it says, the grant behind it, and the tokens it ends with.

    `grant` is empty for one that an app got for itself; `links` for one that was minted from a grant.
    """

    claims: dict[str, Any]
    org: bytes
    grant: bytes
    links: tuple[tuple[str, str], ...]


class Standing(NamedTuple):
    """What a token stands on: why it is dead, empty when it is alive; what is left of its scope today; its grant.

    `rates` are the limits of today, whatever the token says.
    """

    why_dead: str
    scope: str = ""
    grant: Grant | None = None
    rates: Rates | None = None


def verified_of(claims: dict[str, Any]) -> Verified:
    """The token with these claims of ours."""
    org, grant = parse_id("org", claims["org"]), parse_id("gnt", claims.get("gid", ""))
    return Verified(claims, org or b"", grant or b"", links_of(claims))


class VerifiedTokens:
    """Signatures that were checked before, so that checking a token again costs no signature. Bounded; oldest out first."""

    def __init__(self) -> None:
        self._verified: dict[str, Verified] = {}
        self.known = self.unknown = 0

    async def open(self, instance: Instance, token: str) -> Verified | None:
        """An access token of ours; None for any other text. Says nothing about whether it is live."""
        verified = self._verified.get(token)
        if verified:
            self.known += 1
        elif len(token) <= MAX_TOKEN:
            self.unknown += 1
            claims = await instance.signing.open(token)
            if claims is not None:
                verified = verified_of(claims)
                if len(self._verified) >= REMEMBERED:
                    del self._verified[next(iter(self._verified))]
                self._verified[token] = verified
        return verified


async def introspect(instance: Instance, verified: VerifiedTokens, caller: Caller, token: str) -> dict[str, Any]:
    """The introspection answer. Whoever a token does not concern gets the same answer as for a dead one."""
    if caller.key:
        check_power(caller, "tokens:introspect")
    if token.startswith(REFRESH_TOKEN):
        return await _introspect_refresh_token(instance, caller, token)
    opened = await verified.open(instance, token)
    if opened is None:
        return INACTIVE
    claims, org = opened.claims, opened.org
    now = instance.clock()
    if now >= claims["exp"] or claims["iss"] != instance.issuer:
        return INACTIVE
    standing = await judge(instance, opened, now)
    if standing.why_dead or not await _concerns(instance, caller, org, claims["client_id"], claims["aud"]):
        return INACTIVE
    instance.counts.count(org, claims["client_id"], PASSED, "introspect")
    return describe_access_token(claims, standing.scope)


async def judge(instance: Instance, opened: Verified, now: int) -> Standing:
    """What a token stands on, as it is now: its grant, then every app that got it for itself or in exchange."""
    scope, grant, rates, of_app = opened.claims["scope"], None, None, ""
    if opened.grant:
        grant = await instance.store.read(find_grant(opened.org, opened.grant))
        reason = why_dead(grant, now)
        if reason or grant is None:
            return Standing(reason)
        scope, rates, of_app = lowered(scope, grant.app_scope), grant.rates, grant.client_id
    for _, client_id in reversed(opened.links):
        known = await find_known_app(instance, client_id)
        if known is None or known.is_disabled:
            return Standing("an app that got it is disabled or deleted")
        scope = lowered(scope, known.app.scope)
        rates, of_app = handed_on(rates, of_app, client_id, known.app.rates), client_id
    if not opened.links:
        return Standing("", scope, grant, rates)
    # No row stands behind those, so revocations are looked up.
    is_revoked = await instance.store.read(is_token_revoked(opened.org, opened.links, opened.claims["iat"]))
    return Standing("it was revoked, or one that it came from" if is_revoked else "", scope, grant, rates)


async def _introspect_refresh_token(instance: Instance, caller: Caller, token: str) -> dict[str, Any]:
    claim = parse_refresh_token(token)
    grant = await instance.store.read(find_grant(claim.org, claim.grant))
    now = instance.clock()
    if grant is None or not is_authentic(claim, grant.salt, instance.keyring) or why_dead(grant, now):
        return INACTIVE
    if not would_answer(grant, claim.generation, instance.tokens.retry_window, now):
        return INACTIVE
    if not await _concerns(instance, caller, grant.org, grant.client_id, ""):
        return INACTIVE
    return describe_refresh_token(grant, instance.issuer)


async def _concerns(instance: Instance, caller: Caller, org: bytes, client_id: str, audience: str | list[str]) -> bool:
    """A key sees its organization's tokens; an app sees its own, and those for the API that it is."""
    if caller.app is None:
        return caller.org in (org, INSTANCE)
    if caller.app.client_id == client_id:
        return True
    for uri in [audience] if isinstance(audience, str) else audience:
        if caller.org == org and await instance.store.read(is_served_by(org, uri, caller.app.client_id)):
            return True
    return False
