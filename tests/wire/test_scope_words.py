"""What people read of scopes: the organization's words in their language, else the built-in ones, else the name."""

import pytest

from gatepost.store.scope_texts import set_scope_text

from .browser import Browser, form_of, give_password
from .world import Client, World

BOB = "bob@acme.test"
ARABIC = "\u0627\u0642\u0631\u0623"


@pytest.fixture
async def app(world: World) -> Client:
    await give_password(world, world.acme.bob)
    for scope, locale, text in (("read", "en", "See <all>"), ("read", "ar", ARABIC), ("write", "en", "Change it")):
        await world.instance.store.ask(set_scope_text(world.acme.org, scope, locale, text, world.act))
    return await world.make_app(world.acme.org, scope="openid email read write else", client_id="words")


@pytest.mark.parametrize(
    ("language", "shown"), [("en", ["See &lt;all&gt;", "Change it"]), ("ar", [ARABIC, "Change it"])]
)
async def test_consent_speaks_the_persons_language(world: World, app: Client, language: str, shown: list[str]) -> None:
    browser = Browser(world)
    asked = await browser.sign_in(await browser.authorize(app, scope="openid email read write else"), BOB)
    page = await browser.get(asked.headers["location"], headers={"accept-language": language})
    for text in (*shown, "else"):
        assert f"<bdi>{text}</bdi>" in page.text
    assert "<bdi>openid</bdi>" not in page.text
    assert "<bdi>email</bdi>" not in page.text


async def test_connected_apps_and_devices_do_too(world: World, app: Client) -> None:
    browser = Browser(world)
    await browser.allow(app, BOB, scope="read email")
    page = await browser.get("/account/apps")
    assert "<bdi>See &lt;all&gt;</bdi>" in page.text
    assert "See your e-mail address" in page.text
    device = await world.make_app(world.acme.org, kind="device", scope="read email")
    begun = (await world.call("POST", "/device_authorization", device, form={})).json()
    page = await browser.get(begun["verification_uri_complete"])
    assert form_of(page)
    assert "<bdi>See &lt;all&gt;</bdi>" in page.text
    assert "See your e-mail address" in page.text


async def test_another_organizations_words_are_not_used(world: World, app: Client) -> None:
    await give_password(world, world.beta.bob)
    browser = Browser(world)
    asked = await browser.sign_in(await browser.authorize(world.beta.web, scope="read"), "bob@beta.test")
    page = await browser.get(asked.headers["location"])
    assert "See &lt;all&gt;" not in page.text
    assert "<bdi>read</bdi>" in page.text
