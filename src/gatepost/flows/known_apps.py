"""Apps by their client_id alone, with all that a request needs to know of them, looked up once until policy changes."""

from typing import NamedTuple

from gatepost.flows.instance import Instance
from gatepost.oauth.client_metadata import ClientMetadata, parse_metadata
from gatepost.records import App, AppSecret
from gatepost.store.apps import find_app, list_redirect_uris, list_secrets
from gatepost.store.orgs import find_owner


class KnownApp(NamedTuple):
    """An app and what belongs to it."""

    app: App
    metadata: ClientMetadata
    redirect_uris: tuple[str, ...]
    secrets: tuple[AppSecret, ...]

    @property
    def is_disabled(self) -> bool:
        return self.app.disabled_at is not None or self.app.org_disabled_at is not None


async def find_known_app(instance: Instance, client_id: str) -> KnownApp | None:
    """The app with this client_id, wherever it belongs. Only found ones are kept, so guesses fill no memory."""
    facts = await instance.policy.facts()
    place = ("app", client_id)
    known: KnownApp | None = facts.get(place)
    if known is None:
        known = await _look_up(instance, client_id)
        if known is not None:
            facts[place] = known
    return known


async def _look_up(instance: Instance, client_id: str) -> KnownApp | None:
    owner = await instance.store.read(find_owner("client_id", client_id))
    app = await instance.store.read(find_app(owner, client_id)) if owner else None
    if app is None:
        return None
    uris = await instance.store.read(list_redirect_uris(app.org, client_id))
    secrets = await instance.store.read(list_secrets(app.org, client_id))
    return KnownApp(app, parse_metadata(app.metadata), tuple(uris), tuple(secrets))
