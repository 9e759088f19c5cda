"""Which language a page speaks: the one chosen on it, else the app's wish, else the browser's. OIDC Core §3.1.2.1."""

import re

import httpx
import pytest

from .browser import Browser, form_of
from .world import World

BOB = "bob@acme.test"
COOKIE = "__Host-gatepost_language"


def language_of(page: httpx.Response) -> str:
    found = re.search(r'<html lang="([a-z]+)" dir="(ltr|rtl)">', page.text)
    assert found
    assert (found[2] == "rtl") == (found[1] == "ar")
    return found[1]


def menu_of(page: httpx.Response) -> dict[str, str]:
    """The links at the foot: where the page comes in another language."""
    links = re.findall(r'hreflang="([a-z]+)" href="([^"]*)"', page.text)
    return {code: str(page.url.join(href.replace("&amp;", "&"))) for code, href in links}


async def test_the_browser_is_asked_in_its_own_language(browser: Browser) -> None:
    for accepted, spoken in (("ar", "ar"), ("ar-EG,en;q=0.5", "ar"), ("xx", "en"), ("", "en"), ("en,ar", "en")):
        assert language_of(await browser.get("/login", headers={"accept-language": accepted})) == spoken


async def test_the_app_may_say_which_language_its_people_speak(world: World, browser: Browser) -> None:
    begun = await browser.authorize(world.acme.web, ui_locales="xx ar-EG en")
    page = await browser.get(begun.headers["location"])
    assert language_of(page) == "ar"
    form = form_of(page)
    wrong = await browser.post(form.action, form.fields | {"email": BOB, "password": "wrong"})
    assert language_of(wrong) == "ar"
    asked = await browser.sign_in(begun, BOB)
    assert language_of(await browser.get(asked.headers["location"])) == "ar"
    assert language_of(await browser.get("/account")) == "en", "it speaks for its own flow alone"
    assert COOKIE not in browser.cookies


async def test_a_link_at_the_foot_changes_the_language_of_every_page(world: World, browser: Browser) -> None:
    page = await browser.get((await browser.authorize(world.acme.web, ui_locales="en")).headers["location"])
    changed = await browser.get(menu_of(page)["ar"])
    assert language_of(changed) == "ar"
    assert form_of(changed).fields["flow"].startswith("gp_flow_"), "the flow goes on"
    (cookie,) = [each for each in changed.headers.get_list("set-cookie") if COOKIE in each]
    assert {"Max-Age=31536000", "Path=/", "HttpOnly", "SameSite=Lax", "Secure"} <= set(cookie.split("; "))
    assert language_of(await browser.get("/signed-out")) == "ar"
    assert language_of(await browser.get("/logout?a=%zz")) == "ar", "refusals too"
    assert language_of(await browser.get(menu_of(changed)["en"])) == "en"


@pytest.mark.parametrize("value", ["xx", "", "../ar", "ar%0d%0aX: y", '"><b>', "ar ar"])
async def test_another_language_is_not_kept(browser: Browser, value: str) -> None:
    page = await browser.get("/login", params={"page_language": value})
    assert (page.status_code, language_of(page)) == (200, "en")
    assert COOKIE not in browser.cookies
    assert "<b>" not in page.text


async def test_what_a_form_answers_has_no_menu(browser: Browser) -> None:
    form = form_of(await browser.get("/login"))
    wrong = await browser.post(form.action, form.fields | {"email": BOB, "password": "wrong"})
    assert menu_of(wrong) == {}
