"""A grant by an identity provider's word: it is trusted by one organization, for that one's members and apps. RFC 7523 §2.1.

The grant lives as long as its access token, so that connections, not sign-ins, are what grows; no refresh token comes of it.
"""

import os

from gatepost.errors import OAuthError
from gatepost.flows.dpop import ask_once
from gatepost.flows.instance import Instance
from gatepost.flows.minting import Issued, mint, newborn
from gatepost.flows.people import canonical_email
from gatepost.light import replace
from gatepost.oauth.dpop import Proof
from gatepost.oauth.foreign_jwt import KEY_OF, UnverifiedJwt, parse_jwt
from gatepost.oauth.identity_assertion import AssertionAsk, IdentityAssertion, check_granted, check_identity_assertion
from gatepost.oauth.narrow import Issue, bind
from gatepost.records import App, TrustedIssuer
from gatepost.secrets import new_id
from gatepost.store.events import Act
from gatepost.store.grants import NewGrant
from gatepost.store.orgs import find_owner
from gatepost.store.people import find_member
from gatepost.store.resources import list_resources
from gatepost.store.trusted_issuers import Identity, find_identity, find_trusted_issuer, redeem_assertion


async def connect_by_assertion(
    instance: Instance, app: App, ask: AssertionAsk, address: str, proof: Proof | None
) -> Issued:
    """One durable write: the grant, with the assertion's end. Raises `invalid_grant` in one way for every reason.

    And `invalid_scope`, `invalid_target`, for what the app asks of it.
    """
    if app.is_public:
        raise OAuthError("unauthorized_client", "A public app cannot act for others.")
    now = instance.clock()
    try:
        jwt = parse_jwt(ask.assertion)
        issuer = await _find_issuer(instance, app, jwt)
        await instance.remote_keys.check_signature(jwt, issuer.jwks_uri, KEY_OF)
        said = check_identity_assertion(jwt, app.client_id, instance.issuer, now)
    except ValueError as fault:
        raise _refused(str(fault)) from None
    user_id = await _get_user(instance, app, said)
    registered = await instance.store.read(list_resources(app.org))
    issue = bind(app, check_granted(said, app, ask, registered), proof.jkt if proof else None)
    if said.jkt not in (None, issue.jkt):
        raise _refused("it is bound to a key that was not proved")
    new = _grant_of(app, user_id, issue, app.access_ttl or instance.tokens.access_ttl, now)
    act = Act(now, f"app:{app.client_id}", address, app.client_id, user_id, new.id)
    identity = Identity(said.issuer, said.subject, user_id)
    if not await ask_once(instance, proof, redeem_assertion(app.org, identity, said.once, new, act)):
        raise _refused("it was used before, or what it stands on is gone")
    issued = await mint(instance, newborn(app.org, new, app, now, app.org_rate_limit), 1, now, issue)
    return replace(issued, refresh_token="")


async def _find_issuer(instance: Instance, app: App, jwt: UnverifiedJwt) -> TrustedIssuer:
    """The issuer that the token names, if the app's organization trusts it. Raises ValueError."""
    name = jwt.claims.get("iss")
    found = await instance.store.read(find_trusted_issuer(app.org, name)) if isinstance(name, str) else None
    if found is None:
        raise ValueError("the organization does not trust its issuer")
    return found


async def _get_user(instance: Instance, app: App, said: IdentityAssertion) -> bytes:
    """The member that is meant: by the issuer's own name for them; when that is new, by a verified e-mail."""
    known = await instance.store.read(find_identity(app.org, said.issuer, said.subject))
    if known is None and said.email:
        owner = await instance.store.read(find_owner("email", canonical_email(said.email)))
        member = await instance.store.read(find_member(app.org, owner)) if owner else None
        known = member.id if member else None
    if known is None:
        raise _refused("it is about nobody who is a member here")
    return known


def _grant_of(app: App, user_id: bytes, issue: Issue, ttl: int, now: int) -> NewGrant:
    return NewGrant(
        id=new_id(),
        client_id=app.client_id,
        user_id=user_id,
        key_id=None,
        scope=issue.scope,
        resource=issue.resource,
        salt=os.urandom(16),
        idle_ttl=ttl,
        expires_at=now + ttl,
    )


def _refused(why: str) -> OAuthError:
    return OAuthError(
        "invalid_grant", "The assertion is invalid, expired, was used, or is not for this app and server.", detail=why
    )
