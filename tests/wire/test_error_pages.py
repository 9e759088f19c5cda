"""What a person reads when something is wrong: whose fault it is, and one number for page, header, log and event. AZ-*, UI-13."""

import html
import re

import httpx
import pytest

from gatepost.endpoints.refusals import SAMPLED_PER_MINUTE
from gatepost.flows.people import create_user
from gatepost.secrets import parse_id
from gatepost.store.question import INSTANCE

from .browser import Browser, form_of, give_password
from .conftest import OpenWorld
from .world import Client, World

ANN = "ann@example.test"
BOB = "bob@acme.test"
SENT = "https://app.test/cb/"


async def give_role(world: World, org: bytes, email: str, role: str) -> None:
    await create_user(world.instance, org, email, role, None, world.operator)


def words_of(page: httpx.Response) -> str:
    return html.unescape(" ".join(re.sub("<[^>]*>", " ", page.text).split()))


async def number_of(world: World, page: httpx.Response) -> str:
    """The number on the page, which the header has too, and one line of the log."""
    found = re.search(r'id="event">(evt_[0-9a-f]{32})<', page.text)
    assert found
    assert page.headers["x-event-id"] == found[1]
    await world.settle()
    (line,) = [each for each in world.canary.entries() if each.get("event_id") == found[1]]
    assert line["level"] == "info", line
    return found[1]


# An app that is set up wrongly.


@pytest.mark.parametrize("case", ["unknown app", "no app", "unregistered", "no redirect", "foreign request_uri"])
async def test_an_app_that_is_set_up_wrongly_is_nobodys_fault_here(world: World, browser: Browser, case: str) -> None:
    web = world.acme.web
    pages = {
        "unknown app": browser.authorize(Client("nobody", "", web.redirect)),
        "no app": browser.authorize(web, client_id=None),
        "unregistered": browser.authorize(web, redirect_uri="https://evil.test/"),
        "no redirect": browser.authorize(web, redirect_uri=None),
        "foreign request_uri": browser.authorize(web, request_uri="urn:ietf:params:oauth:request_uri:x"),
    }
    page = await pages.pop(case)
    for other in pages.values():
        other.close()
    assert page.status_code == 400
    assert "location" not in page.headers
    assert "evil.test" not in page.text
    assert "This app is set up wrongly" in page.text
    assert "It is not your fault." in page.text
    assert ("<bdi>An app</bdi>" in page.text) == (case in ("unregistered", "no redirect", "foreign request_uri"))
    event = await number_of(world, page)
    org = INSTANCE if case in ("unknown app", "no app") else world.acme.org
    (refused,) = await world.events(org, "request.refused")
    assert refused.id == parse_id("evt", event)


async def test_the_log_and_the_event_say_what_was_sent(world: World, browser: Browser) -> None:
    page = await browser.authorize(world.acme.web, redirect_uri=SENT)
    assert SENT not in page.text
    await number_of(world, page)
    (event,) = await world.events(world.acme.org, "request.refused")
    assert f"web-acme sent {SENT}; registered is https://app.test/cb" in event.detail


@pytest.mark.parametrize("role", ["owner", "admin", "developer"])
@pytest.mark.parametrize(
    ("sent", "received", "registered", "place"),
    [
        (SENT, "https://app.test/cb<mark>/</mark>", "https://app.test/cb<mark>(nothing more)</mark>", 20),
        ("https://app.test/c", "https://app.test/c<mark>(nothing more)</mark>", "https://app.test/c<mark>b</mark>", 19),
        ("http://app.test/cb", "http<mark>://app.test/cb</mark>", "http<mark>s://app.test/cb</mark>", 5),
        ("<b>", "<mark>&lt;b&gt;</mark>", "<mark>https://app.test/cb</mark>", 1),
    ],
)
async def test_who_may_mend_the_app_sees_both_addresses(
    world: World, browser: Browser, role: str, sent: str, received: str, registered: str, place: int
) -> None:
    await give_role(world, world.acme.org, BOB, role)
    await browser.enter(BOB)
    page = await browser.authorize(world.acme.web, redirect_uri=sent)
    assert page.status_code == 400
    assert f'<code id="received">{received}</code>' in page.text
    assert f'<code id="registered">{registered}</code>' in page.text
    assert f"They differ from character {place} on" in words_of(page)
    await number_of(world, page)


@pytest.mark.parametrize("role", ["member", "auditor"])
async def test_who_may_not_mend_it_sees_neither(world: World, browser: Browser, role: str) -> None:
    await give_role(world, world.acme.org, BOB, role)
    await browser.enter(BOB)
    page = await browser.authorize(world.acme.web, redirect_uri=SENT)
    assert "<mark>" not in page.text
    assert "It is not your fault." in page.text


async def test_the_developer_of_another_organization_sees_neither(world: World, browser: Browser) -> None:
    await give_role(world, world.beta.org, ANN, "owner")
    await browser.enter(ANN)
    assert "<mark>" not in (await browser.authorize(world.acme.web, redirect_uri=SENT)).text
    assert "<mark>" in (await browser.authorize(world.beta.web, redirect_uri=SENT)).text


async def test_a_developer_who_signed_out_sees_neither(world: World, browser: Browser) -> None:
    await give_role(world, world.acme.org, BOB, "owner")
    await browser.enter(BOB)
    await browser.press("/logout", "/logout")
    assert "<mark>" not in (await browser.authorize(world.acme.web, redirect_uri=SENT)).text


# Pages and links that are over.


async def test_a_page_that_was_used_says_so(world: World, browser: Browser) -> None:
    asked = await browser.sign_in(await browser.authorize(world.acme.web), BOB)
    form = form_of(await browser.get(asked.headers["location"]))
    await browser.post(form.action, form.fields | {"decision": "allow"})
    again = await browser.post(form.action, form.fields | {"decision": "allow"})
    assert "This page has already been used" in again.text
    await number_of(world, again)


@pytest.mark.parametrize("path", ["/consent/", "/continue/", "/login?flow=", "/login/account?flow="])
async def test_a_page_of_another_browser_or_time_says_so(world: World, browser: Browser, path: str) -> None:
    begun = await browser.authorize(world.acme.web)
    flow = begun.headers["location"].partition("flow=")[2]
    other = Browser(world)
    pages = [await other.get(path + flow), await browser.get(path + "gp_flow_x")]
    world.clock.forward(3600)
    pages.append(await browser.get(path + flow))
    for page in pages:
        assert page.status_code == 400
        assert "This page has already been used" in page.text
        await number_of(world, page)


async def test_a_link_that_is_over_has_a_number_too(world: World, browser: Browser) -> None:
    page = await browser.get("/login?link=gp_link_x")
    assert page.status_code == 400
    assert "This link does not work any more" in page.text
    await number_of(world, page)


# Where nothing is.


TO_A_PERSON = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.mark.parametrize("path", ["/nowhere", "/api/auth/nowhere", "/consent", "/login/link"])
async def test_where_nothing_is_has_a_number_too(world: World, browser: Browser, path: str) -> None:
    page = await browser.get(path, headers=TO_A_PERSON)
    assert page.status_code == (405 if path == "/login/link" else 404)
    await number_of(world, page)


async def test_whoever_looks_for_what_is_not_there_cannot_fill_the_disk(world: World, browser: Browser) -> None:
    known = await world.all_events()
    for number in range(50):
        assert (await browser.get(f"/{number}.php", headers=TO_A_PERSON)).status_code == 404
    await world.settle()
    levels = [each["level"] for each in world.canary.entries() if each.get("code") == "not_found"]
    assert len(levels) == 50
    assert SAMPLED_PER_MINUTE <= levels.count("info") <= 2 * SAMPLED_PER_MINUTE
    assert await world.all_events() == known


# Who may not, or not now.


async def test_who_is_no_member_is_told_whom_to_ask(world: World, browser: Browser) -> None:
    stranger = await browser.sign_in(await browser.authorize(world.beta.web), BOB)
    page = await browser.get(stranger.headers["location"])
    assert page.status_code == 403
    assert "An app is for members of another organization." in words_of(page)
    assert f"You are signed in as {BOB}" in words_of(page)
    await number_of(world, page)
    form = re.search(r'<form method="post" action="([^"]*)".*?name="csrf" value="([^"]*)"', page.text, re.DOTALL)
    assert form
    answer = await browser.leave(await browser.post(form[1], {"csrf": form[2], "decision": "deny"}))
    assert answer["error"] == "access_denied"
    another = re.search(r'href="(/login\?flow=[^"]*)"', page.text)
    assert another
    assert (await browser.get(another[1])).status_code == 200


async def test_who_tried_too_often_is_told_when_to_come_back(open_world: OpenWorld) -> None:
    world = await open_world({"limits.enabled": "true", "limits.wrong_passwords": "1"})
    await give_password(world, world.acme.bob)
    browser = Browser(world)
    form = form_of(await browser.get("/login"))
    for status in (400, 429):
        page = await browser.post(form.action, form.fields | {"email": BOB, "password": "wrong"})
        assert page.status_code == status
    assert "Too many tries" in page.text
    # The clock of the world stands at 08:00 UTC.
    assert "You can try again at 08:05 UTC." in words_of(page)
    assert 0 < int(page.headers["retry-after"]) <= 300
    await number_of(world, page)


async def test_a_form_that_is_not_ours_has_a_number_too(world: World, browser: Browser) -> None:
    form = form_of(await browser.get("/login"))
    page = await browser.post(form.action, form.fields | {"csrf": "x"})
    assert page.status_code == 403
    assert "Open the page again." in page.text
    await number_of(world, page)


@pytest.mark.parametrize(
    "path", ["/authorize", "/login", "/logout", "/account", "/consent/x", "/continue/x", "/signed-out"]
)
@pytest.mark.parametrize(
    "query", ["error_description=reflected<b>", "message=reflected<b>&x=%22onload", "%zz=reflected"]
)
async def test_no_page_repeats_what_the_url_says(browser: Browser, path: str, query: str) -> None:
    page = await browser.get(f"{path}?{query}")
    assert "<b>" not in page.text
    assert page.status_code == 200 or "reflected" not in page.text
