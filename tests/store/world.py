"""What the contract tests stand on: an organization with one of everything, and a look at all rows."""

from typing import Any, NamedTuple

from gatepost.records import (
    WAITING,
    ApiKey,
    App,
    AppRequest,
    AppSecret,
    Consent,
    DeviceRequest,
    Invitation,
    Letter,
    Resource,
    Seal,
    TrustedIssuer,
    Webhook,
)
from gatepost.secrets import new_id
from gatepost.store.app_requests import ask_for_app
from gatepost.store.apps import add_secret, make_app
from gatepost.store.consents import give_consent
from gatepost.store.events import Act, record
from gatepost.store.grants import NewGrant, make_grant
from gatepost.store.idempotency import claim_request
from gatepost.store.invitations import make_invitation
from gatepost.store.keys import make_key
from gatepost.store.orgs import give_auth_token, make_org
from gatepost.store.people import make_member
from gatepost.store.question import SQL, Row, Steps, Store, question
from gatepost.store.resources import make_resource
from gatepost.store.revocations import revoke_grant
from gatepost.store.scope_texts import set_scope_text
from gatepost.store.seals import keep_seal
from gatepost.store.tables import tables
from gatepost.store.trusted_issuers import Identity, make_trusted_issuer, redeem_assertion
from gatepost.store.usage import ALL, Count, add_usage
from gatepost.store.webhooks import DELIVERED, Delivery, feed, make_webhook, note_attempt

NOW = 1_800_000_000
DAY = 86_400
EPOCH = 1_000_000
"""Where counts of revocations start in tests; each kind starts elsewhere, so that a forgotten one shows."""


OTHERS_APP = "https://others.example/client.json"


class World(NamedTuple):
    """The names of one organization's things."""

    org: bytes
    auth_token: str
    client_id: str
    uri: str
    secret: bytes
    user: bytes
    email: str
    key: bytes
    resource: str
    grant: bytes
    revoked_grant: bytes
    invitation: bytes
    issuer: str
    event: bytes
    webhook: bytes
    request: bytes


def act(at: int = NOW) -> Act:
    return Act(at, "key_00000000000000000000000000000000", "192.0.2.1")


def app(org: bytes, client_id: str, *, retry_window: int | None = None) -> App:
    return App(
        org=org,
        client_id=client_id,
        name="An app",
        kind="web",
        profile="oauth21",
        auth_method=None,
        grant_types="authorization_code refresh_token",
        scope="read write",
        default_resource=None,
        access_ttl=None,
        grant_idle_ttl=None,
        grant_ttl=None,
        retry_window=retry_window,
        disabled_at=None,
        created_at=NOW,
        org_disabled_at=None,
    )


def key(org: bytes, id: bytes) -> ApiKey:
    return ApiKey(org, id, "A key", "apps:read tokens:issue", b"k" * 32, 1, NOW, None, None, None)


def secret(id: bytes) -> AppSecret:
    return AppSecret(id, b"s" * 32, 1, "wxyz", NOW, None, None)


def a_letter(*, next_at: int = NOW) -> Letter:
    return Letter(new_id(), "mail", "ann@acme.example", b"sealed", 0, next_at, NOW)


def device_request(world: World, user_code: str = "BCDFGHJK") -> DeviceRequest:
    return DeviceRequest(
        user_code=user_code,
        client_id=world.client_id,
        app_org=world.org,
        scope="read",
        resource=None,
        address="192.0.2.1",
        created_at=NOW,
        expires_at=NOW + 600,
        state="pending",
        approval=None,
    )


def new_grant(world: World, id: bytes, *, user: bool = True, key: bool = True, resource: bool = True) -> NewGrant:
    return NewGrant(
        id=id,
        client_id=world.client_id,
        user_id=world.user if user else None,
        key_id=world.key if key else None,
        scope="read",
        resource=world.resource if resource else None,
        salt=b"0123456789abcdef",
        idle_ttl=30 * DAY,
        expires_at=NOW + 90 * DAY,
    )


def an_invitation(id: bytes, email: str = "eve@invited.example") -> Invitation:
    return Invitation(id, email, "developer", NOW, NOW + DAY, None)


def an_app_request(world: World, client_id: str = OTHERS_APP, **changes: Any) -> AppRequest:
    """A person's request for an app of others."""
    asked = AppRequest(
        world.request, client_id, "Theirs", "others.example", "read", b"d" * 32, WAITING, world.user, NOW
    )
    return asked._replace(**changes)


def a_seal(seq: int) -> Seal:
    return Seal(seq, new_id(), b"h" * 32, b"e" * 48, "signed", NOW)


def a_webhook(id: bytes) -> Webhook:
    return Webhook(id, "Ours", "https://hooks.example/", "", b"sealed", NOW, bytes(16))


def a_delivery(world: World) -> Delivery:
    """The one delivery that an organization has: `populate` makes it of its event."""
    return Delivery(world.webhook, world.event, "grant.made", DELIVERED, NOW, "[]")


async def populate(store: Store, name: str) -> World:
    """An organization that has a row in every table that belongs to organizations."""
    world = World(
        org=new_id(),
        auth_token=f"token{name}",
        client_id=f"app-{name}",
        uri=f"https://{name}.example/cb",
        secret=new_id(),
        user=new_id(),
        email=f"ann@{name}.example",
        key=new_id(),
        resource=f"https://api.{name}.example/",
        grant=new_id(),
        revoked_grant=new_id(),
        invitation=new_id(),
        issuer=f"https://idp.{name}.example",
        event=new_id(),
        webhook=new_id(),
        request=new_id(),
    )
    await store.ask(make_org(world.org, name, EPOCH, act()))
    await store.ask(give_auth_token(world.org, world.auth_token, act()))
    await store.ask(make_app(app(world.org, world.client_id), (world.uri,), 2 * EPOCH, act()))
    await store.ask(add_secret(world.org, world.client_id, secret(world.secret), act()))
    await store.ask(make_resource(world.org, Resource(world.resource, "read write", world.client_id, NOW), act()))
    await store.ask(make_member(world.org, world.user, world.email, None, "member", 3 * EPOCH, act()))
    await store.ask(make_key(key(world.org, world.key), 4 * EPOCH, act()))
    await store.ask(make_trusted_issuer(world.org, TrustedIssuer(world.issuer, f"{world.issuer}/jwks", NOW), act()))
    identity = Identity(world.issuer, "ann", world.user)
    once = (new_id(), NOW, NOW + DAY)
    assert await store.ask(redeem_assertion(world.org, identity, once, new_grant(world, world.grant), act()))
    assert await store.ask(make_grant(world.org, new_grant(world, world.revoked_grant), act()))
    await store.ask(revoke_grant(world.org, world.revoked_grant, act()))
    await store.ask(make_invitation(world.org, an_invitation(world.invitation), act()))
    await store.ask(record(world.org, "world.made", act(), id=world.event))
    await store.ask(claim_request(world.org, world.org, b"digest", NOW, NOW + DAY))
    await store.ask(set_scope_text(world.org, "read", "en", f"Read what {name} has", act()))
    consent = Consent(world.org, world.user, world.client_id, "read", b"d" * 32, NOW)
    await store.ask(give_consent(world.org, consent, new_id(), NOW, NOW + DAY, act()))
    assert await store.ask(ask_for_app(world.org, an_app_request(world), (), act()))
    await store.ask(make_webhook(world.org, a_webhook(world.webhook), act()))
    assert await store.ask(feed(world.org, world.webhook, world.event, "grant.made", a_letter(next_at=NOW + 365 * DAY)))
    await store.ask(note_attempt(world.org, a_delivery(world), None))
    counts = [Count(world.org, whose, "issued", "verify", 1) for whose in (world.client_id, ALL)]
    await store.ask(add_usage(tuple(counts), NOW))
    # The newest of all, so that nothing waits to be sealed.
    assert await store.ask(keep_seal(world.org, a_seal(1), "kid", b"key"))
    return world


@question
def dump(org: bytes) -> Steps[dict[str, list[Row]]]:
    """Every row that belongs to the organization, by table, in the order of the primary key."""
    rows = {}
    for table in tables():
        rows[table.name] = yield SQL(
            f"select * from {table.name} where org = ? order by {', '.join(table.key)}", (org,)
        )
    return rows
