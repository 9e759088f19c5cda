"""What an organization chose for itself, as people meet it: its colour, its languages, and its rules at its own doors."""

import re
from typing import Any

import httpx
import pytest

from gatepost.errors import GatepostError
from gatepost.flows.joining import invite
from gatepost.flows.organizations import change_org, get_org
from gatepost.oauth.client_metadata import DEVICE_CODE
from gatepost.store.people import change_role

from .browser import Browser, answer_of, form_of, forms_of, give_password, redeem, token
from .conftest import OpenWorld
from .mailbox import BOXED, mails
from .registering import client_of, open_to_all, registered
from .staff import ask, hire
from .test_languages import language_of, menu_of
from .test_totp import Phone, set_up, verify
from .world import Tenant, World

ANN = "ann@example.test"
BOB = "bob@acme.test"
HOUR, DAY = 3600, 86_400

STYLESHEET = re.compile(r'href="(/brand/[^"]*)"')


async def choose(world: World, tenant: Tenant, **changes: Any) -> None:
    await change_org(world.instance, await get_org(world.instance, tenant.id), changes, world.operator)


@pytest.fixture
async def admin(world: World, browser: Browser) -> Browser:
    """Bob's browser, who is an admin of Acme and signed in."""
    await promote(world, world.acme.org, world.acme.bob)
    await browser.enter(BOB)
    return browser


async def promote(world: World, org: bytes, user_id: str) -> None:
    await world.instance.store.ask(change_role(org, bytes.fromhex(user_id[4:]), "member", "admin", world.act))


def is_branded(page: httpx.Response) -> bool:
    found = STYLESHEET.search(page.text)
    assert bool(found) == ('class="branded"' in page.text) == ("The company</bdi></header>" in page.text)
    return bool(found)


async def test_the_pages_on_the_way_to_an_app_are_its_organizations(world: World, browser: Browser) -> None:
    await choose(world, world.acme, accent="#7c3aed", accent_dark="#c4b5fd")
    begun = await browser.authorize(world.acme.web)
    login = await browser.get(begun.headers["location"])
    assert is_branded(login)
    form = form_of(login)
    assert is_branded(await browser.post(form.action, form.fields | {"email": BOB, "password": "wrong"}))
    consent = await browser.get((await browser.sign_in(begun, BOB)).headers["location"])
    assert is_branded(consent)
    assert not is_branded(await browser.get("/account")), "it leads to nobody's app"
    other = Browser(world)
    assert not is_branded(await other.get("/login"))
    assert not is_branded(await other.get((await other.authorize(world.beta.web)).headers["location"]))


async def test_the_stylesheet_says_the_colours_and_stays_the_same(world: World, browser: Browser) -> None:
    await choose(world, world.acme, accent="#7c3aed", accent_dark="#c4b5fd")
    login = await browser.get((await browser.authorize(world.acme.web)).headers["location"])
    link = STYLESHEET.search(login.text)
    assert link
    sheet = await browser.get(link[1])
    assert sheet.text == ".branded { --accent: light-dark(#7c3aed, #c4b5fd); }\n"
    assert sheet.headers["content-type"] == "text/css; charset=utf-8"
    assert "max-age" in sheet.headers["cache-control"]
    assert (await browser.get(link[1], headers={"if-none-match": sheet.headers["etag"]})).status_code == 304


@pytest.mark.parametrize(
    "name", ["0f766e.css", "0f766e-5eead4", "0F766E-5eead4.css", "0f766e-5eead4.css.x", "red-blue.css"]
)
async def test_no_other_stylesheet_is_there(world: World, name: str) -> None:
    assert (await world.call("GET", f"/brand/{name}")).status_code == 404


async def test_a_device_is_connected_in_the_colour_of_its_organization(world: World, browser: Browser) -> None:
    await choose(world, world.acme, accent="#7c3aed")
    await browser.enter(BOB)
    assert is_branded(await browser.get(f"/device?user_code={await ask_device(world)}"))


async def test_an_app_of_nobody_is_asked_for_in_the_colour_of_where_it_would_be(open_world: OpenWorld) -> None:
    world = await open_to_all(open_world)
    await choose(world, world.acme, accent="#7c3aed")
    browser, app = Browser(world), client_of(await registered(world))
    begun = await browser.authorize(app)
    assert not is_branded(await browser.get(begun.headers["location"])), "where it leads is not known yet"
    assert is_branded(await browser.get((await browser.sign_in(begun, BOB)).headers["location"]))


async def test_an_organization_says_what_is_spoken_where_nobody_has_a_wish(world: World, browser: Browser) -> None:
    await choose(world, world.acme, languages=("de", "en"))
    page = await browser.get((await browser.authorize(world.acme.web)).headers["location"])
    assert language_of(page) == "de"
    assert set(menu_of(page)) == {"en"}, "what is not offered is not to be chosen"
    place = page.url.raw_path.decode()
    for accepted, spoken in (("en", "en"), ("ar", "de"), ("ar,en;q=0.1", "en"), ("", "de")):
        assert language_of(await browser.get(place, headers={"accept-language": accepted})) == spoken
    wished = await browser.authorize(world.acme.web, ui_locales="en")
    assert language_of(await browser.get(wished.headers["location"])) == "en"
    assert language_of(await browser.get("/login")) == "en", "it speaks for its own flow alone"


async def test_an_invitation_is_written_in_the_language_of_the_organization(open_world: OpenWorld) -> None:
    world = await open_world(BOXED)
    await choose(world, world.acme, languages=("de",))
    await invite(world.instance, world.acme.org, "new@acme.test", "member", world.operator)
    ((_, mail),) = await mails(world)
    assert '<html lang="de"' in mail.html


# Rules hold at the organization's own doors.


async def test_a_console_asks_for_a_second_factor_and_lets_in_who_has_one(world: World, admin: Browser) -> None:
    root = f"/console/{world.acme.id}"
    assert (await admin.get(root)).status_code == 200
    await choose(world, world.acme, second_factor=True)
    turned_away = await admin.get(f"{root}/apps")
    assert turned_away.headers["location"] == "/login/verify"
    assert (await admin.get("/login/verify")).status_code == 403, "there is none to be asked for"
    phone, _ = await set_up(world, admin)
    let_in = await verify(admin, await admin.get(f"{root}/apps"), phone.next_code())
    assert let_in.headers["location"] == f"{root}/apps"
    assert (await admin.get(f"{root}/apps")).status_code == 200


async def test_a_form_of_the_console_is_behind_the_same_door(world: World, admin: Browser) -> None:
    root = f"/console/{world.acme.id}"
    form = next(each for each in forms_of(await admin.get(f"{root}/settings")) if each.action == f"{root}/settings")
    await choose(world, world.acme, second_factor=True)
    sent = await admin.post(form.action, form.fields | {"name": "Taken"})
    assert sent.headers["location"] == "/login/verify"
    assert (await get_org(world.instance, world.acme.id)).name == "The company"


async def test_a_rule_of_one_organization_does_not_reach_into_another(world: World, browser: Browser) -> None:
    for tenant in (world.acme, world.beta):
        await promote(world, tenant.org, world.acme.ann)
    await choose(world, world.acme, second_factor=True, session_ttl=60)
    await browser.enter(ANN)
    world.clock.forward(HOUR)
    assert (await browser.get(f"/console/{world.acme.id}")).status_code == 303
    assert (await browser.get(f"/console/{world.beta.id}")).status_code == 200
    assert "consent" in (await browser.authorize(world.beta.web)).headers["location"]


async def test_a_sign_in_is_good_for_as_long_as_the_organization_says(world: World, admin: Browser) -> None:
    root = f"/console/{world.acme.id}"
    await choose(world, world.acme, session_ttl=8 * HOUR)
    world.clock.forward(8 * HOUR - 1)
    assert (await admin.get(root)).status_code == 200
    world.clock.forward(1)
    turned_away = await admin.get(f"{root}/people")
    assert turned_away.headers["location"] == "/login?again=yes"
    assert (await admin.sign_in(turned_away, BOB)).headers["location"] == f"{root}/people"
    assert (await admin.get(f"{root}/people")).status_code == 200


async def test_a_sign_in_that_rested_is_not_good_however_it_was_woken(world: World, admin: Browser) -> None:
    root = f"/console/{world.acme.id}"
    await choose(world, world.acme, idle_ttl=HOUR)
    world.clock.forward(HOUR)
    assert (await admin.get("/account")).status_code == 200, "the server itself lets it rest for longer"
    turned_away = await admin.get(root)
    assert turned_away.headers["location"] == "/login?again=yes"
    await admin.sign_in(turned_away, BOB)
    assert (await admin.get(root)).status_code == 200
    for _ in range(4):
        world.clock.forward(HOUR - 60)
        assert (await admin.get(root)).status_code == 200, "it did not rest"


async def test_a_second_step_alone_does_not_wake_it(world: World, admin: Browser) -> None:
    phone, _ = await set_up(world, admin)
    await choose(world, world.acme, idle_ttl=HOUR)
    form = form_of(await admin.get("/login/verify"))
    world.clock.forward(HOUR)
    assert (await admin.post(form.action, form.fields | {"code": phone.next_code()})).status_code == 303
    assert (await admin.get(f"/console/{world.acme.id}")).headers["location"] == "/login?again=yes"


async def test_an_app_is_connected_by_who_signed_in_as_the_organization_asks(world: World, browser: Browser) -> None:
    await browser.enter(BOB)
    phone: Phone = (await set_up(world, browser))[0]
    other = Browser(world)
    await choose(world, world.acme, second_factor=True, session_ttl=HOUR)
    begun = await other.authorize(world.acme.web)
    assert "/login?" in begun.headers["location"]
    await browser.authorize(world.acme.web)
    world.clock.forward(HOUR)
    silent = answer_of((await browser.authorize(world.acme.web, prompt="none")).headers["location"])
    assert silent["error"] == "login_required"
    again = await browser.authorize(world.acme.web)
    assert "/login?" in again.headers["location"], "an old sign-in is asked for again"
    half = await browser.sign_in(again, BOB)
    answer = await browser.leave(await browser.consent(await verify(browser, half, phone.next_code())))
    assert (await redeem(world, world.acme.web, answer["code"])).status_code == 200


async def test_a_remembered_consent_does_not_pass_by_the_rules(world: World, browser: Browser) -> None:
    await browser.allow(world.acme.web, BOB)
    assert "code" in answer_of((await browser.authorize(world.acme.web, prompt="none")).headers["location"])
    await choose(world, world.acme, second_factor=True)
    refused = answer_of((await browser.authorize(world.acme.web, prompt="none")).headers["location"])
    assert refused["error"] == "login_required"
    assert "/login/verify?" in (await browser.authorize(world.acme.web)).headers["location"]


async def test_a_page_shown_before_the_rule_does_not_pass_by_it(world: World, browser: Browser) -> None:
    shown = await browser.sign_in(await browser.authorize(world.acme.web), BOB)
    form = form_of(await browser.get(shown.headers["location"]))
    await choose(world, world.acme, second_factor=True)
    decided = await browser.post(form.action, form.fields | {"decision": "allow"})
    assert "/consent/" in decided.headers["location"]
    assert "/login/verify?" in (await browser.get(decided.headers["location"])).headers["location"]


async def test_who_may_connect_elsewhere_is_told_why_not_here(open_world: OpenWorld) -> None:
    world = await open_to_all(open_world)
    await give_password(world, world.acme.ann)
    await choose(world, world.acme, second_factor=True)
    browser, app = Browser(world), client_of(await registered(world))
    page = await browser.get((await browser.sign_in(await browser.authorize(app), ANN)).headers["location"])
    assert "It asks you to sign in with a second step." in page.text
    form = form_of(page)
    assert form.fields["org"] == world.beta.id
    answer = await browser.leave(
        await browser.post(form.action, form.fields | {"decision": "allow", "org": world.acme.id})
    )
    assert answer["error"] == "access_denied"


async def ask_device(world: World) -> str:
    app = await world.make_app(world.acme.org, kind="device")
    response = await world.call("POST", "/device_authorization", app, form={})
    world.canary.watch(response.json()["device_code"])
    code: str = response.json()["user_code"]
    return code


async def test_a_device_is_connected_by_who_signed_in_as_the_organization_asks(world: World, browser: Browser) -> None:
    await browser.enter(BOB)
    app = await world.make_app(world.acme.org, kind="device")
    started = (await world.call("POST", "/device_authorization", app, form={})).json()
    world.canary.watch(started["device_code"])
    place = f"/device?user_code={started['user_code']}"
    form = form_of(await browser.get(place))
    await choose(world, world.acme, session_ttl=HOUR)
    world.clock.forward(HOUR)
    started = (await world.call("POST", "/device_authorization", app, form={})).json()
    world.canary.watch(started["device_code"])
    form = form._replace(fields=form.fields | {"user_code": started["user_code"]})
    sent = await browser.post(form.action, form.fields | {"decision": "connect", "org": world.acme.id})
    turned_away = await browser.get(sent.headers["location"])
    assert turned_away.headers["location"] == "/login?again=yes"
    back = await browser.sign_in(turned_away, BOB)
    form = form_of(await browser.get(back.headers["location"]))
    done = await browser.post(form.action, form.fields | {"decision": "connect"})
    assert done.headers["location"] == "/device/connected"
    polled = await token(world, app, grant_type=DEVICE_CODE, device_code=started["device_code"])
    assert polled.status_code == 200


async def test_only_addresses_of_its_domains_are_invited(world: World) -> None:
    await choose(world, world.acme, email_domains=("acme.test",))
    await invite(world.instance, world.acme.org, "new@acme.test", "member", world.operator)
    with pytest.raises(GatepostError) as refused:
        await invite(world.instance, world.acme.org, "new@other.test", "member", world.operator)
    assert refused.value.extra == {"field": "email"}
    await invite(world.instance, world.beta.org, "new@other.test", "member", world.operator)


async def test_an_invitation_of_before_is_over_when_its_domain_is(world: World) -> None:
    _, link = await invite(world.instance, world.acme.org, "new@other.test", "member", world.operator)
    browser, path = Browser(world), link.reveal().removeprefix("https://gate.test")
    assert (await browser.get(path)).status_code == 200
    await choose(world, world.acme, email_domains=("acme.test",))
    assert (await browser.get(path)).status_code == 400


# The same through the API.


async def test_settings_are_read_and_changed_by_members_and_with_etags(world: World) -> None:
    staff = await hire(world)
    seen = await ask(world, "GET", "/org", staff.admin)
    assert seen.json()["settings"]["accent"] == ""
    content = {"settings": {"accent": "#7C3AED", "languages": ["de", "en"], "session_ttl": 3600}}
    changed = await ask(world, "PATCH", "/org", staff.admin, json=content, headers={"if-match": seen.headers["etag"]})
    assert changed.json()["settings"] == {
        "accent": "#7c3aed",
        "accent_dark": "",
        "languages": ["de", "en"],
        "second_factor": False,
        "idle_ttl": None,
        "session_ttl": 3600,
        "email_domains": [],
    }
    stale = await ask(world, "PATCH", "/org", staff.owner, json=content, headers={"if-match": seen.headers["etag"]})
    assert stale.status_code == 412
    back = await ask(world, "PATCH", "/org", staff.owner, json={"settings": {"accent": None, "session_ttl": None}})
    assert (back.json()["settings"]["accent"], back.json()["settings"]["session_ttl"]) == ("", None)
    assert back.json()["settings"]["languages"] == ["de", "en"], "what is not named stays"
    assert back.json()["name"] == "The company"


async def test_a_refusal_names_the_nearest_shade(world: World) -> None:
    refused = await ask(world, "PATCH", "/org", world.acme, json={"settings": {"accent": "#ffcc00"}})
    assert refused.status_code == 400
    assert refused.json()["nearest"] == "#8d7000"
    assert refused.json()["field"] == "accent"


async def test_nobody_locks_themselves_out(world: World) -> None:
    staff = await hire(world)
    refused = await ask(world, "PATCH", "/org", staff.owner, json={"settings": {"second_factor": True}})
    assert (refused.status_code, refused.json()["field"]) == (400, "second_factor")


async def test_a_change_is_told_in_an_event(world: World) -> None:
    await choose(world, world.acme, second_factor=True)
    (event,) = await world.events(world.acme.org, "org.changed")
    assert event.detail == '{"before":{},"after":{"second_factor":true}}'
