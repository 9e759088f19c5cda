"""An organization that approves apps of others first, an app of another organization, and people who ask for it."""

import html
import re
from typing import Any

import httpx

from gatepost.flows.actors import person
from gatepost.flows.app_requests import decide, request_of, requests_of
from gatepost.flows.organizations import change_org, get_org
from gatepost.light import replace
from gatepost.records import AGREED, WAITING, AppRequest
from gatepost.secrets import parse_id, render_id
from gatepost.store.apps import find_app, replace_app

from .browser import Browser, form_of, give_password
from .world import ADDRESS, Client, Tenant, World

ANN = "ann@example.test"
BOB = "bob@acme.test"


async def review(world: World, tenant: Tenant, *, needed: bool = True) -> None:
    """Have an organization approve apps first, or not any more."""
    org = await get_org(world.instance, tenant.id)
    await change_org(world.instance, org, {"apps_need_approval": needed}, world.operator)


async def change(world: World, org: bytes, client_id: str, **fields: Any) -> None:
    """Change an app."""
    found = await world.instance.store.read(find_app(org, client_id))
    assert found is not None
    await world.instance.store.ask(replace_app(replace(found, **fields), world.act))


async def of_others(world: World, kind: str = "web", scope: str = "read write") -> Client:
    """A new app of Beta that everybody may connect."""
    app = await world.make_app(world.beta.org, kind=kind, scope=scope)
    await change(world, world.beta.org, app.client_id, name="Wanderer", metadata='{"open_to_others":true}')
    return app


async def bob_of_acme(world: World) -> Browser:
    """A browser of Bob's, who belongs to Acme alone; and Ann, who belongs to Beta too, can sign in."""
    await give_password(world, world.acme.ann)
    await give_password(world, world.acme.bob)
    browser = Browser(world)
    await browser.enter(BOB)
    return browser


async def held_up(browser: Browser, app: Client, **changes: str | None) -> httpx.Response:
    """The page at which a person is held up who wants to connect an app."""
    led = await browser.authorize(app, **changes)
    assert led.headers["location"].startswith("/approval/"), led.headers
    return await browser.get(led.headers["location"])


async def ask(browser: Browser, app: Client, **changes: str | None) -> httpx.Response:
    """Ask an admin, and see what the page says then."""
    form = form_of(await held_up(browser, app, **changes))
    assert form.action.startswith("/approval/")
    asked = await browser.post(form.action, form.fields)
    assert asked.status_code == 303, asked.text
    return await browser.get(asked.headers["location"])


async def queue(world: World, state: str = WAITING) -> list[AppRequest]:
    """Acme's requests in a state."""
    return (await requests_of(world.instance, world.acme.org, world.operator, state, None, 100)).rows


async def answer(world: World, state: str = AGREED, reason: str = "", by: str = "") -> AppRequest:
    """Answer the request that was made last, as the operator or as a person of Acme."""
    shown = (await queue(world))[0]
    user_id = parse_id("usr", by)
    actor = await person(world.instance, world.acme.org, user_id, ADDRESS) if user_id else world.operator
    shown = await request_of(world.instance, world.acme.org, render_id("req", shown.id), actor)
    return await decide(world.instance, world.acme.org, shown, state, reason, actor)


def said(page: httpx.Response) -> str:
    """What a page says, without its tags."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", page.text[page.text.index("<main") :])))
