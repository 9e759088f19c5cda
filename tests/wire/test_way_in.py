"""On the way to an app: every page says to which, and who has to become somebody first gets there. product W5, AC-15, AC-16."""

import html
import re

import httpx
import pytest

from gatepost.flows.joining import invite

from .asking import change, of_others
from .browser import PASSWORD, Browser, form_of, give_password
from .conftest import OpenWorld
from .mailbox import BOXED, link_for, mails
from .registering import client_of, registered
from .test_passkeys import enrolled as with_passkey
from .test_passkeys import use
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
    for way, sent in (("sign-up", EVE), ("by-mail", BOB), ("forgot", BOB)):
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


async def test_the_page_that_asks_for_a_second_step_says_for_which_app(world: World, browser: Browser) -> None:
    led = await browser.sign_in(await browser.authorize(world.acme.web, acr_values="2"), BOB)
    while led.has_redirect_location:
        led = await browser.get(led.headers["location"])
    assert (led.status_code, SAID in asker_of(led)) == (403, True)


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


# Becoming somebody on the way.


async def test_who_would_sign_up_in_vain_is_told_before(world: World, browser: Browser) -> None:
    for app, is_in_vain in ((world.acme.web, True), (await of_others(world), False)):
        page = await browser.get(link_of(await login_of(browser, app), "sign-up"))
        assert ("This app is for members of another organization." in page.text) is is_in_vain
    assert "another organization" not in (await browser.get("/sign-up")).text


async def ordered(world: World, browser: Browser, app: Client, email: str = EVE) -> str:
    """The link for who signs up on the way to an app."""
    way = link_of(await login_of(browser, app), "sign-up")
    await send(browser, way, email=email)
    return await link_for(world, email)


async def test_who_signs_up_goes_on_to_the_app(world: World, browser: Browser) -> None:
    link = await ordered(world, browser, await of_others(world))
    await send(browser, link, organization="", **NEW)
    done = await send(browser, link, organization="Eve and sons", **NEW)
    assert done.headers["location"].startswith("/consent/")
    assert "code" in await browser.leave(await browser.consent(done))


async def test_who_signs_up_in_another_browser_or_too_late_is_nowhere_on_the_way(
    world: World, browser: Browser
) -> None:
    for email, late in (("a@new.test", False), ("b@new.test", True)):
        link = await ordered(world, browser, await of_others(world), email)
        world.clock.forward(3600 * late)
        done = await send(browser if late else Browser(world), link, organization="Eve", **NEW)
        assert done.headers["location"] == "/console"


async def test_who_signs_up_and_has_an_account_finds_on_with_a_new_password(world: World, browser: Browser) -> None:
    link = await ordered(world, browser, world.acme.web, BOB)
    assert link.startswith("/reset?flow=gp_flow_")
    await send(browser, link, email=BOB)
    done = await send(browser, await link_for(world, BOB), **NEW)
    assert "/login?flow=gp_flow_" in link_of(done, "go-on")


async def test_no_page_takes_a_flow_that_is_none(world: World, browser: Browser) -> None:
    for path in ("/sign-up", "/reset", "/login/mail"):
        page = await browser.get(path, params={"flow": "https://evil.test/"})
        assert (form_of(page).fields["flow"], "evil.test" in page.text.partition("<nav")[0]) == ("", False)
    await send(browser, "/sign-up", email=EVE, flow="https://evil.test/")
    assert "flow=" not in (await mails(world))[-1][1].text


async def invited(world: World, email: str = EVE) -> str:
    """The link of an invitation to Acme."""
    await invite(world.instance, world.acme.org, email, "member", world.operator)
    return await link_for(world, email)


async def test_who_is_invited_on_the_way_goes_on_to_the_app(world: World, browser: Browser) -> None:
    """The invitation comes from an admin and knows nothing of the app; the browser does."""
    await login_of(browser, world.acme.web)
    done = await send(browser, await invited(world), **NEW)
    assert done.headers["location"].startswith("/consent/")
    assert "code" in await browser.leave(await browser.consent(done))
    assert COOKIE not in browser.cookies


async def test_who_had_an_account_goes_on_too_once_they_may(world: World, browser: Browser) -> None:
    await give_password(world, world.beta.bob)
    await browser.enter("bob@beta.test")
    refused = await browser.authorize(world.acme.web)
    assert "is for members of another organization" in refused.text
    done = await send(browser, await invited(world, "bob@beta.test"))
    assert "code" in await browser.leave(await browser.consent(done))


@pytest.mark.parametrize("whose", ["others", "anybodys"])
async def test_only_an_app_that_they_may_connect_there_is_gone_on_to(
    world: World, browser: Browser, whose: str
) -> None:
    app = world.beta.web if whose == "others" else await of_others(world)
    await login_of(browser, app)
    done = await send(browser, await invited(world), **NEW)
    assert done.headers["location"].startswith("/account" if whose == "others" else "/consent/")


async def test_who_turned_back_is_on_the_way_no_more(world: World, browser: Browser) -> None:
    page = await login_of(browser, world.acme.web)
    assert COOKIE in browser.cookies
    await browser.press(str(page.url), "/login/cancel")
    assert COOKIE not in browser.cookies
    done = await send(browser, await invited(world), **NEW)
    assert done.headers["location"] == "/account"


async def test_nothing_but_an_invitation_goes_on_by_itself(world: World, browser: Browser) -> None:
    """Else whoever made the browser open a page could say where its next sign-in leads."""
    await login_of(browser, world.acme.web)
    assert (await browser.enter(BOB)).headers["location"] == "/account"


async def test_another_browsers_flow_is_nothing_to_go_on_to(world: World, browser: Browser) -> None:
    await login_of(browser, world.acme.web)
    other = Browser(world)
    other.cookies.set(COOKIE, browser.cookies[COOKIE], domain="gate.test")
    done = await send(other, await invited(world), **NEW)
    assert done.headers["location"] == "/account"


async def test_a_flow_is_kept_as_long_as_it_may_be_answered_and_if_a_cookie_holds_it(
    world: World, browser: Browser
) -> None:
    begun = await browser.authorize(world.acme.web)
    (cookie,) = [each for each in begun.headers.get_list("set-cookie") if COOKIE in each]
    assert {"Max-Age=3600", "Path=/", "HttpOnly", "SameSite=Lax", "Secure"} <= set(cookie.split("; "))
    long = await browser.authorize(world.acme.web, state="s" * 2000, nonce="n" * 1000)
    assert COOKIE not in browser.cookies
    assert "/consent/" in (await browser.sign_in(long, BOB, PASSWORD)).headers["location"]


async def test_a_passkey_goes_on_to_the_app_that_its_page_names(world: World, browser: Browser) -> None:
    device = await with_passkey(browser)
    other = Browser(world)
    page = await login_of(other, world.acme.web)
    assert SAID in asker_of(page)
    done = await use(other, device, str(page.url))
    assert done.headers["location"].startswith("/consent/")
