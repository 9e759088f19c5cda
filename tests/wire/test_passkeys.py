"""Passkeys: signing in with a key of the device. AP-24, AC-17 of the cases, and what WebAuthn §7 has a server check."""

import html
import re
from typing import Any

import httpx
import orjson
import pytest

from gatepost.flows import passkeys
from gatepost.flows.people import get_user, set_disabled
from gatepost.store.question import INSTANCE

from .authenticator import ELIGIBLE, HONEST, PRESENT, VERIFIED, Authenticator
from .browser import PASSWORD, Browser, Form, answer_of, forms_of, give_password, redeem
from .conftest import OpenWorld
from .world import World, claims_of

ANN = "ann@example.test"
BOB = "bob@acme.test"
SESSION = "__Host-gatepost_session"

_OPTIONS = re.compile(r'data-passkey="(get|create)" data-options="([^"]*)"')


def asked_of(page: httpx.Response, action: str) -> tuple[Form, dict[str, Any]]:
    """The form of a page that a passkey answers, and what it is asked."""
    form = next(each for each in forms_of(page) if each.action == action)
    found = _OPTIONS.search(page.text)
    assert found, page.text
    options: dict[str, Any] = orjson.loads(html.unescape(found[2]))
    return form, options


async def add(browser: Browser, device: Authenticator, **changes: str) -> httpx.Response:
    form, options = asked_of(await browser.get("/account/security"), "/account/security/passkeys")
    return await browser.post(form.action, form.fields | {"answer": device.create(options)} | changes)


async def use(browser: Browser, device: Authenticator, page: str = "/login", **changes: str) -> httpx.Response:
    form, options = asked_of(await browser.get(page), "/login/passkey")
    return await browser.post(form.action, form.fields | {"answer": device.get(options)} | changes)


async def enrolled(browser: Browser, device: Authenticator | None = None, email: str = BOB) -> Authenticator:
    """A device with a passkey of somebody, who is signed in."""
    device = device or Authenticator()
    await browser.enter(email)
    assert (await add(browser, device)).headers["location"] == "/account/security"
    return device


async def test_a_passkey_signs_in(world: World, browser: Browser) -> None:
    device = await enrolled(browser)
    other = Browser(world)
    assert (await use(other, device)).headers["location"] == "/account"
    assert BOB in (await other.get("/account/security")).text
    assert len(await world.events(INSTANCE, "request.signed_in")) == 2


@pytest.mark.parametrize(("flags", "kind"), [(HONEST, "hwk"), (HONEST | ELIGIBLE, "swk")])
async def test_a_passkey_counts_as_two_factors(world: World, browser: Browser, flags: int, kind: str) -> None:
    app = await world.make_app(world.acme.org, scope="openid")
    device = await enrolled(browser, Authenticator(flags=flags))
    other = Browser(world)
    begun = await other.authorize(app, scope="openid", acr_values="2")
    answer = await other.leave(await other.consent(await use(other, device, begun.headers["location"])))
    claims = claims_of((await redeem(world, app, answer["code"])).json()["id_token"])
    assert (claims["acr"], claims["amr"]) == ("2", [kind, "user", "mfa"])


async def test_a_passkey_is_the_second_step_when_an_app_insists(world: World, browser: Browser) -> None:
    device = await enrolled(browser)
    before = browser.cookies[SESSION]
    asked = await browser.authorize(world.acme.web, acr_values="2")
    assert "/login/verify" in asked.headers["location"]
    page = await browser.get(asked.headers["location"])
    assert 'name="code"' not in page.text
    stepped_up = await use(browser, device, asked.headers["location"])
    assert browser.cookies[SESSION] != before
    assert "code" in await browser.leave(await browser.consent(stepped_up))


async def test_a_challenge_is_good_once_in_its_browser_for_a_while(world: World, browser: Browser) -> None:
    device = await enrolled(browser)
    one, two = Browser(world), Browser(world)
    form, options = asked_of(await one.get("/login"), "/login/passkey")
    answer = device.get(options)
    stolen, _ = asked_of(await two.get("/login"), "/login/passkey")
    refused = await two.post("/login/passkey", stolen.fields | {"ceremony": form.fields["ceremony"], "answer": answer})
    assert refused.status_code == 400
    assert (await one.post(form.action, form.fields | {"answer": answer})).status_code == 303
    one.cookies.delete(SESSION, domain="gate.test")
    assert (await one.post(form.action, form.fields | {"answer": answer})).status_code == 400, "it was used"
    late, options = asked_of(await one.get("/login"), "/login/passkey")
    world.clock.forward(900)
    assert (await one.post(late.action, late.fields | {"answer": device.get(options)})).status_code == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"origin": "https://evil.test"},
        {"origin": "https://sub.gate.test"},
        {"origin": "http://gate.test"},
        {"origin": "https://gate.test:8443"},
        {"origin": "https://gate.test.evil.test"},
        {"rp_id": "evil.test"},
        {"rp_id": "test"},
        {"flags": PRESENT},
        {"flags": VERIFIED},
        {"is_framed": True},
        {"id": b"another credential"},
        {"handle": b"another person.."},
        {"handle": b""},
    ],
    ids=str,
)
async def test_what_is_not_as_it_should_be_does_not_sign_in(
    world: World, browser: Browser, changes: dict[str, Any]
) -> None:
    device = await enrolled(browser)
    vars(device).update(changes)
    other = Browser(world)
    refused = await use(other, device)
    assert refused.status_code == 400
    assert "This passkey does not sign you in here." in refused.text
    assert SESSION not in other.cookies


@pytest.mark.parametrize(
    "changes",
    [{"origin": "https://evil.test"}, {"rp_id": "evil.test"}, {"flags": PRESENT}, {"is_framed": True}],
    ids=str,
)
async def test_what_is_not_as_it_should_be_is_not_kept(browser: Browser, changes: dict[str, Any]) -> None:
    await browser.enter(BOB)
    device = Authenticator()
    vars(device).update(changes)
    assert (await add(browser, device)).status_code == 400
    assert "You have none yet." in (await browser.get("/account/security")).text


async def test_the_key_of_another_device_does_not_sign_in(world: World, browser: Browser) -> None:
    device = await enrolled(browser)
    forger = Authenticator()
    forger.id, forger.handle = device.id, device.handle
    assert (await use(Browser(world), forger)).status_code == 400


async def test_a_copy_that_counts_backwards_is_refused(world: World, browser: Browser) -> None:
    device = Authenticator()
    device.count = 7
    await enrolled(browser, device)
    for count, status in ((8, 303), (8, 400), (3, 400), (0, 400), (9, 303)):
        device.count = count
        assert (await use(Browser(world), device)).status_code == status
    assert len(await world.events(INSTANCE, "request.passkey_refused")) == 3


async def test_a_challenge_to_sign_in_makes_no_passkey(world: World, browser: Browser) -> None:
    device = Authenticator()
    sign_in, _ = asked_of(await browser.get("/login"), "/login/passkey")
    await browser.enter(BOB)
    assert (await add(browser, device, ceremony=sign_in.fields["ceremony"])).status_code == 400
    thief = Browser(world)
    await thief.enter(ANN)
    theirs, options = asked_of(await thief.get("/account/security"), "/account/security/passkeys")
    mixed = {"ceremony": theirs.fields["ceremony"], "answer": device.create(options)}
    assert (await add(browser, device, **mixed)).status_code == 400, "it is of another session"


async def test_a_person_keeps_so_many_and_no_more(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passkeys, "MAX_PASSKEYS", 1)
    await enrolled(browser)
    assert (await add(browser, Authenticator())).status_code == 400


async def test_a_passkey_belongs_to_one_person(world: World, browser: Browser) -> None:
    device = await enrolled(browser)
    other = Browser(world)
    await other.enter(ANN)
    assert (await add(other, device)).status_code == 400


async def test_passkeys_are_named_listed_and_removed(world: World, browser: Browser) -> None:
    await browser.enter(BOB)
    device = Authenticator()
    assert (await add(browser, device, name="<b>My phone</b>")).status_code == 303
    page = await browser.get("/account/security")
    assert "&lt;b&gt;My phone&lt;/b&gt;" in page.text
    _, options = asked_of(page, "/account/security/passkeys")
    assert len(options["excludeCredentials"]) == 1
    assert (await add(browser, Authenticator(), name="a\u202eb")).status_code == 400
    link = re.search(r'href="(/account/security/passkeys/remove[^"]*)"', page.text)
    assert link
    other = Browser(world)
    await other.enter(ANN)
    assert (await other.get(link[1])).headers["location"] == "/account/security", "it is not hers"
    await browser.press(link[1], "/account/security/passkeys/remove")
    assert (await use(Browser(world), device)).status_code == 400


async def test_a_browser_left_open_is_not_enough_for_a_passkey(world: World, browser: Browser) -> None:
    await browser.enter(BOB)
    world.clock.forward(901)
    assert (await add(browser, Authenticator())).status_code == 400
    assert (await add(browser, Authenticator(), password="a wrong password")).status_code == 400
    assert (await add(browser, Authenticator(), password=PASSWORD)).status_code == 303


async def test_somebody_disabled_does_not_sign_in(world: World, browser: Browser) -> None:
    device = await enrolled(browser)
    await set_disabled(world.instance, await get_user(world.instance, BOB), True, world.operator)
    assert (await use(Browser(world), device)).status_code == 400


async def test_a_server_without_a_name_offers_none(open_world: OpenWorld) -> None:
    world = await open_world(issuer="https://192.0.2.7")
    await give_password(world, world.acme.bob)
    browser = Browser(world, origin="https://192.0.2.7")
    assert "data-passkey" not in (await browser.get("/login")).text
    await browser.enter(BOB)
    assert "data-passkey" not in (await browser.get("/account/security")).text


async def test_without_a_script_there_is_no_button(world: World, browser: Browser) -> None:
    page = await browser.get("/login")
    assert re.search(r'<form [^>]*data-passkey="get"[^>]* hidden>', page.text)
    script = await browser.get("/assets/passkey.js")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"


async def test_nothing_that_is_sent_breaks_it(world: World, browser: Browser) -> None:
    device = await enrolled(browser)
    await use(Browser(world), device)
    other = Browser(world)
    form, options = asked_of(await other.get("/login"), "/login/passkey")
    good = orjson.loads(device.get(options))

    spoiled = [b"", b"null", b"[]", b"{}", b"{", b'{"id":1}', b'{"response":{}}', b"1" * 5000]
    values: tuple[object, ...] = (None, "", "!", "AAAA", "A" * 5000, 5, [1], {}, True)
    responses = [good["response"] | {part: value} for part in good["response"] for value in values]
    spoiled += [orjson.dumps(good | {"response": response}) for response in responses]
    for answer in spoiled:
        form, _ = asked_of(await other.get("/login"), "/login/passkey")
        assert (await other.post(form.action, form.fields | {"answer": answer.decode()})).status_code == 400
    await browser.get("/account/security")
    for answer in spoiled[:8]:
        form, _ = asked_of(await browser.get("/account/security"), "/account/security/passkeys")
        refused = await browser.post(form.action, form.fields | {"answer": answer.decode()})
        assert refused.status_code == 400


async def test_a_silent_request_needs_what_it_asks(world: World, browser: Browser) -> None:
    device = await enrolled(browser)
    await use(browser, device, (await browser.authorize(world.acme.web, acr_values="2")).headers["location"])
    answer = answer_of((await browser.authorize(world.acme.web, acr_values="2", prompt="none")).headers["location"])
    assert answer["error"] == "consent_required"
