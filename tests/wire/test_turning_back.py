"""A person who turns back, or comes back: every page on the way has a way out, and is answered once. UI-9, UI-23, product 3.3."""

import asyncio
import html
import re

import httpx
import pytest

from gatepost.secrets import parse_id
from gatepost.store.consents import list_consents

from .browser import Browser, Form, answer_of, form_of, forms_of, give_password
from .conftest import OpenWorld
from .mailbox import BOXED
from .registering import client_of, open_to_all, registered
from .test_totp import enrolled
from .world import ISSUER, Client, World

BOB = "bob@acme.test"
CANCEL = "/login/cancel"
HOME = "https://app.test/home"
USED = "This page has already been used"


@pytest.fixture
async def browser(world: World) -> Browser:
    await give_password(world, world.acme.bob)
    return Browser(world)


def way_out(page: httpx.Response) -> Form:
    """The form that turns back."""
    (form,) = [each for each in forms_of(page) if each.action == CANCEL]
    return form


async def cancelled(browser: Browser, begun: httpx.Response) -> dict[str, str]:
    """What the app gets when the person turns back on the page that a redirect led to."""
    form = way_out(await browser.get(begun.headers["location"]))
    return await browser.leave(await browser.post(form.action, form.fields))


async def asked(browser: Browser, app: Client, **changes: str) -> Form:
    """The form of the consent page."""
    led = await browser.sign_in(await browser.authorize(app, **changes), BOB)
    return form_of(await browser.get(led.headers["location"]))


def is_no(answer: dict[str, str]) -> bool:
    """Whether the app is told no, in an answer to what it asked."""
    answer.pop("error_description")
    return answer == {"error": "access_denied", "state": "a state", "iss": ISSUER}


# Before there is anything to say yes to.


async def test_who_does_not_want_to_sign_in_turns_back_to_the_app(world: World, browser: Browser) -> None:
    assert is_no(await cancelled(browser, await browser.authorize(world.acme.web)))
    assert CANCEL not in (await browser.get("/login")).text, "without an app there is nowhere to go back to"


async def test_turning_back_leaves_the_session_as_it_was(world: World, browser: Browser) -> None:
    """UI-23. What the page before the sign-in was of, another tab may have changed meanwhile."""
    await browser.enter(BOB)
    for prompt in ("login", "select_account"):
        assert is_no(await cancelled(browser, await browser.authorize(world.acme.web, prompt=prompt)))
    assert (await browser.get("/account")).status_code == 200
    other = Browser(world)
    form = way_out(await other.get((await other.authorize(world.acme.web)).headers["location"]))
    await other.enter(BOB)
    assert is_no(await other.leave(await other.post(form.action, form.fields)))


async def test_the_second_step_can_be_turned_back_from_too(world: World, browser: Browser) -> None:
    await enrolled(world, browser)
    assert is_no(await cancelled(browser, await browser.authorize(world.acme.web, acr_values="2")))
    other = Browser(world)
    assert is_no(await cancelled(other, await other.sign_in(await other.authorize(world.acme.web), BOB)))


async def test_only_the_page_itself_turns_back(world: World, browser: Browser) -> None:
    form = way_out(await browser.get((await browser.authorize(world.acme.web)).headers["location"]))
    assert (await browser.post(form.action, form.fields | {"csrf": "x"})).status_code == 403
    other = Browser(world)
    own = form_of(await other.get("/login")).fields["csrf"]
    for flow in (form.fields["flow"], ""):
        page = await other.post(form.action, {"csrf": own, "flow": flow})
        assert (page.status_code, USED in page.text) == (400, True)


async def test_nobody_is_led_to_an_app_that_nobody_registered_without_being_told(open_world: OpenWorld) -> None:
    """RFC 9700 §4.11.2."""
    world = await open_to_all(open_world)
    browser = Browser(world)
    begun = await browser.authorize(client_of(await registered(world)))
    form = way_out(await browser.get(begun.headers["location"]))
    page = await browser.post(form.action, form.fields)
    assert "http-equiv" not in page.text
    assert "Nobody here has checked the app at <bdi>app.example</bdi>" in page.text
    link = re.search(r'id="continue" href="([^"]*)"', page.text)
    assert link
    assert is_no(answer_of(html.unescape(link[1])))


async def test_who_orders_a_mail_finds_back_to_where_they_were(open_world: OpenWorld) -> None:
    world = await open_world(BOXED)
    browser = Browser(world)
    begun = (await browser.authorize(world.acme.web)).headers["location"]
    order = await browser.get(begun.replace("/login?", "/login/mail?"))
    form = form_of(order)
    for page in (order, await browser.post(form.action, form.fields | {"email": BOB})):
        link = re.search(r'<a href="(/login\?flow=[^"]+)"', page.text)
        assert link
        assert way_out(await browser.get(link[1]))


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
