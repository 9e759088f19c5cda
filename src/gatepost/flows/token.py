"""The token endpoint: one row to a grant type, one function to a row. RFC 6749 §4.1.3, §4.4, §6; OAuth 2.1 §3.2, §4.

Every function keeps one order: possession, policy, liveness, and then the one write that says who won. A refused request
has moved nothing.
"""

import os
from collections.abc import Awaitable, Callable

from gatepost.errors import OAuthError
from gatepost.flows.app_auth import AuthenticatedApp
from gatepost.flows.device import get_approved
from gatepost.flows.dpop import ask_once, spend_proof
from gatepost.flows.identity_assertion import connect_by_assertion
from gatepost.flows.instance import Instance
from gatepost.flows.minting import Issued, add_id_token, mint, mint_service, newborn, tells_who
from gatepost.flows.refresh import refresh_checked, refused
from gatepost.flows.token_exchange import exchange
from gatepost.light import Light, replace
from gatepost.oauth.approval import CODE_TTL, Approval, check_exchange, load_approval
from gatepost.oauth.client_metadata import DEVICE_CODE, JWT_BEARER, TOKEN_EXCHANGE, grant_types_of
from gatepost.oauth.dpop import Proof
from gatepost.oauth.id_token import dump_sign_in
from gatepost.oauth.identity_assertion import AssertionAsk
from gatepost.oauth.narrow import Issue, bind, key_to_keep, narrow, needs_resources, within_grant
from gatepost.oauth.pkce import check_verifier
from gatepost.oauth.scope import OFFLINE_ACCESS, STANDARD
from gatepost.oauth.token_exchange import parse_exchange
from gatepost.records import Grant
from gatepost.secrets import AUTHORIZATION_CODE
from gatepost.store.device_requests import redeem_device_request
from gatepost.store.events import Act
from gatepost.store.grants import Made, NewGrant, Replayed, redeem
from gatepost.store.orgs import find_org
from gatepost.store.resources import list_resources


class TokenAsk(Light, frozen=True):
    """A token request of an app that has proved who it is, and perhaps that it has a key."""

    client: AuthenticatedApp
    fields: dict[str, str]
    resources: tuple[str, ...]
    address: str
    proof: Proof | None = None
    audiences: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"TokenAsk({self.client.known.app.client_id!r}, ***)"

    def get(self, name: str) -> str:
        """A parameter that must be there. Raises `invalid_request`."""
        value = self.fields.get(name)
        if not value:
            raise OAuthError("invalid_request", f"{name} is missing.", field=name)
        return value

    @property
    def jkt(self) -> str | None:
        """The key that was proved."""
        return self.proof.jkt if self.proof else None

    def bind(self, issue: Issue, key: str | None = None) -> Issue:
        """The issue, bound to the key that was proved; `key` is the one it has to be. Raises as `narrow.bind`."""
        return bind(self.client.known.app, issue, self.jkt, key)


def issue(instance: Instance, ask: TokenAsk) -> Awaitable[Issued]:
    """The tokens for a request. Raises a code of RFC 6749 §5.2 or RFC 8707 §2."""
    grant_type = ask.get("grant_type")
    grant = GRANTS.get(grant_type)
    if grant is None:
        raise OAuthError("unsupported_grant_type", f"grant_type is one of: {' '.join(GRANTS)}.")
    if grant_type not in grant_types_of(ask.client.known.app):
        raise OAuthError("unauthorized_client", f"This app is not registered for the grant type {grant_type}.")
    return grant(instance, ask)


async def _authorization_code(instance: Instance, ask: TokenAsk) -> Issued:
    """One durable write: the grant. Whoever comes second with the same code ends it. RFC 6749 §4.1.3."""
    now = instance.clock()
    app = ask.client.known.app
    plain = instance.keyring.unseal_text(AUTHORIZATION_CODE, ask.get("code"))
    if plain is None:
        raise OAuthError(
            "invalid_grant", "The code is invalid, expired or was used.", detail="it is not a code of ours"
        )
    approval = load_approval(plain)
    # Possession before the write: only a caller who holds the verifier may spend the code, or trip replay handling.
    check_exchange(approval, app.org, app.client_id, ask.fields.get("redirect_uri"), now)
    check_verifier(ask.fields.get("code_verifier"), approval.challenge)
    if approval.resource or ask.resources:
        approval = await _with_resource(instance, ask, approval)
    approved = Issue(approval.scope, approval.resource)
    narrowed = within_grant(approved, app.scope, ask.fields.get("scope"), ask.resources)
    narrowed = ask.bind(narrowed, approval.dpop_jkt)
    new = _grant_of(instance, ask, approval, now, needs_consent=not ask.client.known.metadata.skip_consent)
    org = bytes.fromhex(approval.org)
    act = Act(now, f"app:{app.client_id}", ask.address, app.client_id, new.user_id, new.id)
    match await ask_once(instance, ask.proof, redeem(org, new, approval.expires_at - CODE_TTL, act)):
        case Made():
            return await _first_tokens(instance, ask, approval, narrowed, org, new, now)
        case Replayed(event):
            raise OAuthError(
                "invalid_grant",
                "The code is invalid, expired or was used.",
                detail="it was used before: its grant is revoked",
                org=org,
                event=event,
            )
        case _:
            raise OAuthError(
                "invalid_grant",
                "The code is invalid, expired or was used.",
                detail="what it stands on is gone",
                org=org,
            )


async def _device_code(instance: Instance, ask: TokenAsk) -> Issued:
    """One durable write: that it asked, or the grant once the person said yes. RFC 8628 §3.4, §3.5."""
    app = ask.client.known.app
    request = await get_approved(instance, ask.get("device_code"), app)
    now = instance.clock()
    approval = load_approval((request.approval or "").encode())
    if approval.resource or ask.resources:
        approval = await _with_resource(instance, ask, approval)
    narrowed = ask.bind(within_grant(Issue(approval.scope, approval.resource), app.scope, None, ask.resources))
    new, org = _grant_of(instance, ask, approval, now), bytes.fromhex(approval.org)
    act = Act(now, f"app:{app.client_id}", ask.address, app.client_id, new.user_id, new.id)
    if not await ask_once(instance, ask.proof, redeem_device_request(org, request, new, act)):
        raise OAuthError(
            "invalid_grant",
            "The device_code is invalid, or was used.",
            detail="it was used just now, or what it stands on is gone",
            org=org,
        )
    return await _first_tokens(instance, ask, approval, narrowed, org, new, now)


async def _with_resource(instance: Instance, ask: TokenAsk, approval: Approval) -> Approval:
    """What was approved, for the API that it is for; an app that named none before may do so now. RFC 8707 §2.2.

    Raises `invalid_target` when that API is not registered, or not any more.
    """
    resources = tuple((approval.resource or "").split()) or ask.resources
    app = ask.client.known.app
    known = await instance.store.read(list_resources(app.home(bytes.fromhex(approval.org))))
    return replace(approval, resource=narrow(app, "", resources, known).resource)


def _grant_of(
    instance: Instance, ask: TokenAsk, approval: Approval, now: int, *, needs_consent: bool = False
) -> NewGrant:
    app = ask.client.known.app
    return NewGrant(
        id=bytes.fromhex(approval.id),
        client_id=app.client_id,
        user_id=bytes.fromhex(approval.user_id),
        key_id=None,
        scope=approval.scope,
        resource=approval.resource,
        salt=os.urandom(16),
        idle_ttl=app.grant_idle_ttl or instance.tokens.grant_idle_ttl,
        expires_at=now + (app.grant_ttl or instance.tokens.grant_ttl),
        app_org=app.org if app.org.hex() != approval.org else None,
        session_id=bytes.fromhex(approval.session_id) or None,
        ends_with_session=OFFLINE_ACCESS not in approval.scope.split(),
        authentication=dump_sign_in(approval.auth_time, approval.amr, approval.acr, approval.claims),
        jkt=key_to_keep(app, ask.jkt),
        needs_consent=needs_consent,
        epoch=approval.epoch,
    )


async def _first_tokens(
    instance: Instance, ask: TokenAsk, approval: Approval, narrowed: Issue, org: bytes, new: NewGrant, now: int
) -> Issued:
    app = ask.client.known.app
    org_rate_limit = app.org_rate_limit
    if app.org != org:
        home = await instance.store.read(find_org(org))
        org_rate_limit = home.rate_limit if home else None
    # As it was made: whoever else presented the code may have ended the grant since, and this one still came first.
    grant = newborn(org, new, app, now, org_rate_limit)
    issued = await mint(instance, grant, 1, now, narrowed)
    if "refresh_token" not in grant_types_of(app):
        issued = replace(issued, refresh_token="")
    if tells_who(issued, grant):
        issued = await add_id_token(instance, issued, grant, ask.client.known, now, approval.nonce)
    return issued


async def _refresh_token(instance: Instance, ask: TokenAsk) -> Issued:
    """One durable write: the rotation. RFC 6749 §6, RFC 8707 §2.2."""
    client_id = ask.client.known.app.client_id

    def check(grant: Grant) -> Issue:
        if grant.client_id != client_id:
            raise refused("it belongs to another app")
        held = Issue(grant.scope, grant.resource)
        narrowed = within_grant(held, grant.app_scope, ask.fields.get("scope"), ask.resources)
        return ask.bind(narrowed, grant.jkt)

    now = instance.clock()
    issued, grant = await refresh_checked(instance, ask.get("refresh_token"), ask.address, check, ask.proof)
    return await add_id_token(instance, issued, grant, ask.client.known, now) if tells_who(issued, grant) else issued


async def _client_credentials(instance: Instance, ask: TokenAsk) -> Issued:
    """Nothing is written but a proof: the app itself is the subject, and its secret can be presented again. RFC 6749 §4.4."""
    app = ask.client.known.app
    if app.is_public:
        raise OAuthError("unauthorized_client", "A public app cannot act for itself.")
    scope = ask.fields.get("scope")
    needed = needs_resources(app, scope, ask.resources)
    known = await instance.store.read(list_resources(app.org)) if needed else []
    asked = ask.bind(narrow(app, scope, ask.resources, known))
    personal = [token for token in asked.scope.split() if token in STANDARD]
    if personal:
        raise OAuthError(
            "invalid_scope", f"There is no person behind this grant, so it cannot have: {' '.join(personal)}."
        )
    await spend_proof(instance, ask.proof)
    return await mint_service(instance, app, asked, instance.clock())


async def _token_exchange(instance: Instance, ask: TokenAsk) -> Issued:
    """Nothing is written: what the new token came from speaks for it. RFC 8693 §2."""
    presented = parse_exchange(ask.fields, (*ask.resources, *ask.audiences))
    return await exchange(instance, ask.client.known.app, presented, ask.proof)


async def _jwt_bearer(instance: Instance, ask: TokenAsk) -> Issued:
    """One durable write: the grant, and the end of the assertion. RFC 7523 §2.1."""
    presented = AssertionAsk(ask.get("assertion"), ask.fields.get("scope", ""), ask.resources)
    return await connect_by_assertion(instance, ask.client.known.app, presented, ask.address, ask.proof)


GRANTS: dict[str, Callable[[Instance, TokenAsk], Awaitable[Issued]]] = {
    "authorization_code": _authorization_code,
    "refresh_token": _refresh_token,
    "client_credentials": _client_credentials,
    DEVICE_CODE: _device_code,
    TOKEN_EXCHANGE: _token_exchange,
    JWT_BEARER: _jwt_bearer,
}
