"""A forgotten password, sign-in by mail, a proved e-mail. AC-1, AC-4, AC-5, UI-17, CG-12 and MD-1 of the cases."""

import asyncio
import html
import re
import statistics
import time

import pytest

from gatepost.flows.mail_links import INVITE, RESET, SIGN_UP, TTLS, VERIFY, make_mail_link
from gatepost.flows.people import get_user, set_disabled
from gatepost.secrets import parse_id
from gatepost.store.people import find_user

from .browser import PASSWORD, Browser, connected, form_of, give_password
from .conftest import OpenWorld
from .mailbox import BOXED, link_for, mails
from .test_totp import set_up, verify
from .world import ISSUER, World

BOB = "bob@acme.test"
NEW = "another long enough password"
SESSION = "__Host-gatepost_session"


@pytest.fixture
async def world(open_world: OpenWorld) -> World:
    world = await open_world(BOXED)
    await give_password(world, world.acme.bob)
    return world


async def ordered(world: World, email: str = BOB) -> str:
    """The link of a reset that was asked for."""
    page = await Browser(world).press("/reset", "/reset", email=email)
    assert page.status_code == 200
    return await link_for(world, email)


async def set_new(world: World, link: str, password: str = NEW) -> int:
    browser = Browser(world)
    page = await browser.get(link)
    if page.status_code != 200:
        return page.status_code
    form = form_of(page)
    return (await browser.post(form.action, form.fields | {"new_password": password})).status_code


async def can_enter(world: World, password: str) -> bool:
    browser = Browser(world)
    form = form_of(await browser.get("/login"))
    await browser.post(form.action, form.fields | {"email": BOB, "password": password})
    return SESSION in browser.cookies


async def test_a_new_password_is_set_by_a_link_once(world: World) -> None:
    link = await ordered(world)
    assert link.startswith("/reset/new?link=gp_mail_")
    assert await set_new(world, link) == 200
    assert (await can_enter(world, NEW), await can_enter(world, PASSWORD)) == (True, False)
    assert await set_new(world, link, "yet another password") == 400
    assert (await mails(world))[-1][1].subject == "Your password was changed"
    bob = await get_user(world.instance, BOB)
    assert bob.email_verified_at == world.clock()


async def test_to_look_at_a_link_does_not_use_it_up(world: World) -> None:
    link = await ordered(world)
    for _ in range(3):
        assert (await Browser(world).get(link)).status_code == 200
    assert await set_new(world, link, "short") == 400
    assert await set_new(world, link) == 200


async def test_a_link_dies_with_time_and_with_the_password(world: World) -> None:
    late = await ordered(world)
    world.clock.forward(TTLS[RESET])
    assert await set_new(world, late) == 400
    one, two = await ordered(world), await ordered(world)
    assert await set_new(world, two) == 200
    assert await set_new(world, one) == 400
    changed = await ordered(world)
    await give_password(world, world.acme.bob, "one more long password")
    assert await set_new(world, changed) == 400


async def test_a_reset_ends_all_sessions_and_grants(world: World) -> None:
    browser = Browser(world)
    app = await world.make_app(world.acme.org, scope="openid offline_access")
    tokens = await connected(world, browser, app, scope="openid offline_access")
    assert (await browser.get("/account")).status_code == 200
    await set_new(world, await ordered(world))
    assert (await browser.get("/account")).headers["location"].endswith("/login")
    refused = await world.call(
        "POST", "/token", app, form={"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    )
    assert refused.status_code == 400


async def test_nobody_enters_who_showed_the_old_password_while_it_was_being_replaced(world: World) -> None:
    """Passwords are looked at one after the other, so these are still being looked at when the new one is set."""
    browsers = [Browser(world) for _ in range(6)]
    forms = [form_of(await each.get("/login")) for each in browsers]
    late = [
        each.post(form.action, form.fields | {"email": BOB, "password": PASSWORD})
        for each, form in zip(browsers, forms, strict=True)
    ]
    await asyncio.gather(set_new(world, await ordered(world)), *late)
    for browser in browsers:
        assert (await browser.get("/account")).status_code == 303


async def test_the_second_step_is_still_needed(world: World) -> None:
    await set_new(world, await ordered(world), PASSWORD)
    browser = Browser(world)
    await browser.enter(BOB)
    phone, _ = await set_up(world, browser)
    world.clock.forward(60)
    await set_new(world, await ordered(world))
    other = Browser(world)
    form = form_of(await other.get("/login"))
    half = await other.post(form.action, form.fields | {"email": BOB, "password": NEW})
    assert SESSION not in other.cookies
    await verify(other, half, phone.next_code())
    assert SESSION in other.cookies


@pytest.mark.parametrize("path", ["/reset", "/login/mail"])
async def test_nobody_learns_who_is_known(world: World, path: str) -> None:
    await set_disabled(world.instance, await get_user(world.instance, f"bob@{'beta'}.test"), True, world.operator)
    answers = set()
    for email in (BOB, "nobody@acme.test", "bob@beta.test", "no address"):
        browser = Browser(world)
        form = form_of(await browser.get(path))
        page = await browser.post(form.action, form.fields | {"email": email})
        answers.add((page.status_code, page.text.replace(form.fields["csrf"], ""), len(page.headers)))
    assert len(answers) == 1
    assert [to for to, _ in await mails(world)] == [BOB]


async def test_who_is_known_takes_no_longer(world: World) -> None:
    browser = Browser(world)
    form = form_of(await browser.get("/reset"))
    times: dict[str, list[float]] = {BOB: [], "nobody@acme.test": []}
    for _ in range(60):
        for email, taken in times.items():
            begun = time.perf_counter()
            await browser.post(form.action, form.fields | {"email": email})
            taken.append(time.perf_counter() - begun)
    known, unknown = (statistics.median(taken) for taken in times.values())
    assert abs(known - unknown) < 0.002


async def test_a_mailbox_gets_one_mail_a_minute(open_world: OpenWorld) -> None:
    world = await open_world(BOXED | {"limits.enabled": "true", "limits.mail_orders": "5"})
    await give_password(world, world.acme.bob)
    browser = Browser(world)
    form = form_of(await browser.get("/reset"))
    answers = [await browser.post(form.action, form.fields | {"email": BOB.upper()}) for _ in range(6)]
    assert [each.status_code for each in answers] == [200] * 5 + [429]
    assert len({each.text for each in answers[:5]}) == 1
    assert len(await mails(world)) == 1
    forged = await browser.post(form.action, form.fields | {"email": BOB}, headers={"x-forwarded-for": "198.51.100.7"})
    assert forged.status_code == 429


async def test_links_are_made_of_the_configured_issuer(world: World) -> None:
    browser = Browser(world)
    form = form_of(await browser.get("/reset"))
    evil = {"host": "evil.test", "x-forwarded-host": "evil.test", "forwarded": "host=evil.test"}
    await browser.post(form.action, form.fields | {"email": BOB}, headers=evil)
    ((_, mail),) = await mails(world)
    assert "evil.test" not in mail.text + mail.html
    assert f"{ISSUER}/reset/new?link=" in mail.text


async def test_a_link_of_one_purpose_is_no_link_of_another(world: World) -> None:
    bob = await get_user(world.instance, BOB)
    places = {RESET: "/reset/new", VERIFY: "/verify-email", INVITE: "/invite", SIGN_UP: "/sign-up/new"}
    for purpose in places:
        link = make_mail_link(world.instance, purpose, bob.id.hex(), BOB).partition("link=")[2]
        for other, path in places.items():
            if other != purpose:
                page = await Browser(world).get(f"{path}?link={link}")
                assert page.status_code in (400, 403)
        assert (await Browser(world).get(f"/login?link={link}")).status_code == 400
        code = {"grant_type": "authorization_code", "code": link, "redirect_uri": world.acme.web.redirect}
        assert (await world.call("POST", "/token", world.acme.web, form=code)).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("link", ["", "gp_mail_", "gp_mail_AAAA", "x" * 20_0, "gp_mail_" + "A" * 400])
async def test_a_form_without_a_link_sets_nothing(world: World, link: str) -> None:
    browser = Browser(world)
    csrf = form_of(await browser.get("/reset")).fields["csrf"]
    refused = await browser.post("/reset/new", {"csrf": csrf, "link": link, "new_password": NEW})
    assert refused.status_code == 400
    assert await can_enter(world, PASSWORD)


async def test_a_disabled_persons_link_is_dead(world: World) -> None:
    link = await ordered(world)
    await set_disabled(world.instance, await get_user(world.instance, BOB), True, world.operator)
    assert await set_new(world, link) == 400


async def test_a_sign_in_link_comes_by_mail(world: World) -> None:
    await Browser(world).press("/login/mail", "/login/mail", email=BOB)
    link = await link_for(world, BOB)
    browser = Browser(world)
    assert (await browser.press(link, "/login/link")).headers["location"] == "/account"
    assert (await Browser(world).get(link)).status_code in (200, 400)
    other = Browser(world)
    page = await other.get(link)
    if page.status_code == 200:
        assert (await other.press(link, "/login/link")).status_code == 400
    assert SESSION not in other.cookies


async def test_a_mailed_link_goes_on_where_the_person_was(world: World) -> None:
    browser = Browser(world)
    login = (await browser.authorize(world.acme.web)).headers["location"]
    way = html.unescape(re.findall(r'href="([^"]*/login/mail\?flow=[^"]*)"', (await browser.get(login)).text)[0])
    await browser.press(way, "/login/mail", email=BOB)
    link = await link_for(world, BOB)
    elsewhere = Browser(world)
    assert (await elsewhere.get(link)).status_code == 200
    back = await browser.press(link, "/login/link")
    assert back.headers["location"].startswith("/consent/")
    assert "code" in await browser.leave(await browser.consent(back))


async def test_who_sets_a_new_password_goes_on_to_the_app(world: World) -> None:
    browser = Browser(world)
    login = (await browser.authorize(world.acme.web)).headers["location"]
    way = html.unescape(re.findall(r'id="forgot" href="([^"]*)"', (await browser.get(login)).text)[0])
    await browser.press(way, "/reset", email=BOB)
    link = await link_for(world, BOB)
    assert form_of(await Browser(world).get(link)).fields["flow"] == "", "another browser has nowhere to go on to"
    await browser.press(link, "/reset/new", new_password="short")
    done = await browser.press(link, "/reset/new", new_password=NEW)
    onward = html.unescape(re.findall(r'id="go-on" href="([^"]*)"', done.text)[0])
    sign_in = form_of(await browser.get(onward))
    back = await browser.post(sign_in.action, sign_in.fields | {"email": BOB, "password": NEW})
    assert "code" in await browser.leave(await browser.consent(back))


async def test_a_mailed_link_leaves_another_browsers_flow_alone(world: World) -> None:
    browser = Browser(world)
    login = (await browser.authorize(world.acme.web)).headers["location"]
    flow = login.partition("flow=")[2]
    await browser.press(f"/login/mail?flow={flow}", "/login/mail", email=BOB)
    link = await link_for(world, BOB)
    assert f"&flow={flow}" in link
    assert (await Browser(world).press(link, "/login/link")).headers["location"] == "/account"
    await Browser(world).press(f"/login/mail?flow={flow}", "/login/mail", email=BOB)
    assert "flow=" not in await link_for(world, BOB)


async def test_an_email_is_proved_by_its_owner(world: World) -> None:
    browser = Browser(world)
    await browser.enter(BOB)
    page = await browser.press("/account", "/account/verify-email")
    assert page.status_code == 200
    link = await link_for(world, BOB)
    assert (await get_user(world.instance, BOB)).email_verified_at is None, "to mail it proves nothing"
    assert (await Browser(world).get(link)).status_code == 200
    assert (await get_user(world.instance, BOB)).email_verified_at is None, "to look at it neither"
    await browser.press(link, "/verify-email")
    bob = await world.instance.store.read(find_user(parse_id("usr", world.acme.bob) or b""))
    assert bob is not None
    assert bob.email_verified_at == world.clock()
    assert "/account/verify-email" not in (await browser.get("/account")).text
    world.clock.forward(TTLS[VERIFY])
    assert (await Browser(world).get(link)).status_code == 400


async def test_nobody_proves_an_email_by_saying_so(world: World) -> None:
    browser = Browser(world)
    await browser.enter(BOB)
    csrf = form_of(await browser.get("/account/password")).fields
    await browser.post(
        "/account/password", csrf | {"email_verified": "true", "new_password": NEW, "password": PASSWORD}
    )
    assert (await get_user(world.instance, BOB)).email_verified_at is None
