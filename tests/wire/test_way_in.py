"""On the way to an app: every page says to which. product W5."""

import html
import re

import httpx
import pytest

from .asking import change, of_others
from .browser import Browser, form_of, give_password
from .conftest import OpenWorld
from .mailbox import BOXED, link_for
from .registering import client_of, registered
from .test_totp import enrolled
from .world import Client, World

BOB = "bob@acme.test"
EVE = "eve@new.test"
NEW = {"new_password": "another password of theirs"}
SAID = "To continue to <strong><bdi>An app</bdi></strong>"
COOKIE = "__Host-gatepost_flow"


@pytest.fixture
async def world(open_world: OpenWorld) -> World:
    world = await open_world(BOXED | {"sign_up": "open", "registration.mode": "open"})
    await give_password(world, world.acme.bob)
    return world


@pytest.fixture
async def browser(world: World) -> Browser:
    return Browser(world)


def asker_of(page: httpx.Response) -> str:
    """Who asks, as the page says it; empty where it says nothing of anybody."""
    found = re.search(r'<p id="asker">(.*?)</p>', page.text, re.DOTALL)
    return " ".join(found[1].split()) if found else ""


async def login_of(browser: Browser, app: Client, **changes: str) -> httpx.Response:
    """The page that a person comes to who is sent by an app."""
    return await browser.get((await browser.authorize(app, **changes)).headers["location"])


async def send(browser: Browser, url: str, **changes: str) -> httpx.Response:
    """Fill in the first form of a page and send it."""
    form = form_of(await browser.get(url))
    return await browser.post(form.action, form.fields | changes)


def link_of(page: httpx.Response, name: str) -> str:
    (link,) = re.findall(rf'id="{name}" href="([^"]*)"', page.text)
    return html.unescape(link)


# To which app.


async def test_who_signs_in_reads_for_which_app(world: World, browser: Browser) -> None:
    page = await login_of(browser, world.acme.web)
    known = "verified host: <bdi>app.test</bdi><br> Registered by <bdi>The company</bdi>"
    assert asker_of(page) == f'{SAID}<br> <span class="soft">{known}</span>'
    wrong = await send(browser, str(page.url), email=BOB, password="wrong")
    assert (wrong.status_code, SAID in asker_of(wrong)) == (400, True)
    assert asker_of(await browser.get("/login")) == "", "for no app"


async def test_the_other_ways_in_say_it_too(world: World, browser: Browser) -> None:
    page = await login_of(browser, world.acme.web)
    for way, sent in (("by-mail", BOB), ("forgot", BOB)):
        path = link_of(page, way)
        assert SAID in asker_of(await browser.get(path)), way
        assert SAID in asker_of(await send(browser, path, email=sent)), way
        link = await link_for(world, sent)
        assert SAID in asker_of(await browser.get(link)), way
        assert asker_of(await Browser(world).get(link)) == "", "in another browser nobody is on the way to it"
    done = await send(browser, await link_for(world, BOB), **NEW)
    assert SAID in asker_of(done)


async def test_the_second_step_and_the_choice_say_it_too(world: World, browser: Browser) -> None:
    await enrolled(world, browser)
    for changes in ({"acr_values": "2", "prompt": "login"}, {"prompt": "select_account"}):
        assert SAID in asker_of(await login_of(browser, world.acme.web, **changes))
    half = await browser.sign_in(await browser.authorize(world.acme.web, prompt="login"), BOB)
    assert SAID in asker_of(await browser.get(half.headers["location"]))


async def test_an_app_of_others_cannot_pass_for_us(world: World, browser: Browser) -> None:
    app = await of_others(world)
    await change(world, world.beta.org, app.client_id, name="Gatepost</bdi><h1>Sign in")
    said = asker_of(await login_of(browser, app))
    assert said.startswith("To continue to <strong><bdi>Gatepost&lt;/bdi&gt;&lt;h1&gt;Sign in</bdi></strong>")
    assert "<bdi>app.test</bdi>" in said
    assert "Registered by <bdi>The company</bdi>" in said


async def test_of_an_app_that_registered_itself_nobody_knows_more(world: World, browser: Browser) -> None:
    said = asker_of(await login_of(browser, client_of(await registered(world, client_name="Gatepost"))))
    assert "You will go to <bdi>app.example</bdi>" in said
    assert "It registered itself; nobody here has checked it" in said


async def test_an_app_that_is_gone_is_not_named(world: World, browser: Browser) -> None:
    begun = (await browser.authorize(world.acme.web)).headers["location"]
    await world.call("DELETE", f"/api/v1/apps/{world.acme.web.client_id}", world.acme)
    page = await browser.get(begun)
    assert (page.status_code, asker_of(page)) == (200, "")
