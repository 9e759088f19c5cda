"""Minting: from a live grant, or an app alone, to the tokens of an answer. RFC 6749 §5.1, RFC 9068, OIDC Core §3.1.3.3."""

import os
from typing import Any

from gatepost.flows.instance import Instance
from gatepost.flows.known_apps import KnownApp
from gatepost.jose import ID_TOKEN_TYPE
from gatepost.light import Light, replace
from gatepost.oauth.access_token import render_claims, render_service_claims
from gatepost.oauth.claims import describe_person
from gatepost.oauth.id_token import load_sign_in, render_id_token, subject_of
from gatepost.oauth.narrow import Issue
from gatepost.oauth.refresh_token import render_refresh_token
from gatepost.oauth.scope import OPENID
from gatepost.records import App, Grant
from gatepost.secrets import render_id
from gatepost.store.grants import NewGrant
from gatepost.store.orgs import claim_name, find_owner
from gatepost.store.people import find_user


class Issued(Light, frozen=True):
    """What a token request is answered with; a token that is not issued is empty. They are secrets: `repr` hides them.

    `org` is the organization of the grant; empty for tokens without one, which are the app's own organization's.
    """

    access_token: str
    expires_in: int
    scope: str
    refresh_token: str = ""
    id_token: str = ""
    org: bytes = b""
    issued_token_type: str = ""
    token_type: str = "Bearer"

    def __repr__(self) -> str:
        return f"Issued(***, expires_in={self.expires_in}, scope={self.scope!r})"


async def mint(instance: Instance, grant: Grant, generation: int, now: int, narrowed: Issue | None = None) -> Issued:
    """An access token and the refresh token of this generation. The access token never outlives the grant."""
    ttl = min(grant.app_access_ttl or instance.tokens.access_ttl, grant.expires_at - now)
    claims = render_claims(grant, instance.issuer, now + ttl, now, os.urandom(16), narrowed)
    refresh_token = render_refresh_token(grant.org, grant.id, generation, grant.salt, instance.keyring)
    token = await instance.signing.mint(claims)
    return Issued(token, ttl, claims["scope"], refresh_token, org=grant.org, token_type=type_of(claims))


def newborn(org: bytes, new: NewGrant, app: App, now: int, org_rate_limit: int | None) -> Grant:
    """The grant as a look-up would find it right after it was made: everything it stands on was live then."""
    uses, unbroken, is_member, resource_exists, rate_limit = 0, True, True, True, None
    revoked_at = org_disabled_at = app_disabled_at = user_disabled_at = None
    # By their order: so many by their names take three times as long. In one tuple: of several, mypy mixes up the types.
    return Grant(
        *(
            *(org, new.id, app.client_id, new.user_id, new.key_id, new.scope, new.resource, 1, new.salt, now, now, now),
            *(uses, new.idle_ttl, new.expires_at, revoked_at, unbroken, org_disabled_at, app_disabled_at, app.scope),
            *(app.retry_window, app.auth_method, app.access_ttl, user_disabled_at, is_member, resource_exists),
            *(new.app_org, new.session_id, new.authentication, new.jkt, rate_limit, app.rate_limit, org_rate_limit),
        )
    )


async def mint_service(instance: Instance, app: App, issue: Issue, now: int) -> Issued:
    """An access token that an app gets for itself. RFC 6749 §4.4."""
    ttl = app.access_ttl or instance.tokens.access_ttl
    claims = render_service_claims(app, issue, instance.issuer, now + ttl, now, os.urandom(16))
    return Issued(await instance.signing.mint(claims), ttl, issue.scope, token_type=type_of(claims))


def type_of(claims: dict[str, Any]) -> str:
    """How the token is to be sent. RFC 6749 §7.1, RFC 9449 §5."""
    return "DPoP" if "cnf" in claims else "Bearer"


def tells_who(issued: Issued, grant: Grant) -> bool:
    """Whether the app is told who the person is. OpenID Connect Core §3.1.3.3."""
    return grant.user_id is not None and OPENID in issued.scope.split()


async def add_id_token(
    instance: Instance, issued: Issued, grant: Grant, known: KnownApp, now: int, nonce: str | None = None
) -> Issued:
    """The answer with an ID token, if there is still the person, and the sign-in, that it would tell of."""
    assert grant.user_id is not None
    sign_in = load_sign_in(grant.authentication)
    if sign_in is None:
        return issued
    user = await instance.store.read(find_user(grant.user_id))
    if user is None:
        return issued
    named = sign_in.claims.get("id_token", {})
    about = {claim: value for claim, value in describe_person(user, issued.scope).items() if claim in named}
    claims = about | render_id_token(
        instance.issuer,
        await subject_for(instance, grant.user_id, known),
        grant.client_id,
        sign_in,
        now,
        access_token=issued.access_token,
        nonce=nonce,
        sid=render_id("ses", grant.session_id) if grant.session_id else "",
    )
    token = await instance.signing.mint(claims, ID_TOKEN_TYPE, known.metadata.id_token_signed_response_alg)
    return replace(issued, id_token=token)


async def subject_for(instance: Instance, user_id: bytes, known: KnownApp) -> str:
    """The `sub` of a person as this app sees it."""
    public = render_id("usr", user_id)
    if known.metadata.subject_type != "pairwise":
        return public
    where = (*known.redirect_uris, known.app.client_id)[0]
    return subject_of(public, known.metadata, where, await _pairwise_salt(instance))


async def _pairwise_salt(instance: Instance) -> bytes:
    """The instance's salt of pairwise subjects: drawn once, kept like a name, the same for ever."""
    salt = await instance.store.read(find_owner("salt", "pairwise"))
    if salt is None:
        salt = await instance.store.ask(claim_name("salt", "pairwise", os.urandom(16)))
    return salt
