"""Somebody sets an account up with an address that is not theirs, and waits for its owner. AC-1 and AC-11 of the cases."""

import re
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import httpx
import pytest

from gatepost.flows.joining import invite
from gatepost.flows.links import create_link
from gatepost.flows.people import get_user
from gatepost.store.question import INSTANCE

from .authenticator import Authenticator
from .browser import PASSWORD, Browser, connected, form_of, token
from .conftest import OpenWorld
from .mailbox import BOXED, link_for
from .test_passkeys import add, use
from .test_totp import set_up
from .world import ISSUER, Client, World

EVE = "eve@new.test"
NEW = "eves own long password"
SESSION = "__Host-gatepost_session"


class Taken(NamedTuple):
    """What Mallory has set up for Eve's address: a browser signed in, a passkey, a second step, a connected app.

    Apps are told a phone number of his, too.
    """

    browser: Browser
    device: Authenticator
    app: Client
    tokens: dict[str, Any]


@pytest.fixture
async def world(open_world: OpenWorld) -> World:
    return await open_world(BOXED)


@pytest.fixture
async def taken(world: World) -> Taken:
    _, link = await invite(world.instance, world.acme.org, EVE, "member", world.operator)
    browser, device = Browser(world), Authenticator()
    await join(browser, link.reveal().removeprefix(ISSUER))
    app = await world.make_app(world.acme.org, scope="openid offline_access")
    tokens = await connected(world, Browser(world), app, EVE, scope="openid offline_access")
    assert (await add(browser, device)).status_code == 303
    await set_up(world, browser)
    details = form_of(await browser.get("/account/profile"))
    await browser.post(details.action, details.fields | {"phone_number": "+49 30 1234567"})
    return Taken(browser, device, app, tokens)


async def join(browser: Browser, link: str) -> None:
    form = form_of(await browser.get(link))
    await browser.post(form.action, form.fields | {"new_password": PASSWORD})


async def mailed(world: World, path: str) -> str:
    await Browser(world).press(path, path, email=EVE)
    return await link_for(world, EVE)


async def by_reset(world: World, taken: Taken, browser: Browser) -> httpx.Response:
    return await browser.press(await mailed(world, "/reset"), "/reset/new", new_password=NEW)


async def by_sign_in_link(world: World, taken: Taken, browser: Browser) -> httpx.Response:
    return await browser.press(await mailed(world, "/login/mail"), "/login/link")


async def by_the_mail_that_mallory_ordered(world: World, taken: Taken, browser: Browser) -> httpx.Response:
    await taken.browser.press("/account", "/account/verify-email")
    return await browser.press(await link_for(world, EVE), "/verify-email")


Way = Callable[[World, Taken, Browser], Awaitable[httpx.Response]]
WAYS: list[Way] = [by_reset, by_sign_in_link, by_the_mail_that_mallory_ordered]


async def opens(world: World, taken: Taken) -> dict[str, bool]:
    """Which of the things that Mallory has still lead into the account."""
    browser = Browser(world)
    form = form_of(await browser.get("/login"))
    entered = await browser.post(form.action, form.fields | {"email": EVE, "password": PASSWORD})
    fields = {"grant_type": "refresh_token", "refresh_token": taken.tokens["refresh_token"]}
    return {
        "password": entered.status_code == 303,
        "passkey": (await use(Browser(world), taken.device)).status_code == 303,
        "session": (await taken.browser.get("/account")).status_code == 200,
        "grant": (await token(world, taken.app, **fields)).status_code == 200,
    }


@pytest.mark.parametrize("way", WAYS)
async def test_the_first_proof_ends_what_somebody_else_set_up(world: World, taken: Taken, way: Way) -> None:
    assert set((await opens(world, taken)).values()) == {True}
    done = await way(world, taken, Browser(world))
    assert done.status_code in (200, 303)
    assert set((await opens(world, taken)).values()) == {False}
    eve = await get_user(world.instance, EVE)
    assert (eve.email_verified_at, "phone_number" in eve.profile) == (world.clock(), False)
    assert len(await world.events(INSTANCE, "user.begun_anew")) == 1


async def test_its_owner_gets_in_without_the_second_step_of_somebody_else(world: World, taken: Taken) -> None:
    owner = Browser(world)
    await by_sign_in_link(world, taken, owner)
    assert SESSION in owner.cookies
    asked = await owner.authorize(taken.app, scope="openid offline_access", prompt="none")
    assert "consent_required" in asked.headers["location"], "nor is an app let in that they never saw"


@pytest.mark.parametrize("way", WAYS)
async def test_who_proves_it_from_their_own_session_keeps_it(world: World, taken: Taken, way: Way) -> None:
    await way(world, taken, taken.browser)
    kept = await opens(world, taken)
    assert kept["passkey"]
    assert kept["password"] is (way is not by_reset)
    assert kept["session"] is (way is not by_reset)
    assert "phone_number" in (await get_user(world.instance, EVE)).profile
    assert await world.events(INSTANCE, "user.begun_anew") == []


async def test_a_second_proof_ends_nothing(world: World, taken: Taken) -> None:
    await by_the_mail_that_mallory_ordered(world, taken, taken.browser)
    world.clock.forward(60)
    await by_sign_in_link(world, taken, Browser(world))
    assert set((await opens(world, taken)).values()) == {True}


async def test_somebody_elses_session_proves_nothing_of_this_account(world: World, taken: Taken) -> None:
    other = Browser(world)
    _, link = await invite(world.instance, world.acme.org, "oscar@new.test", "member", world.operator)
    await join(other, link.reveal().removeprefix(ISSUER))
    await by_the_mail_that_mallory_ordered(world, taken, other)
    assert set((await opens(world, taken)).values()) == {False}


async def test_a_link_that_was_handed_on_proves_nothing(world: World, taken: Taken) -> None:
    user = await get_user(world.instance, EVE)
    link = create_link(world.instance, world.acme.org, user.id).reveal().removeprefix(ISSUER)
    await Browser(world).press(link, "/login/link")
    assert (await get_user(world.instance, EVE)).email_verified_at is None
    assert set((await opens(world, taken)).values()) == {True}


@pytest.mark.parametrize("path", ["/reset", "/login/mail"])
async def test_the_page_says_what_will_end(world: World, taken: Taken, path: str) -> None:
    link = await mailed(world, path)
    assert 'id="anew"' in (await Browser(world).get(link)).text
    assert 'id="anew"' not in (await taken.browser.get(link)).text
    await by_the_mail_that_mallory_ordered(world, taken, Browser(world))
    world.clock.forward(60)
    assert 'id="anew"' not in (await Browser(world).get(await mailed(world, path))).text


async def test_who_set_it_up_themselves_is_led_to_where_they_sign_in(world: World, taken: Taken) -> None:
    """Whoever else is signed in there."""
    other = Browser(world)
    _, link = await invite(world.instance, world.acme.org, "oscar@new.test", "member", world.operator)
    await join(other, link.reveal().removeprefix(ISSUER))
    page = await other.get(await mailed(world, "/login/mail"))
    (keep,) = re.findall(r'id="keep" href="([^"]*)"', page.text)
    assert 'id="password"' in (await other.get(keep)).text


async def test_the_page_of_a_proof_says_what_will_end(world: World, taken: Taken) -> None:
    await taken.browser.press("/account", "/account/verify-email")
    link = await link_for(world, EVE)
    assert 'id="anew"' in (await Browser(world).get(link)).text
    assert 'id="anew"' not in (await taken.browser.get(link)).text
