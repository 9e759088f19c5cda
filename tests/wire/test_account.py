"""The pages of a person's own: the account, the password, the connected apps. Each works without a script."""

import asyncio
import gc
import re
import tracemalloc

import httpx
import pytest

from gatepost.flows.account import LINK_IS_PROOF
from gatepost.flows.links import create_link
from gatepost.secrets import parse_id
from gatepost.store.apps import set_app_disabled
from gatepost.store.consents import find_consent
from gatepost.store.grants import find_grant
from gatepost.store.scope_texts import set_scope_text

from .browser import PASSWORD, Browser, connected, form_of, give_password, token, userinfo
from .conftest import OpenWorld
from .mailbox import BOXED
from .world import World, claims_of

ANN = "ann@example.test"
BOB = "bob@acme.test"
NEW = "another long password"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Mobile Safari/604.1"


async def entered(world: World, email: str = BOB, agent: str = FIREFOX, address: str = "192.0.2.9") -> Browser:
    browser = Browser(world, address)
    form = form_of(await browser.get("/login"))
    headers = {"user-agent": agent}
    await browser.post(form.action, form.fields | {"email": email, "password": PASSWORD}, headers=headers)
    return browser


async def is_signed_in(browser: Browser) -> bool:
    page = await browser.get("/account")
    assert page.status_code == 200 or page.headers["location"] == "/login"
    return page.status_code == 200


def words_of(page: httpx.Response) -> str:
    return " ".join(re.sub("<[^>]*>", " ", page.text).split())


OWN_PAGES = (
    "/account",
    "/account/profile",
    "/account/password",
    "/account/sessions/end-all",
    "/account/apps",
    "/account/apps/details",
    "/account/apps/revoke-all",
)
OWN_FORMS = (
    "/account/profile",
    "/account/password",
    "/account/sessions/end",
    "/account/sessions/end-all",
    "/account/apps/revoke",
    "/account/apps/revoke-all",
)


@pytest.mark.parametrize("path", OWN_PAGES)
async def test_nobody_sees_a_page_of_anybodys_own(world: World, path: str) -> None:
    page = await Browser(world).get(path)
    assert (page.status_code, page.headers["location"]) == (303, "/login")


@pytest.mark.parametrize("path", OWN_FORMS)
async def test_a_form_from_elsewhere_changes_nothing(world: World, browser: Browser, path: str) -> None:
    signed_in = await connected(world, browser, world.acme.web)
    strangers = form_of(await Browser(world).get("/login")).fields["csrf"]
    for csrf in ("", strangers):
        assert (await browser.post(path, {"csrf": csrf, "new_password": NEW})).status_code == 403
    nobody = Browser(world)
    csrf = form_of(await nobody.get("/login")).fields["csrf"]
    assert (await nobody.post(path, {"csrf": csrf, "new_password": NEW})).headers["location"] == "/login"
    assert await is_signed_in(browser)
    assert await world.is_active(signed_in["access_token"])


# Who and where.


async def test_the_account_says_who_the_person_is_and_where_they_belong(world: World, browser: Browser) -> None:
    await browser.enter(ANN)
    page = words_of(await browser.get("/account"))
    assert ANN in page
    assert page.count("The company member") == 2


async def test_the_account_lists_sessions_in_words(world: World, browser: Browser) -> None:
    desk = await entered(world)
    world.clock.forward(7200)
    await entered(world, agent=SAFARI, address="198.51.100.7")
    await entered(world, ANN, "curl/8")
    world.clock.forward(180)
    page = words_of(await desk.get("/account"))
    assert "Firefox on Linux 192.0.2.9 · since 15 January 2027 · this browser" in page
    assert "Safari on iPhone 198.51.100.7 · since 15 January 2027 · last seen 3 minutes ago" in page
    assert "Unknown browser" not in page


async def test_a_session_that_nobody_used_for_too_long_is_not_listed(world: World, browser: Browser) -> None:
    await entered(world, agent=SAFARI)
    world.clock.forward(12 * 3600)
    assert "iPhone" not in (await (await entered(world)).get("/account")).text


async def test_one_session_is_ended(world: World, browser: Browser) -> None:
    desk, phone, others = await entered(world), await entered(world, agent=SAFARI), await entered(world, ANN)
    session = form_of(await phone.get("/account")).fields["session"]
    assert (await desk.press("/account", "/account/sessions/end", session=session)).headers["location"] == "/account"
    assert [await is_signed_in(each) for each in (desk, phone, others)] == [True, False, True]


async def test_ending_this_session_signs_out_here(world: World, browser: Browser) -> None:
    desk = await entered(world)
    left = await desk.press("/account", "/account/sessions/end")
    assert left.headers["location"] == "/signed-out"
    assert "You are signed out" in (await desk.get("/signed-out")).text
    assert not await is_signed_in(desk)


async def test_nobody_ends_the_session_of_somebody_else(world: World, browser: Browser) -> None:
    bobs, anns = await entered(world), await entered(world, ANN)
    session = form_of(await anns.get("/account")).fields["session"]
    fields = form_of(await bobs.get("/account")).fields
    for foreign in (session, "ses_" + "0" * 32, "ses_", "x", ""):
        await bobs.post("/account/sessions/end", fields | {"session": foreign})
    assert [await is_signed_in(each) for each in (bobs, anns)] == [True, True]


async def test_signing_out_everywhere_ends_every_session_and_what_hangs_on_them(world: World, browser: Browser) -> None:
    phone, others = await entered(world, agent=SAFARI), await entered(world, ANN)
    scopes = "openid read", "openid read offline_access"
    app = await world.make_app(world.acme.org, scope="openid read")
    online, offline = [await connected(world, Browser(world), app, scope=scope) for scope in scopes]
    await browser.enter(BOB)
    await browser.press("/account/sessions/end-all", "/account/sessions/end-all")
    assert [await is_signed_in(each) for each in (browser, phone, others)] == [False, False, True]
    assert [await world.is_active(each["access_token"]) for each in (online, offline)] == [False, True]


# The password.


async def change(browser: Browser, old: str = PASSWORD, new: str = NEW) -> httpx.Response:
    form = form_of(await browser.get("/account/password"))
    return await browser.post(form.action, form.fields | {"password": old, "new_password": new})


async def test_a_new_password_signs_out_everywhere_else(world: World, browser: Browser) -> None:
    desk, phone, others = await entered(world), await entered(world, agent=SAFARI), await entered(world, ANN)
    assert (await change(desk)).headers["location"] == "/account"
    assert [await is_signed_in(each) for each in (desk, phone, others)] == [True, False, True]
    form = form_of(await browser.get("/login"))
    for password, status in ((PASSWORD, 400), (NEW, 303)):
        sent = form.fields | {"email": BOB, "password": password}
        assert (await browser.post(form.action, sent)).status_code == status


@pytest.mark.parametrize("old", ["", "wrong", NEW, "x" * 2000])
async def test_a_new_password_needs_the_old_one(world: World, browser: Browser, old: str) -> None:
    desk, phone = await entered(world), await entered(world, agent=SAFARI)
    refused = await change(desk, old)
    assert refused.status_code == 400
    assert "The current password is wrong." in refused.text
    assert await is_signed_in(phone)
    assert (await browser.enter(BOB)).status_code == 303, "it is still the old one"


@pytest.mark.parametrize("new", ["", "short", "x" * 1001])
async def test_what_cannot_be_a_password_is_refused(world: World, browser: Browser, new: str) -> None:
    desk = await entered(world)
    refused = await change(desk, new=new)
    assert refused.status_code == 400
    assert "This cannot be your password" in refused.text
    assert (await browser.enter(BOB)).status_code == 303


async def test_wrong_passwords_are_counted_with_those_of_the_sign_in(open_world: OpenWorld) -> None:
    world = await open_world({"limits.enabled": "true", "limits.wrong_passwords": "3"})
    await give_password(world, world.acme.bob)
    desk = await entered(world)
    for _ in range(3):
        assert (await change(desk, "wrong")).status_code == 400
    assert (await change(desk)).status_code == 429
    assert (await Browser(world).enter(BOB)).status_code == 429


async def test_guessing_at_once_is_no_way_around_the_limit(open_world: OpenWorld) -> None:
    world = await open_world({"limits.enabled": "true", "limits.wrong_passwords": "3"})
    await give_password(world, world.acme.bob)
    browser = Browser(world)
    form = form_of(await browser.get("/login"))
    tries = [browser.post(form.action, form.fields | {"email": BOB, "password": f"guess {n}"}) for n in range(12)]
    statuses = [response.status_code for response in await asyncio.gather(*tries)]
    assert sorted(statuses) == [400] * 3 + [429] * 9


@pytest.mark.parametrize("path", ["/login", "/reset"])
async def test_guessing_long_addresses_takes_no_memory(open_world: OpenWorld, path: str) -> None:
    world = await open_world(BOXED | {"limits.enabled": "true"})
    browser = Browser(world)
    form = form_of(await browser.get(path))
    tracemalloc.start()
    try:
        for number in range(20):
            sent = form.fields | {"email": f"{number}" + "x" * 60_000, "password": "x"}
            assert (await browser.post(form.action, sent)).status_code in (200, 400)
        gc.collect()
        kept = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*/gatepost/flows/people.py")])
    finally:
        tracemalloc.stop()
    assert sum(trace.size for trace in kept.traces) < 100_000


async def test_a_right_password_is_never_counted(open_world: OpenWorld) -> None:
    world = await open_world({"limits.enabled": "true", "limits.wrong_passwords": "1"})
    await give_password(world, world.acme.bob)
    for _ in range(3):
        desk = await entered(world)
        assert (await change(desk, new="x")).status_code == 400
        assert (await change(desk, new=PASSWORD)).status_code == 303


async def linked(world: World, user: str) -> Browser:
    browser = Browser(world)
    url = create_link(world.instance, world.acme.org, parse_id("usr", user) or b"").reveal()
    await browser.press(url, "/login/link")
    return browser


async def test_who_came_by_a_link_sets_a_password_without_the_old_one(world: World, browser: Browser) -> None:
    for user in (world.acme.bob, await world.make_user(world.acme.org, "new@acme.test")):
        way_in = await linked(world, user)
        assert 'name="password"' not in (await way_in.get("/account/password")).text
        assert (await change(way_in, "")).status_code == 303


async def test_a_link_is_proof_for_a_while(world: World, browser: Browser) -> None:
    way_in = await linked(world, world.acme.bob)
    world.clock.forward(LINK_IS_PROOF)
    assert 'name="password"' in (await way_in.get("/account/password")).text
    assert (await change(way_in, "")).status_code == 400


# Connected apps.


async def test_nothing_connected_is_said(world: World, browser: Browser) -> None:
    await browser.enter(BOB)
    assert "Nothing is connected." in words_of(await browser.get("/account/apps"))
    assert (await browser.get("/account/apps/revoke-all")).headers["location"] == "/account/apps"


async def test_connected_apps_say_what_they_may_and_when_they_did(world: World, browser: Browser) -> None:
    await world.instance.store.ask(set_scope_text(world.acme.org, "read", "en", "See your agents", world.act))
    await connected(world, browser, world.acme.web, scope="read")
    world.clock.forward(2 * 3600)
    page = words_of(await browser.get("/account/apps"))
    assert (
        "An app The company · since 15 January 2027 · last used 2 hours ago See your agents Details of An app" in page
    )
    details = re.search(r'href="(/account/apps/details[^"]*)"', (await browser.get("/account/apps")).text)
    assert details is not None
    page = words_of(await browser.get(details[1].replace("&amp;", "&")))
    assert "Client ID web-acme" in page
    assert "Host app.test" in page
    assert "See your agents read" in page


async def test_one_app_is_revoked_with_all_its_tokens_and_its_consent(world: World, browser: Browser) -> None:
    web, other = world.acme.web, await world.make_app(world.acme.org, scope="openid read")
    revoked = await connected(world, browser, web)
    again = await browser.authorize(web)
    assert "code=" in again.headers["location"], "the consent is remembered"
    kept = await connected(world, Browser(world), other, scope="openid read")
    anns = await connected(world, Browser(world), web, ANN, scope="read")
    left = await browser.press("/account/apps", "/account/apps/revoke", app=web.client_id)
    assert left.headers["location"] == "/account/apps"
    assert not await world.is_active(revoked["access_token"])
    refused = await token(world, web, grant_type="refresh_token", refresh_token=revoked["refresh_token"])
    assert refused.json()["error"] == "invalid_grant"
    assert await world.is_active(kept["access_token"])
    assert (await userinfo(world, kept["access_token"])).status_code == 200
    assert await world.is_active(anns["access_token"])
    assert "/consent/" in (await browser.authorize(web)).headers["location"], "it has to ask again"
    assert web.client_id not in (await browser.get("/account/apps")).text
    (event,) = await world.events(world.acme.org, "grant.disconnected")
    assert (event.client_id, event.actor) == (web.client_id, world.acme.bob)


async def test_all_apps_are_revoked_once_confirmed(world: World, browser: Browser) -> None:
    other = await world.make_app(world.acme.org, scope="openid read")
    tokens = [await connected(world, Browser(world), app) for app in (world.acme.web, other)]
    anns = await connected(world, Browser(world), world.acme.web, ANN)
    await browser.enter(BOB)
    asked = await browser.get("/account/apps/revoke-all")
    assert words_of(asked).count("An app") == 2
    assert await world.is_active(tokens[0]["access_token"]), "looking changes nothing"
    await browser.press("/account/apps/revoke-all", "/account/apps/revoke-all")
    assert [await world.is_active(each["access_token"]) for each in tokens] == [False, False]
    assert await world.is_active(anns["access_token"])
    assert "Nothing is connected." in words_of(await browser.get("/account/apps"))


async def test_nobody_revokes_or_sees_what_is_not_theirs(world: World, browser: Browser) -> None:
    anns = await connected(world, Browser(world), world.beta.web, ANN, scope="read")
    await browser.enter(BOB)
    fields = form_of(await browser.get("/account")).fields | {"org": world.beta.id, "app": world.beta.web.client_id}
    assert (await browser.post("/account/apps/revoke", fields)).headers["location"] == "/account/apps"
    details = await browser.get("/account/apps/details", params={"org": world.beta.id, "app": "web-beta"})
    assert details.headers["location"] == "/account/apps"
    assert await world.is_active(anns["access_token"], world.beta)
    ann = parse_id("usr", world.acme.ann) or b""
    assert await world.instance.store.read(find_consent(world.beta.org, ann, "web-beta"))


async def test_an_app_that_is_disabled_can_still_be_revoked(world: World, browser: Browser) -> None:
    tokens = await connected(world, browser, world.acme.web)
    grant = claims_of(tokens["access_token"])["gid"]
    await world.instance.store.ask(set_app_disabled(world.acme.org, world.acme.web.client_id, True, world.act))
    await browser.press("/account/apps", "/account/apps/revoke", app=world.acme.web.client_id)
    found = await world.instance.store.read(find_grant(world.acme.org, parse_id("gnt", grant) or b""))
    assert found is not None
    assert found.revoked_at is not None
