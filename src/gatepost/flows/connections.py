"""Connected apps, as a person sees and ends them: for each app and organization its grants and the consent behind them."""

from typing import NamedTuple

from gatepost.flows.grants import each_grant
from gatepost.flows.instance import Instance
from gatepost.flows.known_apps import KnownApp, find_known_app
from gatepost.flows.scopes import Permission, describe_scopes
from gatepost.oauth.consent import host_of
from gatepost.oauth.gate import why_over
from gatepost.records import Consent, Grant
from gatepost.secrets import parse_id, render_id
from gatepost.store.consents import end_connection, list_consents
from gatepost.store.events import Act
from gatepost.store.people import list_memberships


class Connection(NamedTuple):
    """An app that may act for a person in an organization. `used_at` is None when it never did, or holds no grant now."""

    org: str
    place: str
    client_id: str
    app: str
    is_agent: bool
    hosts: list[str]
    since: int
    used_at: int | None
    uses: int
    permissions: list[Permission]


async def list_connections(instance: Instance, user_id: bytes) -> list[Connection]:
    """All connected apps of a person, the latest first."""
    places = await instance.store.read(list_memberships(user_id))
    connections = [each for org, name, _ in places for each in await _connections_in(instance, org, name, user_id)]
    return sorted(connections, key=lambda each: each.used_at or each.since, reverse=True)


async def find_connection(instance: Instance, user_id: bytes, org: str, client_id: str) -> Connection | None:
    """One connected app of a person."""
    connections = await list_connections(instance, user_id)
    return next((each for each in connections if (each.org, each.client_id) == (org, client_id)), None)


async def disconnect(instance: Instance, user_id: bytes, connection: Connection, act: Act) -> None:
    """End every grant of a connection, and so every token; and forget the consent. One write."""
    org = parse_id("org", connection.org)
    assert org is not None
    await instance.store.ask(end_connection(org, user_id, connection.client_id, act))


async def _connections_in(instance: Instance, org: bytes, name: str, user_id: bytes) -> list[Connection]:
    now = instance.clock()
    consents = {each.client_id: each for each in await instance.store.read(list_consents(org, user_id))}
    grants: dict[str, list[Grant]] = {client_id: [] for client_id in consents}
    async for grant in each_grant(instance, org, user_id=user_id):
        if not why_over(grant, now):
            grants.setdefault(grant.client_id, []).append(grant)
    known = {client_id: await find_known_app(instance, client_id) for client_id in grants}
    return [
        await _connection(instance, (org, name), app, consents.get(client_id), grants[client_id])
        for client_id, app in known.items()
        if app is not None
    ]


async def _connection(
    instance: Instance, place: tuple[bytes, str], known: KnownApp, consent: Consent | None, grants: list[Grant]
) -> Connection:
    granted = [grant.scope for grant in grants] or [consent.scope if consent else ""]
    scopes = dict.fromkeys(token for scope in granted for token in scope.split())
    since = [grant.created_at for grant in grants] + ([consent.created_at] if consent else [])
    return Connection(
        org=render_id("org", place[0]),
        place=place[1],
        client_id=known.app.client_id,
        app=known.app.name,
        is_agent=known.metadata.agent,
        hosts=sorted({host_of(uri) for uri in known.redirect_uris}),
        since=min(since),
        used_at=max((grant.last_used_at for grant in grants), default=None),
        uses=sum(grant.uses for grant in grants),
        permissions=await describe_scopes(instance, known.app.home(place[0]), " ".join(scopes)),
    )
