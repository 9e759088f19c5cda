"""Apps by their client_id alone, with all that a request needs to know of them.

A client_id becomes an app in one of three ways: by the row of an app that an organization registered, which is looked up
once until policy changes; by the document that it is the URL of; and by itself, when it is a registration. The last two
belong to no organization and have a row once somebody has connected them: for what was done to them here, and as the last
copy of a document whose server is away.
"""

import contextlib

from gatepost.errors import OAuthError
from gatepost.flows.client_documents import DocumentError
from gatepost.flows.instance import Instance
from gatepost.flows.sealed_apps import open_app, secrets_of
from gatepost.light import Light, replace
from gatepost.oauth.client_document import is_url
from gatepost.oauth.client_metadata import ClientMetadata, parse_metadata
from gatepost.oauth.consent import digest_of
from gatepost.records import App, AppSecret
from gatepost.secrets import REGISTRATION
from gatepost.store.apps import find_app, list_redirect_uris, list_secrets
from gatepost.store.orgs import find_owner


class KnownApp(Light, frozen=True):
    """An app and what belongs to it."""

    app: App
    metadata: ClientMetadata
    redirect_uris: tuple[str, ...]
    secrets: tuple[AppSecret, ...]

    @property
    def is_disabled(self) -> bool:
        return self.app.disabled_at is not None or self.app.org_disabled_at is not None

    @property
    def digest(self) -> bytes:
        """What a yes to it is bound to."""
        return digest_of(self.app, self.metadata, self.redirect_uris)


async def find_known_app(instance: Instance, client_id: str) -> KnownApp | None:
    """The app with this client_id, wherever it belongs."""
    with contextlib.suppress(OAuthError):
        return await get_known_app(instance, client_id)
    return None


async def get_known_app(instance: Instance, client_id: str) -> KnownApp:
    """The same. Raises `invalid_client`, and of a document says why."""
    place, facts = ("app", client_id), await instance.policy.facts()
    known: KnownApp | None = facts.get(place)
    if known is None:
        known = await _find_row(instance, client_id)
        if known:
            # Only found ones are kept in memory, so guesses fill none.
            facts[place] = known
    if is_url(client_id):
        return await _published(instance, client_id, known)
    if client_id.startswith(REGISTRATION):
        known = await _registered(instance, client_id, known)
    if known is None:
        raise OAuthError("invalid_client", "The app is unknown here, or disabled.", detail="unknown")
    return known


async def _published(instance: Instance, url: str, kept: KnownApp | None) -> KnownApp:
    """The app as its document says now, unless the server of that is away; disabled if its row says so."""
    try:
        app, metadata, uris = await instance.documents.get(url)
    except DocumentError as error:
        if kept is None or not error.is_outage:
            raise
        return kept
    if kept:
        app = replace(app, disabled_at=kept.app.disabled_at, rate_limit=kept.app.rate_limit)
    return KnownApp(app, metadata, uris, ())


async def _registered(instance: Instance, client_id: str, kept: KnownApp | None) -> KnownApp | None:
    """The app as it registered itself, or changed that since. Where nobody may register, those with a row go on.

    One whose name was claimed had a row and was deleted: it does not come back by being what it is.
    """
    sealed = open_app(instance.keyring, client_id)
    if sealed is None:
        return None
    secrets = secrets_of(instance.keyring, sealed)
    if kept:
        return replace(kept, secrets=secrets)
    owner = await instance.store.read(find_owner("client_id", client_id))
    is_over = owner is not None or instance.registration == "off"
    return None if is_over else KnownApp(*sealed.newcomer, secrets)


async def _find_row(instance: Instance, client_id: str) -> KnownApp | None:
    """The app with a row, as it is stored."""
    owner = await instance.store.read(find_owner("client_id", client_id))
    app = await instance.store.read(find_app(owner, client_id)) if owner else None
    if app is None:
        return None
    uris = await instance.store.read(list_redirect_uris(app.org, client_id))
    secrets = await instance.store.read(list_secrets(app.org, client_id))
    return KnownApp(app, parse_metadata(app.metadata), tuple(uris), tuple(secrets))
