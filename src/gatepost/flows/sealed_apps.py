"""An app that registered itself is its client_id: what it said, sealed. Its secret and token are computed from that.

So a registration that nobody ever uses costs nothing here, however many there are; and the instance key, which seals them,
is all that there is to keep. RFC 7591 §3.2.1: a client_id is opaque to the app.
"""

from typing import NamedTuple

import orjson

from gatepost.errors import OAuthError
from gatepost.light import replace
from gatepost.oauth.client_metadata import SECRETLESS
from gatepost.oauth.newcomers import Newcomer
from gatepost.oauth.registration import dump_newcomer, load_newcomer
from gatepost.records import AppSecret
from gatepost.secrets import CLIENT_SECRET, REGISTRATION, REGISTRATION_TOKEN, Keyring, Secret, render_text
from gatepost.store.question import INSTANCE

MAX_SEALED = 2000
"""Characters of a client_id: it stands in URLs, twice in some."""

_ALWAYS = 1 << 62
"""When the secret was last used: it has no row in which that could be noted."""


class SealedApp(NamedTuple):
    """An app as its client_id says. `version` is of the instance key that its secret and its token are of."""

    newcomer: Newcomer
    version: int


def seal_app(keyring: Keyring, newcomer: Newcomer) -> SealedApp:
    """The app with the client_id that carries it. Raises `invalid_client_metadata` for more than fits."""
    plain = orjson.dumps([keyring.current, dump_newcomer(newcomer).decode()])
    client_id = keyring.seal_text(REGISTRATION, plain)
    if len(client_id) > MAX_SEALED:
        raise OAuthError(
            "invalid_client_metadata", "It is too much: register fewer redirect URIs, and keys by their jwks_uri."
        )
    return SealedApp(newcomer._replace(app=replace(newcomer.app, client_id=client_id)), keyring.current)


def open_app(keyring: Keyring, client_id: str) -> SealedApp | None:
    """The app that a client_id of ours carries; None for any other text."""
    plain = keyring.unseal_text(REGISTRATION, client_id)
    if plain is None:
        return None
    version, dumped = orjson.loads(plain)
    return SealedApp(load_newcomer(INSTANCE, client_id, dumped.encode()), version)


def client_secret_of(keyring: Keyring, sealed: SealedApp) -> Secret | None:
    """Its secret, if it is an app that has one."""
    if sealed.newcomer.app.auth_method in SECRETLESS:
        return None
    return Secret(render_text(CLIENT_SECRET, _mac(keyring, sealed, b"client secret")))


def registration_token_of(keyring: Keyring, sealed: SealedApp) -> Secret:
    """What lets the app look at its registration and change it. RFC 7592 §3."""
    return Secret(render_text(REGISTRATION_TOKEN, _mac(keyring, sealed, b"registration access token")))


def secrets_of(keyring: Keyring, sealed: SealedApp) -> tuple[AppSecret, ...]:
    """Its secret as the secrets of other apps are kept."""
    secret = client_secret_of(keyring, sealed)
    if secret is None:
        return ()
    text, made_at = secret.reveal(), sealed.newcomer.app.created_at
    return (AppSecret(bytes(16), keyring.hash_secret(text), keyring.current, text[-4:], made_at, None, _ALWAYS),)


def _mac(keyring: Keyring, sealed: SealedApp, purpose: bytes) -> bytes:
    mac = keyring.mac(sealed.version, sealed.newcomer.app.client_id.encode(), purpose)
    assert mac is not None, "what a ring unseals it has the key of"
    return mac
