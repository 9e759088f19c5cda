"""Which account it is to be, when an app lets the person choose: prompt=select_account. OpenID Connect Core §3.1.2.1."""

from typing import Any

import httpx
import orjson
import pytest

from .browser import PASSWORD, Browser, answer_of, connected, form_of
from .world import World

ANN = "ann@example.test"
BOB = "bob@acme.test"


async def chosen(browser: Browser, begun: httpx.Response) -> httpx.Response:
    """Go on as who is signed in."""
    assert begun.headers["location"].startswith("/login/account?flow=")
    page = await browser.get(begun.headers["location"])
    assert "Continue as <bdi>bob@acme.test</bdi>" in page.text
    form = form_of(page)
    return await browser.post(form.action, form.fields)


async def test_a_person_may_go_on_as_who_they_are(world: World, browser: Browser) -> None:
    await browser.allow(world.acme.web, BOB)
    gone_on = await chosen(browser, await browser.authorize(world.acme.web, prompt="select_account"))
    assert "gp_code_" in (await browser.get(gone_on.headers["location"])).text
    asked = await chosen(browser, await browser.authorize(world.acme.web, prompt="select_account consent"))
    assert 'id="consent"' in (await browser.get(asked.headers["location"])).text


async def test_a_person_may_use_another_account(world: World, browser: Browser) -> None:
    await browser.allow(world.acme.web, BOB)
    begun = await browser.authorize(world.acme.web, prompt="select_account", login_hint=ANN)
    page = await browser.get(begun.headers["location"])
    another = page.text.partition('id="another" href="')[2].partition('"')[0]
    form = form_of(await browser.get(another))
    assert form.fields["email"] == ANN, "the hint is filled in"
    asked = await browser.post(form.action, form.fields | {"password": PASSWORD})
    assert ANN in (await browser.get(asked.headers["location"])).text


async def test_choosing_does_not_make_a_sign_in_fresh(world: World, browser: Browser) -> None:
    await browser.allow(world.acme.web, BOB)
    for changes in ({"prompt": "select_account login"}, {"prompt": "select_account", "max_age": "0"}):
        assert "/login?flow=" in (await browser.authorize(world.acme.web, **changes)).headers["location"]
    begun = await browser.authorize(world.acme.web, prompt="select_account", max_age="99")
    world.clock.forward(100)
    gone_on = await chosen(browser, begun)
    assert "gp_code_" in (await browser.get(gone_on.headers["location"])).text, "it was fresh when it was asked"


@pytest.mark.parametrize(
    ("prompt", "leads_to"), [("login", "/login?flow="), ("select_account", "/login/account?flow=")]
)
async def test_saying_yes_is_neither_signing_in_nor_choosing(
    world: World, browser: Browser, prompt: str, leads_to: str
) -> None:
    asked = await browser.sign_in(await browser.authorize(world.acme.web), BOB)
    form = form_of(await browser.get(asked.headers["location"]))
    begun = await browser.authorize(world.acme.web, prompt=prompt)
    flow = begun.headers["location"].partition("flow=")[2]
    answered = await browser.post(f"/consent/{flow}", form.fields | {"decision": "allow"})
    back = await browser.get(answered.headers["location"])
    assert back.headers.get("location", "").startswith(leads_to), "the page of this flow was never shown"


async def test_a_choice_belongs_to_who_made_it(world: World, browser: Browser) -> None:
    await browser.allow(world.acme.web, BOB)
    begun = await browser.authorize(world.acme.web, prompt="select_account")
    form = form_of(await browser.get(begun.headers["location"]))
    await browser.sign_in(await browser.authorize(world.acme.web, prompt="login"), ANN)
    assert (await browser.post(form.action, form.fields)).status_code == 403
    assert (await Browser(world).get(begun.headers["location"])).status_code == 400
    assert (await browser.get("/login/account")).status_code == 400


async def test_with_nobody_signed_in_there_is_nothing_to_choose(world: World, browser: Browser) -> None:
    begun = await browser.authorize(world.acme.web, prompt="select_account")
    assert "/login?flow=" in begun.headers["location"]
    asked = await browser.sign_in(begun, BOB)
    assert 'id="consent"' in (await browser.get(asked.headers["location"])).text


def about(**sub: Any) -> str:
    """The `claims` of a request for an ID token about somebody."""
    return orjson.dumps({"id_token": {"sub": sub}}).decode()


async def test_an_app_that_means_a_person_gets_nobody_else(world: World, browser: Browser) -> None:
    """OpenID Connect Core §3.1.2.2: by an ID token of theirs, or by their `sub`."""
    app = await world.make_app(world.acme.org, scope="openid")
    tokens = await connected(world, browser, app, BOB, scope="openid")
    bob, ann = world.acme.bob, world.acme.ann
    for means_bob in ({"id_token_hint": tokens["id_token"]}, {"claims": about(value=bob)}, {"claims": about()}):
        assert "code" in answer_of((await browser.authorize(app, scope="openid", **means_bob)).headers["location"])
    anns = await connected(world, Browser(world), app, ANN, scope="openid")
    for means_ann in (
        {"id_token_hint": anns["id_token"]},
        {"claims": about(value=ann)},
        {"claims": about(values=[ann, "x"])},
    ):
        asked = await browser.authorize(app, scope="openid", **means_ann)
        assert "/login?flow=" in asked.headers["location"], means_ann
        silent = await browser.authorize(app, scope="openid", prompt="none", **means_ann)
        assert answer_of(silent.headers["location"])["error"] == "login_required"
