"""Who calls the API in tests: a person of Acme for each role, with a token of their own; and what they call about."""

from typing import Any, NamedTuple

import httpx

from gatepost.flows.actors import person
from gatepost.flows.apps import NewApp, create_app, create_secret
from gatepost.flows.joining import invite
from gatepost.flows.people import create_user
from gatepost.flows.resources import create_resource
from gatepost.flows.roles import ROLES
from gatepost.flows.scopes import ScopeText, describe_scope
from gatepost.flows.trusted_issuers import trust
from gatepost.flows.webhooks import create_webhook, deliveries_of, drop_webhook, try_webhook, webhooks_of
from gatepost.records import WAITING, AppRequest
from gatepost.secrets import new_id, parse_id, render_id
from gatepost.store.app_requests import ask_for_app

from .browser import Browser, connected, give_password
from .world import ADDRESS, Client, Tenant, World, claims_of

API = "/api/v1"
HOOK = "http://127.0.0.1:59999/hook"
"""Nobody listens there."""
NAMED = "https://named.test/cb"


class Person(NamedTuple):
    """Somebody with a role: who they are, and their Authorization header."""

    id: str
    role: str
    bearer: str


class Staff(NamedTuple):
    """A person for each role, and the app that their tokens are of."""

    tool: Client
    owner: Person
    admin: Person
    developer: Person
    auditor: Person
    member: Person


async def hire(world: World) -> Staff:
    """Make the people of Acme, and sign each in."""
    tool = await world.make_app(world.acme.org, client_id="tool", scope="gatepost read")
    return Staff(tool, *[await sign_in(world, tool, role) for role in ROLES])


async def sign_in(world: World, tool: Client, role: str, name: str = "") -> Person:
    """A new person of Acme with this role, and a token of theirs."""
    email = f"{name or role}@acme.test"
    user = await create_user(world.instance, world.acme.org, email, role, None, world.operator)
    id = render_id("usr", user.id)
    await give_password(world, id)
    tokens = await connected(world, Browser(world), tool, email, scope="gatepost")
    return Person(id, role, f"Bearer {world.canary.watch(tokens['access_token'])}")


async def ask(world: World, method: str, path: str, by: Tenant | Person | str | None, **options: Any) -> httpx.Response:
    """One call of the API; a refusal is checked for what all refusals have in common."""
    caller = by.bearer if isinstance(by, Person) else by
    response = await world.call(method, API + path, caller, **options)
    if response.status_code >= 400:
        assert response.headers["content-type"] == "application/problem+json"
        problem = response.json()
        assert problem["status"] == response.status_code
        assert problem["event_id"] == response.headers["x-event-id"]
        assert problem["title"]
        assert problem["detail"]
        assert problem["fix"]
        assert problem["type"].endswith(f"#{problem['code']}")
    for name in ("client_secret", "api_key", "link", "secret"):
        if response.content and (secret := response.json().get(name)):
            world.canary.watch(secret)
    return response


async def _asked_for(world: World, tenant: Tenant, client_id: str) -> str:
    """A request for an app of others."""
    id, ann = new_id(), parse_id("usr", tenant.ann) or b""
    asked = AppRequest(id, client_id, "Theirs", "others.test", "read", b"d" * 32, WAITING, ann, world.clock())
    assert await world.instance.store.ask(ask_for_app(tenant.org, asked, (), world.act))
    return render_id("req", id)


async def things(world: World, tenant: Tenant, maker: str = "") -> dict[str, str]:
    """One of everything that a path can name, in this organization; the app is made by the person `maker`."""
    user_id = parse_id("usr", maker)
    actor = await person(world.instance, tenant.org, user_id, ADDRESS) if user_id else world.operator
    app, _ = await create_app(world.instance, tenant.org, NewApp("Named", redirect_uris=(NAMED,)), actor)
    secret = await create_secret(world.instance, app, None, world.operator)
    world.canary.watch(secret.text.reveal())
    invitation, _ = await invite(world.instance, tenant.org, f"{app.client_id}@invited.test", "member", world.operator)
    await describe_scope(world.instance, tenant.org, ScopeText("read", "en", "Read it"), world.operator)
    uri = f"https://{app.client_id}.named.test/"
    await create_resource(world.instance, tenant.org, uri, "read", None, world.operator)
    issuer = f"https://trusted.test/{app.client_id}"
    await trust(world.instance, tenant.org, issuer, f"{issuer}/jwks", world.operator)
    for each in await webhooks_of(world.instance, tenant.org, world.operator):
        await drop_webhook(world.instance, tenant.org, each, world.operator)
    hook, whsec = await create_webhook(world.instance, tenant.org, HOOK, (), "Hook", world.operator)
    world.canary.watch(whsec.reveal())
    await try_webhook(world.instance, tenant.org, hook, world.operator)
    (delivery,) = await deliveries_of(world.instance, tenant.org, hook, world.operator, 1)
    tokens = await world.tokens(Client(app.client_id, "", NAMED), tenant)
    return {
        "client_id": app.client_id,
        "request": await _asked_for(world, tenant, f"https://{app.client_id}.others.test/"),
        "secret": render_id("sec", secret.record.id),
        "invitation": render_id("inv", invitation.id),
        "resource": uri,
        "webhook": render_id("whk", hook.id),
        "delivered": render_id("evt", delivery.event_id),
        "issuer": issuer,
        "grant": claims_of(tokens.access_token)["gid"],
        "key": (await world.make_key(tenant.org))[1],
        "event": render_id("evt", (await world.events(tenant.org, "app.made"))[-1].id),
        "user": await world.make_user(tenant.org, f"{app.client_id}@known.test"),
    }
