"""Pages in other languages: whole, in their direction, and never with a word of English that slipped past gettext."""

import gettext
import html
import re
from collections.abc import Iterator
from html.parser import HTMLParser

import httpx
import pytest

from gatepost.ui import rendering

from .browser import Browser, give_password
from .world import World

BOB = "bob@acme.test"
OPEN, CLOSE = "\u27e6", "\u27e7"


class Pseudo(gettext.NullTranslations):
    """A language in which every text is itself between brackets."""

    def gettext(self, message: str) -> str:
        return f"{OPEN}{message}{CLOSE}"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"{OPEN}{msgid1 if n == 1 else msgid2}{CLOSE}"


class Bare(HTMLParser):
    """Collects what has letters and is neither between brackets nor somebody's own words: `bdi`, `code`, a language's name."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._depth = 0
        self._own: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("bdi", "code") or (tag in ("a", "span") and "lang" in dict(attrs)):
            self._own.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._own and self._own[-1] == tag:
            self._own.pop()

    def handle_data(self, data: str) -> None:
        for part in re.split(f"([{OPEN}{CLOSE}])", data):
            self._depth += (part == OPEN) - (part == CLOSE)
            if not self._depth and not self._own and re.search(r"[^\W\d_]", part):
                self.texts.append(part.strip())


async def pages(world: World, language: str) -> list[httpx.Response]:
    """A page of every kind that a person meets on the usual ways."""
    for user in (world.acme.ann, world.acme.bob):
        await give_password(world, user)
    browser, headers = Browser(world), {"accept-language": language}
    device = await world.make_app(world.acme.org, kind="device", scope="read offline_access")
    begun = (await world.call("POST", "/device_authorization", device, form={})).json()
    seen = [await browser.get("/login", headers=headers), await browser.get("/authorize", headers=headers)]
    led = await browser.sign_in(await browser.authorize(world.acme.web, scope="read offline_access"), BOB)
    seen.append(await browser.get(led.headers["location"], headers=headers))
    await browser.consent(led)
    paths = ("/account", "/account/apps", "/account/password", "/device", begun["verification_uri_complete"])
    seen += [await browser.get(path, headers=headers) for path in paths]
    seen.append(await browser.get("/device", params={"user_code": "wrong"}, headers=headers))
    foreign = await world.make_app(world.beta.org, kind="device")
    begun = (await world.call("POST", "/device_authorization", foreign, form={})).json()
    seen += [
        await browser.get(path, headers=headers) for path in (begun["verification_uri_complete"], "/device/connected")
    ]
    return seen


@pytest.fixture
def pseudo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(rendering, "_translations", lambda locale: Pseudo())
    rendering._environment.cache_clear()
    yield
    rendering._environment.cache_clear()


@pytest.mark.usefixtures("pseudo")
async def test_nothing_slips_past_gettext(world: World) -> None:
    for page in await pages(world, "ar"):
        found = Bare()
        found.feed(page.text[page.text.index("<main") :])
        assert found.texts == [], page.url
        assert OPEN in page.text


@pytest.mark.parametrize(
    ("language", "direction", "word"),
    [
        ("ar", "rtl", "\u062a\u0633\u062c\u064a\u0644 \u0627\u0644\u062f\u062e\u0648\u0644"),
        ("de", "ltr", "Anmelden"),
        ("en", "ltr", "Sign in"),
    ],
)
async def test_pages_speak_the_language(world: World, language: str, direction: str, word: str) -> None:
    seen = await pages(world, language)
    for page in seen:
        assert f'<html lang="{language}" dir="{direction}">' in page.text
    assert word in seen[0].text
    titles = {html.unescape(re.findall("<title>(.*?)</title>", page.text)[0]) for page in seen}
    assert ("Connect a device \u00b7 Gatepost" in titles) is (language == "en")
