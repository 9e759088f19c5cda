"""Apps register themselves, look at their registration, change it and take it back. RFC 7591, RFC 7592.

Registering writes nothing. A row comes with the first consent, with the first change, or when the app takes itself back:
then the row says that it has ended.
"""

import hmac
from typing import Any, NamedTuple

import orjson

from gatepost.errors import OAuthError
from gatepost.flows.instance import Instance, fresh_epoch
from gatepost.flows.known_apps import KnownApp, find_known_app
from gatepost.flows.sealed_apps import client_secret_of, open_app, registration_token_of, seal_app
from gatepost.light import replace
from gatepost.oauth.registration import read_registration
from gatepost.secrets import INITIAL_TOKEN, Secret, new_id
from gatepost.store.apps import end_free_app, keep_free_app
from gatepost.store.events import Act
from gatepost.store.question import INSTANCE
from gatepost.store.spent import spend


class Registered(NamedTuple):
    """A registration. `secret` is None for an app that has none, and whenever it is not the first time."""

    known: KnownApp
    secret: Secret | None
    token: Secret


def make_initial_token(instance: Instance, ttl: int) -> Secret:
    """A token that lets one app register itself where not everybody may. RFC 7591 §3."""
    now = instance.clock()
    plain = orjson.dumps([new_id().hex(), now, now + ttl])
    return Secret(instance.keyring.seal_text(INITIAL_TOKEN, plain))


async def register(instance: Instance, content: dict[str, Any], initial: str | None) -> Registered:
    """A new app. Raises `invalid_token`, `invalid_redirect_uri`, `invalid_client_metadata`."""
    now = instance.clock()
    token = None if instance.registration == "open" else _open_initial(instance, initial, now)
    newcomer = read_registration(INSTANCE, "", content)
    sealed = seal_app(instance.keyring, newcomer._replace(app=replace(newcomer.app, created_at=now)))
    # Last: what is wrong with a registration does not use the token up.
    if token and not await instance.store.ask(spend("registration", *token, now)):
        raise _no_token("it was used")
    known = KnownApp(*sealed.newcomer, ())
    return Registered(
        known, client_secret_of(instance.keyring, sealed), registration_token_of(instance.keyring, sealed)
    )


async def get_registration(instance: Instance, client_id: str, token: str | None) -> Registered:
    """The registration that this token is of. Raises `invalid_token`, the same for every reason. RFC 7592 §2.1."""
    sealed = open_app(instance.keyring, client_id)
    if sealed is None:
        raise _no_token("it is not a registration of ours")
    right = registration_token_of(instance.keyring, sealed)
    if not hmac.compare_digest(right.reveal().encode(), (token or "").encode()):
        raise _no_token("another registration's token, or none")
    known = await find_known_app(instance, client_id)
    if known is None or known.is_disabled:
        raise _no_token("disabled, deleted or taken back")
    return Registered(known, None, right)


async def update_registration(
    instance: Instance, client_id: str, token: str | None, content: dict[str, Any], address: str
) -> Registered:
    """The registration as it says now, whole: what is left out is taken back. Raises as `register` does. RFC 7592 §2.2.

    How the app proves who it is stays: it decides which secret there is.
    """
    before = (await get_registration(instance, client_id, token)).known.app
    if content.get("client_id") != client_id:
        raise OAuthError("invalid_client_metadata", "client_id is another app's, or missing.", field="client_id")
    _check_secret(instance, client_id, content.get("client_secret"))
    newcomer = read_registration(INSTANCE, client_id, content)
    if newcomer.app.auth_method != before.auth_method:
        raise OAuthError(
            "invalid_client_metadata",
            f"token_endpoint_auth_method stays {before.auth_method}; register anew for another.",
            field="token_endpoint_auth_method",
        )
    app = replace(newcomer.app, created_at=before.created_at)
    act = _act(instance, client_id, address)
    await instance.store.ask(keep_free_app(app, newcomer.redirect_uris, fresh_epoch(), act))
    return await get_registration(instance, client_id, token)


async def delete_registration(instance: Instance, client_id: str, token: str | None, address: str) -> None:
    """Take a registration back: the app and all its grants are refused from now on. Raises `invalid_token`. RFC 7592 §2.3."""
    known = (await get_registration(instance, client_id, token)).known
    act = _act(instance, client_id, address)
    await instance.store.ask(end_free_app(known.app, known.redirect_uris, fresh_epoch(), act))


def _check_secret(instance: Instance, client_id: str, sent: Any) -> None:
    """An app may say its secret again, but not choose another: it would take that for its secret then."""
    sealed = open_app(instance.keyring, client_id)
    own = client_secret_of(instance.keyring, sealed) if sealed else None
    if sent is not None and (not isinstance(sent, str) or Secret(sent) != own):
        raise OAuthError(
            "invalid_client_metadata", "client_secret is not the app's; leave it out.", field="client_secret"
        )


def _open_initial(instance: Instance, text: str | None, now: int) -> tuple[bytes, int, int]:
    plain = instance.keyring.unseal_text(INITIAL_TOKEN, text or "")
    if plain is None:
        raise _no_token("it is not an initial access token of ours")
    id, made_at, expires_at = orjson.loads(plain)
    if now >= expires_at:
        raise _no_token("it expired")
    return bytes.fromhex(id), made_at, expires_at


def _act(instance: Instance, client_id: str, address: str) -> Act:
    return Act(instance.clock(), f"app:{client_id}", address, client_id)


def _no_token(why: str) -> OAuthError:
    return OAuthError(
        "invalid_token",
        "The access token of this registration is missing, wrong, expired or used.",
        detail=why,
        scheme='Bearer error="invalid_token"',
    )
