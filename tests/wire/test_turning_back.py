"""A person who turns back, or comes back: every page on the way has a way out, and is answered once. UI-9, UI-23, product 3.3."""

import asyncio
import html
import re

import httpx
import pytest

from gatepost.secrets import parse_id
from gatepost.store.consents import list_consents

from .browser import Browser, Form, form_of, give_password
from .conftest import OpenWorld
from .registering import client_of, open_to_all, registered
from .world import Client, World

BOB = "bob@acme.test"
HOME = "https://app.test/home"
USED = "This page has already been used"


@pytest.fixture
async def browser(world: World) -> Browser:
    await give_password(world, world.acme.bob)
    return Browser(world)


async def asked(browser: Browser, app: Client, **changes: str) -> Form:
    """The form of the consent page."""
    led = await browser.sign_in(await browser.authorize(app, **changes), BOB)
    return form_of(await browser.get(led.headers["location"]))


# An answer counts once.


@pytest.mark.parametrize(("first", "second"), [("deny", "allow"), ("allow", "deny"), ("deny", "deny")])
async def test_a_page_is_answered_once_whatever_was_said(
    world: World, browser: Browser, first: str, second: str
) -> None:
    form = await asked(browser, world.acme.web)
    left = await browser.leave(await browser.post(form.action, form.fields | {"decision": first}))
    assert ("code" in left) == (first == "allow")
    again = await browser.post(form.action, form.fields | {"decision": second})
    assert (again.status_code, USED in again.text) == (400, True)
    given = list_consents(world.acme.org, parse_id("usr", world.acme.bob) or b"")
    assert bool(await world.instance.store.read(given)) == (first == "allow")


async def test_of_a_yes_and_a_no_at_the_same_moment_one_counts(world: World, browser: Browser) -> None:
    form = await asked(browser, world.acme.web)
    said = [browser.post(form.action, form.fields | {"decision": each}) for each in ("deny", "allow") * 4]
    assert sorted(each.status_code for each in await asyncio.gather(*said)) == [303] + [400] * 7


# Where to start again.


async def start_of(page: httpx.Response) -> str:
    """Where the page that says it was used leads."""
    assert (page.status_code, USED in page.text) == (400, True)
    start = re.search(r'id="start" href="([^"]*)"', page.text)
    return html.unescape(start[1]) if start else "/account" if 'href="/account"' in page.text else ""


async def test_a_page_that_was_answered_leads_to_where_its_app_starts(world: World, browser: Browser) -> None:
    app = await world.make_app(world.acme.org, scope="read", metadata={"client_uri": HOME})
    form = await asked(browser, app, scope="read")
    for start in (None, HOME):
        page = await browser.post(form.action, form.fields | {"decision": "allow"})
        assert start is None or await start_of(page) == start
    assert "You will go to <bdi>app.test</bdi>" in page.text


@pytest.mark.parametrize(
    "path", ["/consent/", "/approval/", "/login?flow=", "/login/account?flow=", "/login/verify?flow="]
)
async def test_a_page_that_is_too_old_leads_there_too(world: World, browser: Browser, path: str) -> None:
    app = await world.make_app(world.acme.org, scope="read", metadata={"client_uri": HOME})
    flow = (await browser.authorize(app, scope="read")).headers["location"].partition("flow=")[2]
    await browser.enter(BOB)
    world.clock.forward(3600)
    assert await start_of(await browser.get(path + flow)) == HOME
    other = Browser(world)
    await other.enter(BOB)
    assert await start_of(await other.get(path + flow)) == "/account", "nobody leads another browser anywhere"


async def test_an_app_that_names_no_start_leads_to_the_account(world: World, browser: Browser) -> None:
    form = await asked(browser, world.acme.web)
    await browser.post(form.action, form.fields | {"decision": "deny"})
    assert await start_of(await browser.post(form.action, form.fields | {"decision": "deny"})) == "/account"


async def test_what_a_stranger_calls_its_home_is_nowhere_to_lead_to(open_world: OpenWorld) -> None:
    world = await open_to_all(open_world)
    browser = Browser(world)
    app = client_of(await registered(world, client_uri="https://evil.test/"))
    begun = (await browser.authorize(app)).headers["location"]
    world.clock.forward(3600)
    assert await start_of(await browser.get(begun)) == "/account"
