"""What the wire tests stand on: a whole Gatepost on a real store, spoken to over HTTP, with a clock that tests move.

Two organizations live in it, Acme and Beta. Their things have equal names wherever names may be equal.
"""

import asyncio
import base64
import itertools
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import httpx
import orjson

from gatepost import base64url
from gatepost.flows.api_keys import create_key
from gatepost.flows.apps import NewApp, create_app
from gatepost.flows.callers import POWERS
from gatepost.flows.organizations import create_org
from gatepost.flows.people import create_user
from gatepost.flows.resources import create_resource
from gatepost.flows.roles import Actor, operator
from gatepost.flows.signing import make_keys_once
from gatepost.opening import database_of, database_path, open_instance
from gatepost.records import Event
from gatepost.secrets import render_id
from gatepost.settings import load_settings
from gatepost.store.events import Act, list_events
from gatepost.store.question import INSTANCE
from gatepost.wiring import build_app

from .canary import Canary

ISSUER = "https://gate.test"
NOW = 1_800_000_000
DAY = 86_400
RESOURCE = "https://api.test/v1"
ADDRESS = "192.0.2.1"


DESCRIPTION = re.compile(r"[ !#-\[\]-~]*")
"""What an `error_description` may have: no quote, no backslash, nothing but ASCII. RFC 6749 §5.2."""


class Client(NamedTuple):
    """An app as its developer knows it; a public one has no secret."""

    client_id: str
    secret: str
    redirect: str


class Tenant(NamedTuple):
    """An organization as its administrator knows it."""

    org: bytes
    key: str
    key_id: str
    web: Client
    """A confidential app with the scopes `read write`."""
    native: Client
    """A public app."""
    api: Client
    """The confidential app that is the API behind RESOURCE."""
    ann: str
    """A member of both organizations."""
    bob: str
    """A member of this one alone."""

    @property
    def id(self) -> str:
        return render_id("org", self.org)


Caller: TypeAlias = Tenant | Client | str | None
"""Who calls: an organization with its key, an app with its secret, or whatever stands in the Authorization header."""


class Pair(NamedTuple):
    """The two tokens of an answer."""

    access_token: str
    refresh_token: str


class Clock:
    """The server's clock. It stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now

    def forward(self, seconds: int) -> None:
        self.now += seconds


class World:
    """A running Gatepost, its clock, its two organizations, and ways to speak to it."""

    acme: Tenant
    beta: Tenant
    gateway: str
    """The Authorization header of a gateway that serves every organization."""

    def __init__(
        self, directory: Path, canary: Canary, issuer: str, overrides: Mapping[str, str], clock: Clock | None = None
    ) -> None:
        defaults = {"data": str(directory), "limits.enabled": "false", **overrides}
        self.settings = load_settings({}, {}, None, defaults)
        self.canary = canary
        self.clock = clock or Clock()
        self.instance = open_instance(self.settings, issuer, clock=self.clock)
        self.app = build_app(self.settings, self.instance)
        self._open_again = partial(World, directory, canary, issuer, overrides, self.clock)
        self._others: list[World] = []
        self._clients: dict[str, httpx.AsyncClient] = {}
        self._numbers = itertools.count()

    @property
    def act(self) -> Act:
        return Act(self.clock(), "cli")

    @property
    def operator(self) -> Actor:
        return operator(self.act)

    # Making things, with the verbs that the command line uses.

    async def populate(self) -> "World":
        await make_keys_once(self.instance.store, self.instance.keyring, self.act)
        self.acme = await self._make_tenant("acme")
        self.beta = await self._make_tenant("beta")
        self.gateway = f"Bearer {(await self.make_key(INSTANCE))[0]}"
        return self

    async def again(self) -> "World":
        """Another process on the same data, with the same clock; closed with this one."""
        other = self._open_again()
        other.acme, other.beta, other.gateway = self.acme, self.beta, self.gateway
        self._others.append(other)
        return other

    async def _make_tenant(self, name: str) -> Tenant:
        org = (await create_org(self.instance, "The company", self.operator)).id
        key, key_id = await self.make_key(org, POWERS)
        web = await self.make_app(org, client_id=f"web-{name}", scope="read write")
        native = await self.make_app(org, client_id=f"native-{name}", kind="native", redirect=f"com.{name}.app:/cb")
        api = await self.make_app(org, client_id=f"api-{name}", kind="service")
        await create_resource(self.instance, org, RESOURCE, "read write", api.client_id, self.operator)
        ann, bob = [await self.make_user(org, email) for email in ("ann@example.test", f"bob@{name}.test")]
        return Tenant(org, key, key_id, web, native, api, ann, bob)

    async def make_key(
        self, org: bytes, scopes: tuple[str, ...] | None = None, *, expires_at: int | None = None
    ) -> tuple[str, str]:
        """A new API key: its text and its id."""
        fresh = await create_key(self.instance, org, "A key", scopes, expires_at, self.operator)
        return self.canary.watch(fresh.text.reveal()), render_id("key", fresh.record.id)

    async def make_app(
        self, org: bytes, *, redirect: str = "https://app.test/cb", kind: str = "web", **policy: Any
    ) -> Client:
        policy.setdefault("client_id", f"app-{next(self._numbers)}")
        new = NewApp("An app", kind=kind, redirect_uris=(redirect,), **policy)
        app, secret = await create_app(self.instance, org, new, self.operator)
        return Client(app.client_id, self.canary.watch(secret.text.reveal()) if secret else "", redirect)

    async def make_user(self, org: bytes, email: str) -> str:
        joined = await create_user(self.instance, org, email, "member", None, self.operator)
        return render_id("usr", joined.id)

    # Speaking to it.

    async def call(
        self,
        method: str,
        path: str,
        by: Caller = None,
        *,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | list[tuple[str, str]] | None = None,
        address: str = ADDRESS,
    ) -> httpx.Response:
        """One request and its answer, which is checked for all that every answer has in common."""
        fields = dict(form or {})
        sent = httpx.Headers(headers)
        if isinstance(by, Client) and not by.secret:
            fields["client_id"] = by.client_id
        elif by is not None:
            sent["authorization"] = authorization(by)
        if json is not None:
            content = orjson.dumps(json)
            sent.setdefault("content-type", "application/json")
        elif content is None and (fields or form is not None):
            content = str(httpx.QueryParams(fields)).encode()
            sent.setdefault("content-type", "application/x-www-form-urlencoded")
        request = self._client(address).build_request(method, path, content=content, headers=sent)
        self.canary.watch_sent(request)
        response = await self._client(address).send(request)
        self.canary.check_answer(response)
        check_answer(response)
        return response

    def _client(self, address: str) -> httpx.AsyncClient:
        if address not in self._clients:
            transport = httpx.ASGITransport(self.app, client=(address, 50_000))
            # Nothing that httpx would add of its own: a test says what is sent.
            self._clients[address] = httpx.AsyncClient(transport=transport, base_url="http://server")
            self._clients[address].headers.clear()
        return self._clients[address]

    async def verify(self, client: Client | None = None, by: Caller = None, **members: Any) -> httpx.Response:
        client = client or self.acme.web
        pair = {"client_id": client.client_id, "redirection_url": client.redirect}
        return await self.call("POST", "/verify", by or self.acme, json=pair | members)

    async def refresh(self, token: str, **options: Any) -> httpx.Response:
        return await self.call("POST", "/refresh", json={"refresh_token": token}, **options)

    async def introspect(self, token: str, by: Caller = None, **members: str) -> httpx.Response:
        return await self.call("POST", "/introspect", by or self.acme, form={"token": token, **members})

    async def revoke(self, token: str, by: Caller = None, **members: str) -> httpx.Response:
        return await self.call("POST", "/revoke", by or self.acme, form={"token": token, **members})

    # What goes well, in short.

    async def tokens(self, client: Client | None = None, by: Caller = None, **members: Any) -> Pair:
        return _pair(await self.verify(client, by, **members))

    async def refreshed(self, token: str) -> Pair:
        return _pair(await self.refresh(token))

    async def is_active(self, token: str, by: Caller = None) -> bool:
        response = await self.introspect(token, by)
        assert response.status_code == 200
        if not response.json()["active"]:
            assert response.json() == {"active": False}
        return bool(response.json()["active"])

    # Looking behind the door.

    async def events(self, org: bytes, type: str | None = None) -> list[Event]:
        """The events of an organization, oldest first, once what is still being recorded is."""
        await self.settle()
        return await self.instance.store.read(list_events(org, 1000, type=type))

    async def all_events(self) -> list[Event]:
        return [event for org in (INSTANCE, self.acme.org, self.beta.org) for event in await self.events(org)]

    @property
    def files(self) -> list[Path]:
        """What the server keeps, but for the instance key; nothing where a database server keeps it."""
        if database_of(self.settings).file is None:
            return []
        directory = database_path(self.settings).parent
        return sorted(path for path in directory.iterdir() if path.name.startswith("gatepost.db"))

    async def settle(self) -> None:
        """Wait for what the server does behind its answers."""
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)

    async def close(self) -> None:
        for other in self._others:
            await other.close()
        await self.settle()
        for client in self._clients.values():
            await client.aclose()
        self.instance.store.close()
        self.canary.check(*self.files)


def authorization(by: Tenant | Client | str) -> str:
    """The Authorization header of a caller."""
    if isinstance(by, Tenant):
        return f"Bearer {by.key}"
    if isinstance(by, Client):
        return basic(by.client_id, by.secret)
    return by


def basic(user: str, password: str) -> str:
    """An Authorization header of HTTP Basic, its two parts as they are given."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def header_of(token: str) -> dict[str, Any]:
    """What an access token says of its signature."""
    header: dict[str, Any] = orjson.loads(base64url.decode(token.split(".")[0].encode()))
    return header


def claims_of(token: str) -> dict[str, Any]:
    """What an access token says."""
    claims: dict[str, Any] = orjson.loads(base64url.decode(token.split(".")[1].encode()))
    return claims


def check_answer(response: httpx.Response, *, to_a_person: bool = False) -> None:
    """What every answer has in common, whatever was asked."""
    headers = response.headers
    assert response.status_code < 500, response.text
    assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store" or headers["cache-control"].startswith("public, max-age=")
    assert to_a_person or "set-cookie" not in headers
    assert to_a_person or "location" not in headers
    assert "access-control-allow-credentials" not in headers
    if headers.get("content-type") == "application/json":
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["cross-origin-resource-policy"] in ("same-origin", "cross-origin")
    if response.status_code >= 400 and headers["content-type"] == "application/json" and response.content:
        check_refusal(response)


def check_refusal(response: httpx.Response) -> None:
    """What every refusal has in common: one event id, a code, words, and nothing kept by caches."""
    content = response.json()
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-event-id"] == content["event_id"]
    assert content["event_id"].startswith("evt_")
    assert content["error"]
    assert content.get("message") or content.get("error_description")
    assert DESCRIPTION.fullmatch(content.get("error_description", "")), content
    assert content.get("success") in (None, False)


def _pair(response: httpx.Response) -> Pair:
    assert response.status_code == 200, response.text
    return Pair(response.json()["access_token"], response.json()["refresh_token"])
