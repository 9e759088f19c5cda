"""The consent page: what a person is told before they say yes, and what their yes is bound to. product W5; UI-* of the cases."""

import html
import re
from typing import Any

import httpx
import pytest

from gatepost.flows.grants import end_grants
from gatepost.light import replace
from gatepost.secrets import parse_id
from gatepost.store.apps import add_redirect_uri, find_app, replace_app
from gatepost.store.consents import end_connection
from gatepost.store.orgs import set_org_disabled

from .asking import of_others
from .browser import Browser, answer_of, connected, form_of, redeem
from .world import RESOURCE, Client, World, claims_of

ANN = "ann@example.test"
BOB = "bob@acme.test"
AGENT = "An agent acting for you"


async def change(world: World, app: Client, org: bytes, **fields: Any) -> None:
    found = await world.instance.store.read(find_app(org, app.client_id))
    assert found is not None
    await world.instance.store.ask(replace_app(replace(found, **fields), world.act))


async def asked(browser: Browser, app: Client, email: str = BOB, **changes: str) -> httpx.Response:
    """The consent page."""
    led = await browser.sign_in(await browser.authorize(app, **changes), email)
    return await browser.get(led.headers["location"])


def text_of(page: httpx.Response) -> str:
    body = page.text[page.text.index("<main") :]
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body)))


def warning_of(page: httpx.Response) -> str | None:
    found = re.findall(r'<p class="warning" id="warning">(.*?)</p>', page.text)
    assert len(found) <= 1
    return str(found[0]) if found else None


async def test_the_page_says_who_asks_for_what_and_where_it_leads(world: World, browser: Browser) -> None:
    page = await asked(browser, world.acme.web, scope="read write offline_access")
    text = text_of(page)
    for said in (
        "An app wants to use your account",
        "verified host: app.test",
        "Registered by The company",
        f"Signed in as {BOB} Not you?",
        "An app will be able to read write",
        "Optional Stay connected when you are away",
        "You will go to app.test",
        "You can undo this any time in Connected apps",
        f"Client ID {world.acme.web.client_id}",
        "Scopes read write offline_access",
        f"Redirect {world.acme.web.redirect}",
    ):
        assert said in text, said
    assert "autofocus" not in page.text
    assert warning_of(page) is None


@pytest.mark.parametrize(("left_out", "kept"), [("write", "read offline_access"), ("offline_access", "read write")])
async def test_what_is_optional_may_be_left_out_and_nothing_else(
    world: World, browser: Browser, left_out: str, kept: str
) -> None:
    await change(world, world.acme.web, world.acme.org, metadata='{"optional_scope":"write"}')
    page = await asked(browser, world.acme.web, scope="read write offline_access")
    form = form_of(page)
    assert {name for name in form.fields if name.startswith("scope ")} == {"scope write", "scope offline_access"}
    ticked = {name: value for name, value in form.fields.items() if name != f"scope {left_out}"}
    answer = await browser.leave(await browser.post(form.action, ticked | {"decision": "allow", "scope read": ""}))
    assert (await redeem(world, world.acme.web, answer["code"])).json()["scope"] == kept


async def test_what_was_taken_back_before_the_app_came_for_it_is_over(world: World, browser: Browser) -> None:
    web, bob = world.acme.web, parse_id("usr", world.acme.bob) or b""
    answer = await browser.allow(web, BOB)
    await world.instance.store.ask(end_connection(world.acme.org, bob, web.client_id, world.act))
    refused = await redeem(world, web, answer["code"])
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert (await redeem(world, web, (await browser.allow(web, BOB, prompt="login"))["code"])).status_code == 200


async def test_who_is_somebody_else_may_say_so(world: World, browser: Browser) -> None:
    page = await asked(browser, world.acme.web)
    link = re.search(r'id="not-you" href="([^"]*)"', page.text)
    assert link
    assert "password" in (await browser.get(html.unescape(link[1]))).text


async def test_a_workspace_where_it_cannot_be_is_shown_with_the_reason(world: World, browser: Browser) -> None:
    page = await asked(browser, world.acme.web, ANN)
    choices = re.findall(r'<input type="radio"([^>]*)>', page.text)
    assert choices == [f' name="org" value="{world.acme.id}" checked', " disabled"]
    assert "This app is not for it. Ask an admin." in page.text
    await change(world, world.acme.web, world.acme.org, metadata='{"open_to_others":true}')
    await world.instance.store.ask(set_org_disabled(world.beta.org, True, world.act))
    page = await browser.get((await browser.authorize(world.acme.web)).headers["location"])
    assert "It is disabled." in page.text
    forged = form_of(page)
    left = await browser.post(forged.action, forged.fields | {"decision": "allow", "org": world.beta.id})
    assert (await browser.leave(left))["error"] == "access_denied"


@pytest.mark.parametrize(
    ("app", "warned"),
    [
        ({"scope": "read"}, None),
        ({"kind": "native", "redirect": "http://127.0.0.1/cb", "scope": "read"}, "a program on this device"),
        ({"kind": "native", "redirect": "com.acme.app:/cb", "scope": "read"}, "a program on this device"),
        ({"redirect": "https://localhost/cb", "scope": "read"}, "a program on this device"),
        ({"scope": "gatepost"}, "all the power you have"),
        ({"kind": "native", "redirect": "http://127.0.0.1/cb", "scope": "gatepost"}, "all the power you have"),
    ],
)
async def test_there_is_one_warning_and_it_is_the_gravest(
    world: World, browser: Browser, app: dict[str, Any], warned: str | None
) -> None:
    made = await world.make_app(world.acme.org, **app)
    page = await asked(browser, made)
    warning = warning_of(page)
    assert warning is None if warned is None else warned in (warning or "")


async def test_an_app_of_another_organization_is_not_checked(world: World, browser: Browser) -> None:
    for metadata, is_warned in (
        ('{"open_to_others":true}', True),
        ('{"open_to_others":true,"first_party":true}', False),
    ):
        app = await world.make_app(world.beta.org, scope="read")
        await change(world, app, world.beta.org, metadata=metadata)
        page = await asked(Browser(world), app)
        assert ("None of your organizations has checked" in (warning_of(page) or "")) is is_warned
        assert ("vouches for it as its own" in page.text) is not is_warned


async def test_an_agent_is_told_from_other_apps(world: World, browser: Browser) -> None:
    agent = await world.make_app(world.acme.org, scope="read", metadata={"agent": True})
    marked = {app: AGENT in (await asked(Browser(world), app)).text for app in (agent, world.acme.web)}
    assert marked == {agent: True, world.acme.web: False}
    await browser.allow(agent, BOB)
    for path in ("/account/apps", f"/account/apps/details?org={world.acme.id}&app={agent.client_id}"):
        assert AGENT in (await browser.get(path)).text


async def test_an_app_that_becomes_an_agent_asks_again(world: World, browser: Browser) -> None:
    app = await world.make_app(world.acme.org, scope="read")
    await browser.allow(app, BOB)
    assert (await browser.authorize(app)).headers["location"].startswith(app.redirect)
    await change(world, app, world.acme.org, metadata='{"agent":true}')
    assert (await browser.authorize(app)).headers["location"].startswith("/consent/")


@pytest.mark.parametrize("what", ["name", "scope", "redirect_uri"])
async def test_a_yes_is_to_what_was_shown(world: World, browser: Browser, what: str) -> None:
    page = await asked(browser, world.acme.web)
    form = form_of(page)
    if what == "redirect_uri":
        added = add_redirect_uri(world.acme.org, world.acme.web.client_id, "https://evil.test/cb", world.act)
        await world.instance.store.ask(added)
    else:
        await change(world, world.acme.web, world.acme.org, **{what: "read write more"})
    again = await browser.post(form.action, form.fields | {"decision": "allow"})
    assert again.status_code == 303
    assert again.headers["location"].startswith("/consent/")
    assert (await browser.leave(await browser.consent(again))).keys() == {"code", "state", "iss"}


@pytest.mark.parametrize(("scope", "is_asked"), [("read", False), ("read gatepost", True)])
async def test_power_over_the_organization_is_never_given_unasked(
    world: World, browser: Browser, scope: str, is_asked: bool
) -> None:
    trusted = '{"first_party":true,"skip_consent":true}'
    await change(world, world.acme.web, world.acme.org, metadata=trusted, scope="read gatepost")
    await browser.enter(BOB)
    led = await browser.authorize(world.acme.web, scope=scope)
    assert ("/consent/" in led.headers["location"]) is is_asked


@pytest.mark.parametrize("whose", ["others", "bobs"])
async def test_a_code_from_before_its_connections_were_ended_becomes_no_grant(
    world: World, browser: Browser, whose: str
) -> None:
    app, bob = (
        (await of_others(world), None) if whose == "others" else (world.acme.web, parse_id("usr", world.acme.bob))
    )
    code = (await browser.allow(app, BOB))["code"]
    assert await end_grants(world.instance, world.acme.org, app.client_id, bob, world.operator) == 0
    assert (await redeem(world, app, code)).json()["error"] == "invalid_grant"
    assert (await browser.authorize(app)).headers["location"].startswith("/consent/")


async def test_a_wider_ask_takes_nothing_away(world: World, browser: Browser) -> None:
    """MCP, "Step-Up Authorization Flow": the union is asked for, and what was there before goes on."""
    first = await connected(world, browser, world.acme.web, scope="read")
    page = await browser.authorize(world.acme.web, scope="read write")
    code = (await browser.leave(await browser.consent(page)))["code"]
    second = (await redeem(world, world.acme.web, code)).json()
    assert [each["scope"] for each in (first, second)] == ["read", "read write"]
    for each in (first, second):
        assert await world.is_active(each["access_token"])
        assert (await world.refresh(each["refresh_token"])).status_code == 200
    for scope in ("read", "write", "read write"):
        assert "code" in answer_of((await browser.authorize(world.acme.web, scope=scope)).headers["location"])


async def test_a_resource_is_the_same_in_other_letters(world: World, browser: Browser) -> None:
    """MCP, "Resource Parameter"; RFC 3986 §6.2.2.1: the token says it as it is registered."""
    answer = await browser.allow(world.acme.web, BOB, scope="read", resource="HTTPS://API.test/v1")
    issued = await redeem(world, world.acme.web, answer["code"], resource="https://api.TEST/v1")
    assert claims_of(issued.json()["access_token"])["aud"] == RESOURCE
