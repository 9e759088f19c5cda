"""How an app proves who it is: one method to a request, one row to a method. RFC 6749 §2.3, OAuth 2.1 §2.4.

Identity first, then possession, then liveness; unknown, wrong and disabled are refused alike.
"""

import contextlib
import hmac
from collections.abc import Awaitable, Callable

from gatepost.errors import OAuthError, StoreUnavailableError
from gatepost.flows.client_documents import DocumentError
from gatepost.flows.instance import Instance
from gatepost.flows.known_apps import KnownApp, get_known_app
from gatepost.light import Light
from gatepost.oauth.client_assertion import algorithms_of, check_assertion
from gatepost.oauth.client_auth import ClientClaim
from gatepost.oauth.foreign_jwt import UnverifiedJwt, check_signature
from gatepost.records import AppSecret
from gatepost.secrets import Secret
from gatepost.store.apps import note_secret_used
from gatepost.store.spent import spend

NOTED_SECONDS = 3600
"""How exactly it is remembered when a secret was last used."""


class AuthenticatedApp(Light, frozen=True):
    """An app that has proved who it is, or a public one that cannot."""

    known: KnownApp
    method: str


async def authenticate_app(instance: Instance, claim: ClientClaim, *, allow_public: bool) -> AuthenticatedApp:
    """The app behind a claim. Raises `invalid_client`."""
    try:
        known = await get_known_app(instance, claim.client_id)
    except DocumentError:
        raise
    except OAuthError as error:
        raise refused(claim, error.detail) from None
    method = "none" if claim.is_bare else claim.method
    if method == "none" and not allow_public:
        raise refused(claim, "it sent no secret")
    await METHODS[method](instance, known, claim)
    if known.is_disabled:
        raise refused(claim, "disabled")
    return AuthenticatedApp(known, method)


async def _check_public(instance: Instance, known: KnownApp, claim: ClientClaim) -> None:
    if not known.app.is_public:
        raise refused(claim, "it sent no secret")


async def _check_secret(instance: Instance, known: KnownApp, claim: ClientClaim) -> None:
    if known.app.auth_method not in (None, claim.method):
        raise refused(claim, f"it is registered for {known.app.auth_method} and used {claim.method}")
    now = instance.clock()
    for sent in claim.secrets:
        secret = _find_secret(instance, known, sent, now)
        if secret:
            if _is_to_be_noted(instance, secret, now):
                # Good to know, but no reason to refuse a caller who only reads while the disk is full.
                with contextlib.suppress(StoreUnavailableError):
                    await instance.store.ask(note_secret_used(known.app.org, known.app.client_id, secret.id, now))
            return
    raise refused(claim, "wrong secret")


def _find_secret(instance: Instance, known: KnownApp, sent: Secret, now: int) -> AppSecret | None:
    """The app's live secret that this is. Which one it is stays known until policy changes; guesses are not kept."""
    facts, place = instance.policy.known, ("secret", known.app.client_id, sent.reveal())
    kept: AppSecret | None = facts.get(place)
    # A request that looked the app up before its secret was deleted may have kept it after: what is known now decides.
    if kept in known.secrets and kept.is_live(now):
        return kept
    for secret in known.secrets:
        hashed = instance.keyring.hash_secret(sent.reveal(), secret.key_version)
        if hmac.compare_digest(hashed, secret.secret_hash) and secret.is_live(now):
            facts[place] = secret
            return secret
    return None


def _is_to_be_noted(instance: Instance, secret: AppSecret, now: int) -> bool:
    """Whether this use of a secret is to be written down: the first one here for a while."""
    place = ("secret used", secret.id)
    facts = instance.policy.known
    if max(secret.last_used_at or 0, facts.get(place, 0)) >= now - NOTED_SECONDS:
        return False
    facts[place] = now
    return True


async def _check_assertion(instance: Instance, known: KnownApp, claim: ClientClaim) -> None:
    """The app's own signature, then what it says, then the one write: an assertion opens the door once, on every node."""
    jwt = claim.assertion
    if jwt is None or known.app.auth_method != claim.method:
        raise refused(claim, f"it is registered for {known.app.auth_method} and used {claim.method}")
    now = instance.clock()
    try:
        await _check_signed(instance, known, jwt)
        once = check_assertion(jwt, known.app.client_id, instance.issuer, known.app.profile, now)
    except ValueError as fault:
        raise refused(claim, f"the assertion: {fault}") from None
    if not await instance.store.ask(spend("assertion", once.id, once.made_at, once.expires_at, now)):
        raise refused(claim, "the assertion was used before")


async def _check_signed(instance: Instance, known: KnownApp, jwt: UnverifiedJwt) -> None:
    """Whether one of the app's keys signed it. Raises ValueError."""
    algorithms = algorithms_of(known.app.profile, known.metadata.token_endpoint_auth_signing_alg)
    if known.metadata.jwks_uri:
        await instance.remote_keys.check_signature(jwt, known.metadata.jwks_uri, algorithms)
    else:
        check_signature(jwt, (known.metadata.jwks or {}).get("keys", ()), algorithms)


METHODS: dict[str, Callable[[Instance, KnownApp, ClientClaim], Awaitable[None]]] = {
    "client_secret_basic": _check_secret,
    "client_secret_post": _check_secret,
    "private_key_jwt": _check_assertion,
    "none": _check_public,
}


def refused(claim: ClientClaim, why: str) -> OAuthError:
    """The one refusal, whatever the reason."""
    scheme = "Basic" if claim.method == "client_secret_basic" else ""
    return OAuthError(
        "invalid_client", "The app is unknown, disabled, or did not prove who it is.", detail=why, scheme=scheme
    )
