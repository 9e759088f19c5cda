"""The data a bench runs on: organizations with a key, an app and a person each, and grants in the middle of their lives.

All of it is written through the store's questions before the server starts. The grants have one of their own here, as no
verb makes a connection that is a month old.
"""

import os
import random
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

from tqdm import tqdm

from gatepost.bench.machine import HOST
from gatepost.flows.api_keys import FreshKey
from gatepost.flows.callers import POWERS
from gatepost.oauth.client_metadata import ClientMetadata
from gatepost.oauth.consent import digest_of
from gatepost.oauth.refresh_token import render_refresh_token
from gatepost.oauth.session_token import render_session_token
from gatepost.opening import open_bare_store, open_keyring, open_store
from gatepost.records import ApiKey, App, AppSecret, Consent, Session
from gatepost.secrets import API_KEY, CLIENT_SECRET, Keyring, Secret, new_id, render_text
from gatepost.settings import Settings
from gatepost.store.apps import add_secret, make_app
from gatepost.store.consents import give_consent
from gatepost.store.events import Act
from gatepost.store.keys import make_key
from gatepost.store.orgs import make_org
from gatepost.store.people import make_member
from gatepost.store.question import SQL, Question, Steps, Store, question
from gatepost.store.sessions import make_session

REDIRECT = "https://app.example.com/callback"
SCOPE = "models:read models:write"
GRANT_TYPES = "authorization_code refresh_token client_credentials"

GENERATION = 7
"""Where the grants stand: past the first use, which is an event and so one more row."""

SAMPLE = 65_536
"""Grants that are used at most. The tokens of all of a million would only fill the load generator's memory."""

BATCH = 10_000
DAY = 86_400

EPOCH = 1
"""Where counts of revocations start."""

_GRANT = """insert into grants (org, id, client_id, user_id, key_id, scope, resource, generation, salt, epoch, created_at,
    rotated_at, last_used_at, uses, idle_ttl, expires_at) values (?, ?, ?, null, ?, ?, null, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""


class Tenant(NamedTuple):
    """An organization as its callers know it, and a person of it who is signed in and lets its app do everything."""

    org: bytes
    key_id: bytes
    api_key: str
    client_id: str
    client_secret: str
    user_id: bytes
    session_id: bytes
    session: str


class Connected(NamedTuple):
    """A grant that will be used: whose it is, and its live refresh token."""

    tenant: Tenant
    refresh_token: str


class Data(NamedTuple):
    """What was prepared. `grants` is a random sample of all that are in the database."""

    keyring: Keyring
    tenants: list[Tenant]
    grants: list[Connected]


async def prepare(settings: Settings, orgs: int, grants: int) -> Data:
    """Fill an empty database. The grants are spread evenly over the organizations."""
    keyring = open_keyring(settings, make=True)
    open_store(settings, migrate=True).close()
    store = open_bare_store(settings)
    try:
        with tqdm(total=orgs + grants, delay=1, disable=None, desc="Preparing", unit_scale=True, leave=False) as done:
            tenants = await _write_tenants(store, keyring, orgs, done)
            used = await _write_grants(store, keyring, tenants, grants, done)
    finally:
        store.close()
    return Data(keyring, tenants, used)


async def _write_tenants(store: Store, keyring: Keyring, count: int, done: "tqdm[Any]") -> list[Tenant]:
    tenants = []
    for start in range(0, count, BATCH):
        questions: list[Question[Any]] = []
        for number in range(start, min(start + BATCH, count)):
            tenant, making = _tenant(keyring, number, int(time.time()))
            tenants.append(tenant)
            questions += making
            done.update()
        await store.ask(_ask_all(questions))
    return tenants


def _tenant(keyring: Keyring, number: int, now: int) -> tuple[Tenant, list[Question[Any]]]:
    """An organization with a key that may do everything, an app with all that is its, and a person at a browser."""
    act, org, client_id = Act(now, "bench"), new_id(), f"bench-{number}"
    key = _key(keyring, org, now)
    app = App(
        *(org, client_id, f"App {number}", "web", "oauth21", None, GRANT_TYPES, SCOPE),
        *(None, None, None, None, None, None, now),
        org_disabled_at=None,
    )
    session, cookie = _session(keyring, new_id(), now)
    consent = Consent(org, session.user_id, client_id, SCOPE, digest_of(app, ClientMetadata(), (REDIRECT,)), now)
    text = render_text(CLIENT_SECRET, os.urandom(32))
    secret = AppSecret(new_id(), keyring.hash_secret(text), keyring.current, text[-4:], now, None, None)
    making: list[Question[Any]] = [
        make_org(org, f"Organization {number}", EPOCH, act),
        make_key(key.record, EPOCH, act),
        make_app(app, (REDIRECT,), EPOCH, act),
        add_secret(org, client_id, secret, act),
        make_member(org, session.user_id, f"person-{number}@example.com", None, "member", EPOCH, act),
        make_session(session, act),
        give_consent(org, consent, session.id, now, now + DAY, act),
    ]
    tenant = Tenant(org, key.record.id, key.text.reveal(), client_id, text, session.user_id, session.id, cookie)
    return tenant, making


def _session(keyring: Keyring, user_id: bytes, now: int) -> tuple[Session, str]:
    """A session that lasts as long as the bench, and its cookie."""
    id, salt, generation = new_id(), os.urandom(16), 1
    session = Session(
        *(id, user_id, salt, generation, now, now, now, now + DAY, now, "pwd", HOST, "bench"),
        ended_at=None,
        email="",
        name=None,
        user_disabled_at=None,
    )
    return session, render_session_token(id, generation, salt, keyring)


def _key(keyring: Keyring, org: bytes, now: int) -> FreshKey:
    key_id = new_id()
    text = render_text(API_KEY, org + key_id + os.urandom(32))
    hashed = keyring.hash_secret(text)
    record = ApiKey(org, key_id, "Bench", " ".join(POWERS), hashed, keyring.current, now, None, None, None)
    return FreshKey(record, Secret(text))


@question
def _ask_all(questions: list[Question[Any]]) -> Steps[None]:
    for each in questions:
        yield from iter(each)


async def _write_grants(
    store: Store, keyring: Keyring, tenants: list[Tenant], count: int, done: "tqdm[Any]"
) -> list[Connected]:
    """Write the grants, and answer those of them that will be used."""
    chosen = set(random.sample(range(count), min(count, SAMPLE)))
    used = []
    rows = _grant_rows(tenants, count, int(time.time()))
    for start in range(0, count, BATCH):
        batch = list(islice(rows, BATCH))
        await store.ask(_insert_grants([row for _, row in batch]))
        for index, (tenant, row) in enumerate(batch, start):
            if index in chosen:
                token = render_refresh_token(tenant.org, row.id, GENERATION, row.salt, keyring)
                used.append(Connected(tenant, token))
        done.update(len(batch))
    random.shuffle(used)
    return used


class _Row(NamedTuple):
    org: bytes
    id: bytes
    client_id: str
    key_id: bytes
    scope: str
    generation: int
    salt: bytes
    epoch: int
    created_at: int
    rotated_at: int
    last_used_at: int
    uses: int
    idle_ttl: int
    expires_at: int


def _grant_rows(tenants: list[Tenant], count: int, now: int) -> Iterator[tuple[Tenant, _Row]]:
    """Grants of the last thirty days in the order they were made, each used within the last hour."""
    for index in range(count):
        tenant = tenants[index * len(tenants) // count]
        made_at = now - 30 * DAY + 30 * DAY * index // count
        used_at = now - index % 3600
        yield (
            tenant,
            _Row(
                *(tenant.org, new_id(), tenant.client_id, tenant.key_id, SCOPE, GENERATION, os.urandom(16)),
                *(3 * EPOCH, made_at, used_at, used_at, GENERATION, 30 * DAY, made_at + 90 * DAY),
            ),
        )


@question
def _insert_grants(rows: list[_Row]) -> Steps[None]:
    for row in rows:
        yield SQL(_GRANT, row)
