"""Organizations that approve apps of others before their people connect them: who is held up, on every way, and who decides.

Product A-10. A gate is only as good as the ways around it, so most of this is about those.
"""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gatepost.errors import GatepostError
from gatepost.flows.app_requests import MAX_WAITING, decide, request_of
from gatepost.flows.people import create_user
from gatepost.oauth.client_metadata import DEVICE_CODE
from gatepost.records import AGREED, REFUSED, WAITING
from gatepost.secrets import render_id

from .asking import ANN, BOB, answer, ask, bob_of_acme, change, held_up, of_others, queue, review, said
from .browser import Browser, answer_of, connected, form_of, forms_of, redeem, token
from .conftest import OpenWorld
from .mailbox import BOXED, mails
from .publisher import publishing
from .world import ISSUER, Client, World, claims_of

REVIEWS = "The company reviews new apps first."
SENT = "Request sent."


@pytest.fixture
async def browser(world: World) -> Browser:
    await review(world, world.acme)
    return await bob_of_acme(world)


@pytest.fixture
async def app(world: World) -> Client:
    return await of_others(world)


# The way that it is meant to go.


async def test_a_person_asks_an_admin_approves_and_the_next_try_goes_through(
    world: World, browser: Browser, app: Client
) -> None:
    page = await held_up(browser, app, scope="read")
    assert REVIEWS in said(page)
    assert "Wanderer needs approval" in said(page)
    assert SENT in said(await ask(browser, app, scope="read"))
    (request,) = await queue(world)
    assert (request.name, request.hosts, request.scope) == ("Wanderer", "app.test", "read")
    assert render_id("usr", request.asked_by) == world.acme.bob
    decided = await answer(world)
    assert (decided.state, decided.agreed_scope, decided.decided_by) == (AGREED, "read", "cli")
    answered = await browser.leave(await browser.consent(await browser.authorize(app, scope="read")))
    tokens = (await redeem(world, app, answered["code"])).json()
    assert claims_of(tokens["access_token"])["org"] == world.acme.id


async def test_who_goes_back_tells_the_app_no(browser: Browser, app: Client) -> None:
    back = next(each for each in forms_of(await held_up(browser, app)) if each.action.startswith("/consent/"))
    left = await browser.leave(await browser.post(back.action, back.fields | {"decision": "deny"}))
    assert left["error"] == "access_denied"


async def test_apps_of_its_own_are_approved_by_being_made(world: World, browser: Browser) -> None:
    page = await browser.get((await browser.authorize(world.acme.web, scope="read")).headers["location"])
    assert form_of(page).action.startswith("/consent/")


async def test_without_the_policy_nobody_is_held_up(world: World, browser: Browser, app: Client) -> None:
    await review(world, world.acme, needed=False)
    assert (await browser.authorize(app)).headers["location"].startswith("/consent/")
    assert await world.events(world.acme.org, "org.approval_not_needed")


async def test_to_ask_twice_is_to_ask_once(world: World, browser: Browser, app: Client) -> None:
    form = form_of(await held_up(browser, app))
    answers = await asyncio.gather(*(browser.post(form.action, form.fields) for _ in range(5)))
    assert {each.status_code for each in answers} == {303}
    assert SENT in said(await browser.get(answers[0].headers["location"]))
    assert len(await queue(world)) == len(await world.events(world.acme.org, "request.approval_asked")) == 1


async def test_a_refusal_is_shown_with_its_reason_and_is_no_invitation_to_ask_again(
    world: World, browser: Browser, app: Client
) -> None:
    form = form_of(await held_up(browser, app))
    await browser.post(form.action, form.fields)
    await answer(world, REFUSED, "We have <our> own.")
    page = await held_up(browser, app)
    assert "They say: We have <our> own." in said(page)
    assert "&lt;our&gt;" in page.text
    assert (await browser.post(form.action, form.fields)).status_code == 303
    assert await queue(world) == []
    assert (await silently(browser, app))["error"] == "access_denied"


async def silently(browser: Browser, app: Client, scope: str = "read") -> dict[str, str]:
    """What an app is told that wants no page."""
    return answer_of((await browser.authorize(app, prompt="none", scope=scope)).headers["location"])


# What a yes is bound to.


async def test_more_than_was_approved_needs_approval_and_takes_nothing_away(
    world: World, browser: Browser, app: Client
) -> None:
    await ask(browser, app, scope="read")
    await answer(world)
    assert SENT in said(await ask(browser, app, scope="read write"))
    assert (await queue(world))[0].scope == "read write"
    assert (await browser.authorize(app, scope="read")).headers["location"].startswith("/consent/")
    await answer(world)
    assert (await browser.authorize(app, scope="read write")).headers["location"].startswith("/consent/")


async def test_an_app_that_changed_is_another_app(world: World, browser: Browser, app: Client) -> None:
    await ask(browser, app)
    await answer(world)
    await change(world, world.beta.org, app.client_id, name="Your bank")
    assert REVIEWS in said(await held_up(browser, app))
    await ask(browser, app)
    assert (await queue(world))[0].name == "Your bank"


async def test_who_approves_says_yes_to_no_more_than_they_saw(world: World, browser: Browser, app: Client) -> None:
    await ask(browser, app, scope="read")
    (shown,) = await queue(world)
    await ask(browser, app, scope="read write")
    with pytest.raises(GatepostError, match="more is asked"):
        await decide(world.instance, world.acme.org, shown, AGREED, "", world.operator)
    assert len(await queue(world)) == 1


async def test_of_two_admins_who_decide_at_once_one_does(world: World, browser: Browser, app: Client) -> None:
    await ask(browser, app)
    (shown,) = await queue(world)
    other = await world.again()
    decisions = [
        decide(each.instance, world.acme.org, shown, state, "", world.operator)
        for each, state in ((world, AGREED), (other, REFUSED), (world, REFUSED), (other, AGREED))
    ]
    outcomes = await asyncio.gather(*decisions, return_exceptions=True)
    (decided,) = [each for each in outcomes if not isinstance(each, BaseException)]
    assert {each.code for each in outcomes if isinstance(each, GatepostError)} == {"overtaken"}
    assert [each.state for each in await queue(world, decided.state)] == [decided.state]
    told = [event.type for event in await world.events(world.acme.org) if event.type in ("app.approved", "app.refused")]
    assert told == [f"app.{decided.state}"]


async def test_an_admin_may_change_their_mind_and_nobody_decides_the_same_twice(
    world: World, browser: Browser, app: Client
) -> None:
    await ask(browser, app)
    agreed = await answer(world)
    with pytest.raises(GatepostError, match="approved already"):
        await decide(world.instance, world.acme.org, agreed, AGREED, "", world.operator)
    refused = await decide(world.instance, world.acme.org, agreed, REFUSED, "", world.operator)
    assert (refused.state, refused.agreed_scope) == (REFUSED, None)
    await held_up(browser, app)
    await decide(world.instance, world.acme.org, refused, AGREED, "", world.operator)
    assert (await browser.authorize(app)).headers["location"].startswith("/consent/")


# The ways around it.


async def test_a_consent_from_before_opens_nothing(world: World, browser: Browser, app: Client) -> None:
    await review(world, world.acme, needed=False)
    await browser.leave(await browser.consent(await browser.authorize(app, scope="read")))
    assert "code" in await silently(browser, app)
    await review(world, world.acme)
    assert (await silently(browser, app))["error"] == "interaction_required"
    await held_up(browser, app, scope="read")


async def test_a_consent_page_from_before_is_answered_in_vain(world: World, browser: Browser, app: Client) -> None:
    await review(world, world.acme, needed=False)
    form = form_of(await browser.get((await browser.authorize(app)).headers["location"]))
    await review(world, world.acme)
    led = await browser.post(form.action, form.fields | {"decision": "allow", "org": world.acme.id})
    assert REVIEWS in said(await browser.get((await browser.get(led.headers["location"])).headers["location"]))


async def test_a_code_from_before_becomes_no_grant(world: World, browser: Browser, app: Client) -> None:
    await review(world, world.acme, needed=False)
    code = (await browser.leave(await browser.consent(await browser.authorize(app))))["code"]
    await review(world, world.acme)
    refused = await redeem(world, app, code)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert await world.events(world.acme.org, "grant.made") == []


async def test_a_pushed_request_is_held_up_too(world: World, browser: Browser, app: Client) -> None:
    pushed = await world.call(
        "POST", "/par", app, form={"response_type": "code", "redirect_uri": app.redirect, "code_challenge": "c" * 43,
                                   "code_challenge_method": "S256"}
    )  # fmt: skip
    assert pushed.status_code == 201, pushed.text
    led = await browser.get(
        "/authorize", params={"client_id": app.client_id, "request_uri": pushed.json()["request_uri"]}
    )
    assert REVIEWS in said(await browser.get(led.headers["location"]))


async def test_an_app_that_says_it_needs_no_consent_needs_approval(world: World, browser: Browser, app: Client) -> None:
    metadata = '{"open_to_others":true,"skip_consent":true,"first_party":true}'
    await change(world, world.beta.org, app.client_id, metadata=metadata)
    await held_up(browser, app)


async def test_an_app_that_publishes_itself_needs_approval(open_world: OpenWorld) -> None:
    async with publishing(open_world) as publisher:
        world = publisher.world
        await review(world, world.acme)
        browser = await bob_of_acme(world)
        assert SENT in said(await ask(browser, publisher.app))
        assert (await queue(world))[0].client_id == publisher.url
        await answer(world)
        code = (await browser.leave(await browser.consent(await browser.authorize(publisher.app))))["code"]
        assert (await redeem(world, publisher.app, code)).status_code == 200


async def test_a_connection_from_before_goes_on(world: World, browser: Browser, app: Client) -> None:
    await review(world, world.acme, needed=False)
    browser = Browser(world)
    tokens = await connected(world, browser, app, BOB, scope="read")
    await review(world, world.acme)
    await held_up(browser, app, scope="read")
    refreshed = await token(world, app, grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert refreshed.status_code == 200


# Devices.


async def device_page(browser: Browser, user_code: str) -> Callable[..., Awaitable[str]]:
    """Presses something on the page of a device, and answers what the next page says."""
    page = await browser.get("/device", params={"user_code": user_code})
    form = form_of(page)
    hidden = {name: form.fields[name] for name in ("csrf", "user_code")}

    async def press(**fields: str) -> str:
        done = await browser.post(form.action, hidden | fields)
        return said(await browser.get(done.headers["location"])) if done.status_code == 303 else said(done)

    return press


async def started(world: World, app: Client) -> dict[str, str]:
    content: dict[str, str] = (await world.call("POST", "/device_authorization", app, form={"scope": "read"})).json()
    world.canary.watch(content["device_code"])
    return content


async def test_a_device_is_held_up_and_may_be_asked_for(world: World, browser: Browser) -> None:
    app = await of_others(world, "device")
    begun = await started(world, app)
    press = await device_page(browser, begun["user_code"])
    asked = await press(ask=world.acme.id)
    assert SENT in asked
    assert "Connect this device" not in asked
    (request,) = await queue(world)
    assert (request.scope, request.hosts) == ("read", "app.test")
    await answer(world)
    assert "Your device is connected" in await press(decision="connect", org=world.acme.id)
    poll = await token(world, app, grant_type=DEVICE_CODE, device_code=begun["device_code"])
    assert poll.status_code == 200


async def test_a_device_that_was_let_in_before_gets_nothing_after(world: World, browser: Browser) -> None:
    await review(world, world.acme, needed=False)
    app = await of_others(world, "device")
    begun, forced = await started(world, app), await started(world, app)
    press, force = [await device_page(browser, each["user_code"]) for each in (begun, forced)]
    assert "Your device is connected" in await press(decision="connect", org=world.acme.id)
    await review(world, world.acme)
    assert "That did not work" in await force(decision="connect", org=world.acme.id)
    poll = await token(world, app, grant_type=DEVICE_CODE, device_code=begun["device_code"])
    assert poll.json()["error"] == "invalid_grant"


# Whose it is.


async def test_nobody_asks_where_they_do_not_belong(world: World, browser: Browser, app: Client) -> None:
    await review(world, world.beta)
    form = form_of(await held_up(browser, app))
    for org in (world.beta.id, "org_nonsense", ""):
        assert (await browser.post(form.action, form.fields | {"org": org})).status_code == 403
    forged = await browser.post(form.action, {"org": world.acme.id})
    assert forged.status_code == 403, "the form lacks its token"
    assert await queue(world) == []
    page = await Browser(world).get(form.action)
    assert page.status_code == 400, "a flow belongs to a browser"


async def test_a_request_is_of_one_organization(world: World, browser: Browser, app: Client) -> None:
    await ask(browser, app)
    (shown,) = await queue(world)
    with pytest.raises(GatepostError, match="no request"):
        await request_of(world.instance, world.beta.org, render_id("req", shown.id), world.operator)
    with pytest.raises(GatepostError):
        await decide(world.instance, world.beta.org, shown, AGREED, "", world.operator)
    assert (await queue(world))[0].state == WAITING


async def test_who_belongs_elsewhere_too_may_go_there_instead(world: World, app: Client) -> None:
    await review(world, world.acme)
    await bob_of_acme(world)
    browser = Browser(world)
    await browser.enter(ANN)
    page = await browser.get((await browser.authorize(app, scope="read")).headers["location"])
    assert "It reviews new apps first." in said(page)
    link = page.text.partition('id="approval" href="')[2].partition('"')[0]
    form = form_of(await browser.get(link))
    assert form.fields["org"] == world.acme.id
    assert SENT in said(await browser.get((await browser.post(form.action, form.fields)).headers["location"]))
    answered = await browser.leave(await browser.consent(await browser.authorize(app, scope="read")))
    tokens = (await redeem(world, app, answered["code"])).json()
    assert claims_of(tokens["access_token"])["org"] == world.beta.id


async def test_nobody_fills_the_queue(world: World, browser: Browser) -> None:
    for _ in range(MAX_WAITING):
        await ask(browser, await of_others(world))
    form = form_of(await held_up(browser, await of_others(world)))
    assert (await browser.post(form.action, form.fields)).status_code == 409
    assert len(await queue(world)) == MAX_WAITING


async def test_admins_and_whoever_asked_hear_of_it(open_world: OpenWorld) -> None:
    world = await open_world(BOXED)
    await review(world, world.acme)
    browser, app = await bob_of_acme(world), await of_others(world)
    for role in ("owner", "admin", "developer", "auditor"):
        await hire(world, role)
    await ask(browser, app)
    (request,) = await queue(world)
    sent = await mails(world)
    assert sorted(to for to, _ in sent) == ["admin@acme.test", "owner@acme.test"]
    assert f"{ISSUER}/console/{world.acme.id}/requests/{render_id('req', request.id)}" in sent[0][1].text
    assert "bob@acme.test would like to connect Wanderer" in sent[0][1].text
    await answer(world, REFUSED, "Too wide")
    assert [(to, "They say: Too wide" in mail.text) for to, mail in (await mails(world))[2:]] == [(BOB, True)]


async def hire(world: World, role: str) -> None:
    await create_user(world.instance, world.acme.org, f"{role}@acme.test", role, None, world.operator)
