"""The second step: an authenticator app, recovery codes, and apps that insist. AP-24, UI-1, UI-19, UI-20, AC-17 of the cases."""

import re
from base64 import b32decode

import httpx
import pytest

from gatepost.flows.links import create_link
from gatepost.flows.people import get_user, set_disabled
from gatepost.store.question import INSTANCE
from gatepost.totp import find_step, render_code, render_uri

from .browser import PASSWORD, Browser, answer_of, form_of, give_password, redeem
from .conftest import OpenWorld
from .world import ISSUER, NOW, World, claims_of

BOB = "bob@acme.test"
SESSION = "__Host-gatepost_session"


class Phone:
    """An authenticator app with one key."""

    def __init__(self, world: World, key: bytes) -> None:
        self._world = world
        self._key = key

    def code(self, later: int = 0) -> str:
        return render_code(self._key, self._world.clock() // 30 + later)

    def next_code(self) -> str:
        """The code of a step that none was used of."""
        self._world.clock.forward(30)
        return self.code()


async def sign_in(browser: Browser, email: str = BOB) -> httpx.Response:
    return await browser.enter(email)


async def set_up(world: World, browser: Browser) -> tuple[Phone, list[str]]:
    """Turn the second step on for whoever is signed in; answers their phone and their recovery codes."""
    page = await browser.get("/account/security/totp")
    form = form_of(page)
    typed = re.search(r'id="key"[^>]*>([A-Z2-7 ]+)<', page.text)
    assert typed
    phone = Phone(world, b32decode(typed[1].replace(" ", "")))
    shown = await browser.post(form.action, form.fields | {"code": phone.next_code()})
    codes = re.findall(r"<li><code>([a-z2-7-]+)</code></li>", shown.text)
    assert len(set(codes)) == 10
    return phone, codes


async def enrolled(world: World, browser: Browser) -> tuple[Phone, list[str]]:
    await sign_in(browser)
    return await set_up(world, browser)


async def verify(browser: Browser, page: httpx.Response, code: str) -> httpx.Response:
    """Fill in the page of the second step that a redirect led to."""
    assert "/login/verify" in page.headers["location"]
    form = form_of(await browser.get(page.headers["location"]))
    return await browser.post(form.action, form.fields | {"code": code})


def test_codes_are_those_of_the_standard() -> None:
    key = b"12345678901234567890"
    at = {59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037"}
    assert {now: render_code(key, now // 30) for now in at} == at
    step = 1234567890 // 30
    steps = [find_step(key, "005924", now) for now in (step * 30 - 31, step * 30 - 30, step * 30 + 59, step * 30 + 60)]
    assert steps == [None, step, step, None]
    assert find_step(key, "٠٠٥٩٢٤", 1234567890) is None


def test_an_app_reads_the_key_from_the_code() -> None:
    uri = render_uri(b"12345678901234567890", "gate.test", "a&b@acme.test")
    assert uri == (
        "otpauth://totp/gate.test%3Aa%26b%40acme.test?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=gate.test"
    )


async def test_signing_in_takes_two_steps_once_it_is_on(world: World, browser: Browser) -> None:
    phone, _ = await enrolled(world, browser)
    assert "On:" in (await browser.get("/account/security")).text
    other = Browser(world)
    half = await sign_in(other)
    assert SESSION not in other.cookies
    done = await verify(other, half, phone.next_code())
    assert done.headers["location"] == "/account"
    assert SESSION in other.cookies


async def test_the_setup_shows_a_picture_and_the_key(world: World, browser: Browser) -> None:
    await sign_in(browser)
    page = await browser.get("/account/security/totp")
    assert 'src="data:image/svg+xml' in page.text
    again = await browser.get("/account/security/totp")
    assert form_of(page).fields["setup"] != form_of(again).fields["setup"], "a key is shown to one page"


async def test_nothing_is_on_before_a_code_proves_it(world: World, browser: Browser) -> None:
    await sign_in(browser)
    form = form_of(await browser.get("/account/security/totp"))
    for code in ("000000", "", "abcdef", "٠٠٠٠٠٠"):
        page = await browser.post(form.action, form.fields | {"code": code})
        assert page.status_code == 400
        assert form_of(_as_page(page)).fields["setup"]
    assert (await sign_in(Browser(world))).headers["location"] == "/account"


async def test_a_key_of_another_session_cannot_be_turned_on(world: World, browser: Browser) -> None:
    await sign_in(browser)
    mine = await browser.get("/account/security/totp")
    thief = Browser(world)
    await sign_in(thief, "ann@example.test")
    form = form_of(await thief.get("/account/security/totp"))
    phone = Phone(world, b32decode(re.findall(r'id="key"[^>]*>([A-Z2-7 ]+)<', mine.text)[0].replace(" ", "")))
    setup = form_of(mine).fields["setup"]
    refused = await thief.post(form.action, form.fields | {"setup": setup, "code": phone.code()})
    assert refused.status_code == 400
    world.clock.forward(1801)
    late = form_of(mine)
    assert (await browser.post(late.action, late.fields | {"code": phone.code()})).status_code == 400


@pytest.mark.parametrize("path", ["/account/security", "/authorize", "/account/security/totp", "/console"])
async def test_one_step_opens_nothing(world: World, browser: Browser, path: str) -> None:
    await enrolled(world, browser)
    other = Browser(world)
    await sign_in(other)
    if path == "/authorize":
        assert "/login?" in (await other.authorize(world.acme.web)).headers["location"]
        silent = await other.authorize(world.acme.web, prompt="none")
        assert answer_of(silent.headers["location"])["error"] == "login_required"
    else:
        assert (await other.get(path)).headers["location"] == "/login"


async def test_the_first_step_is_good_in_its_browser_for_a_while(world: World, browser: Browser) -> None:
    phone, _ = await enrolled(world, browser)
    one, two = Browser(world), Browser(world)
    half = (await sign_in(one)).headers["location"]
    await two.get("/login")
    assert (await two.get(half)).headers["location"].startswith("/login?")
    form = form_of(await one.get(half))
    world.clock.forward(601)
    late = await one.post(form.action, form.fields | {"code": phone.code()})
    assert late.headers["location"].startswith("/login?")
    assert SESSION not in one.cookies


@pytest.mark.parametrize("what", ["password", "disabled"])
async def test_the_first_step_dies_with_the_password_and_the_person(world: World, browser: Browser, what: str) -> None:
    phone, _ = await enrolled(world, browser)
    other = Browser(world)
    form = form_of(await other.get((await sign_in(other)).headers["location"]))
    if what == "password":
        await give_password(world, world.acme.bob, "another long password")
    else:
        await set_disabled(world.instance, await get_user(world.instance, BOB), True, world.operator)
    refused = await other.post(form.action, form.fields | {"code": phone.next_code()})
    assert refused.headers["location"].startswith("/login?")
    assert SESSION not in other.cookies


async def test_a_code_is_good_once_and_only_around_its_time(world: World, browser: Browser) -> None:
    phone, _ = await enrolled(world, browser)
    code = phone.next_code()
    for is_first in (True, False):
        other = Browser(world)
        await verify(other, await sign_in(other), code)
        assert (SESSION in other.cookies) is is_first
    world.clock.forward(300)
    for later, is_good in ((-2, False), (2, False), (-1, True), (1, True)):
        other = Browser(world)
        await verify(other, await sign_in(other), phone.code(later))
        assert (SESSION in other.cookies) is is_good


async def test_a_code_may_be_typed_as_people_type(world: World, browser: Browser) -> None:
    phone, codes = await enrolled(world, browser)
    code = phone.next_code()
    arabic = "".join(chr(0x0660 + int(digit)) for digit in phone.code(1))
    for typed in (f" {code[:3]} {code[3:]} ", arabic, codes[0].upper(), codes[1].replace("-", " ")):
        other = Browser(world)
        await verify(other, await sign_in(other), typed)
        assert SESSION in other.cookies


async def test_a_recovery_code_is_good_once(world: World, browser: Browser) -> None:
    _, codes = await enrolled(world, browser)
    for is_first in (True, False):
        other = Browser(world)
        await verify(other, await sign_in(other), codes[3])
        assert (SESSION in other.cookies) is is_first
    assert "9 recovery codes are left." in (await browser.get("/account/security")).text
    assert len(await world.events(INSTANCE, "user.recovery_code_used")) == 1


async def test_recovery_codes_are_of_one_person(world: World, browser: Browser) -> None:
    _, codes = await enrolled(world, browser)
    anns = Browser(world)
    await sign_in(anns, "ann@example.test")
    await set_up(world, anns)
    other = Browser(world)
    await verify(other, await sign_in(other, "ann@example.test"), codes[0])
    assert SESSION not in other.cookies


async def test_new_recovery_codes_take_the_place_of_the_old(world: World, browser: Browser) -> None:
    _, old = await enrolled(world, browser)
    form = form_of(await browser.get("/account/security/codes"))
    assert (await browser.post(form.action, form.fields | {"password": "wrong"})).status_code == 400
    shown = await browser.post(form.action, form.fields | {"password": PASSWORD})
    new = re.findall(r"<li><code>([a-z2-7-]+)</code></li>", shown.text)
    assert len(new) == 10
    for code, is_good in ((old[0], False), (new[0], True)):
        other = Browser(world)
        await verify(other, await sign_in(other), code)
        assert (SESSION in other.cookies) is is_good


async def test_turning_it_off_takes_the_password(world: World, browser: Browser) -> None:
    _, codes = await enrolled(world, browser)
    form = form_of(await browser.get("/account/security/totp/off"))
    for wrong in ({}, {"password": "a wrong password"}):
        assert (await browser.post(form.action, form.fields | wrong)).status_code == 400
    await browser.post(form.action, form.fields | {"password": PASSWORD})
    assert "Off." in (await browser.get("/account/security")).text
    assert (await sign_in(Browser(world))).headers["location"] == "/account"
    _, new = await set_up(world, browser)
    assert not set(codes) & set(new)


async def test_a_browser_left_open_is_not_enough_to_change_anything(world: World, browser: Browser) -> None:
    await sign_in(browser)
    world.clock.forward(901)
    page = await browser.get("/account/security/totp")
    form = form_of(page)
    assert 'name="password"' in page.text
    typed = re.findall(r'id="key"[^>]*>([A-Z2-7 ]+)<', page.text)[0]
    code = Phone(world, b32decode(typed.replace(" ", ""))).code()
    assert (await browser.post(form.action, form.fields | {"code": code})).status_code == 400
    page = await browser.post(form.action, form.fields | {"code": code, "password": PASSWORD})
    assert page.status_code == 200


async def test_who_signs_in_after_somebody_else_leaves_nothing_of_theirs_behind(world: World, browser: Browser) -> None:
    await sign_in(browser)
    before = browser.cookies[SESSION]
    flow = await browser.authorize(world.acme.web, prompt="login")
    await browser.sign_in(flow, "ann@example.test")
    thief = Browser(world)
    await thief.get("/login")
    thief.cookies.set(SESSION, before, domain="gate.test")
    assert (await thief.get("/account")).headers["location"].endswith("/login")


async def test_a_link_is_one_step_too(world: World, browser: Browser) -> None:
    phone, _ = await enrolled(world, browser)
    bob = await get_user(world.instance, BOB)
    link = create_link(world.instance, world.acme.org, bob.id).reveal()
    other = Browser(world)
    half = await other.press(link.removeprefix(ISSUER), "/login/link")
    assert SESSION not in other.cookies
    await verify(other, half, phone.next_code())
    assert SESSION in other.cookies


async def test_it_is_turned_on_once(world: World, browser: Browser) -> None:
    await sign_in(browser)
    form = form_of(await browser.get("/account/security/totp"))
    await set_up(world, browser)
    assert (await browser.get("/account/security/totp")).headers["location"] == "/account/security"
    assert (await browser.post(form.action, form.fields | {"code": "1"})).headers["location"] == "/account/security"


async def test_wrong_codes_are_bounded(open_world: OpenWorld) -> None:
    world = await open_world({"limits.enabled": "true"})
    await give_password(world, world.acme.bob)
    browser = Browser(world)
    phone, codes = await enrolled(world, browser)
    statuses = []
    for number in range(6):
        other = Browser(world, f"198.51.100.{number}")
        statuses.append((await verify(other, await sign_in(other), "000000")).status_code)
    assert statuses == [400, 400, 400, 400, 429, 429]
    other = Browser(world)
    for code in (phone.next_code(), codes[0]):
        refused = await verify(other, await sign_in(other), code)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) > 0


async def test_nobody_without_either_sees_the_page(world: World, browser: Browser) -> None:
    assert (await browser.get("/login/verify")).headers["location"].startswith("/login?")
    assert (await browser.get("/login/verify?half=gp_half_AAAA")).headers["location"].startswith("/login?")
    for path in ("/account/security", "/account/security/totp", "/account/security/codes"):
        assert (await browser.get(path)).headers["location"] == "/login"


# What an app may insist on.

ESSENTIAL = '{"id_token":{"acr":{"essential":true,"value":"2"}}}'


async def test_a_sign_in_with_two_steps_says_so(world: World, browser: Browser) -> None:
    app = await world.make_app(world.acme.org, scope="openid")
    phone, _ = await enrolled(world, browser)
    other = Browser(world)
    half = await other.sign_in(await other.authorize(app, scope="openid"), BOB)
    answer = await other.leave(await other.consent(await verify(other, half, phone.next_code())))
    claims = claims_of((await redeem(world, app, answer["code"])).json()["id_token"])
    assert (claims["acr"], claims["amr"]) == ("2", ["pwd", "otp", "mfa"])


@pytest.mark.parametrize("ask", [{"acr_values": "2"}, {"claims": ESSENTIAL}, {"acr_values": "x 2 y"}])
async def test_an_app_may_insist_on_the_second_step(world: World, browser: Browser, ask: dict[str, str]) -> None:
    phone, _ = await enrolled(world, browser)
    app = await world.make_app(world.acme.org, scope="openid")
    signed_in_at, before = world.clock(), browser.cookies[SESSION]
    silent = await browser.authorize(app, **ask, prompt="none")
    assert answer_of(silent.headers["location"])["error"] == "login_required"
    asked = await browser.authorize(app, scope="openid", **ask)
    wrong = await verify(browser, asked, "000000")
    assert wrong.status_code == 400
    stepped_up = await verify(browser, asked, phone.next_code())
    assert browser.cookies[SESSION] != before
    answer = await browser.leave(await browser.consent(stepped_up))
    claims = claims_of((await redeem(world, app, answer["code"])).json()["id_token"])
    assert (claims["acr"], claims["amr"]) == ("2", ["pwd", "otp", "mfa"])
    assert claims["auth_time"] < signed_in_at, "a code alone is no new sign-in"
    again = await browser.authorize(app, scope="openid", **ask)
    assert "code" in answer_of(again.headers["location"])
    thief = Browser(world)
    await thief.get("/login")
    thief.cookies.set(SESSION, before, domain="gate.test")
    assert (await thief.get("/account/security")).headers["location"] == "/login"
    assert (await browser.get("/account/security")).status_code == 200, "an old cookie opens nothing, and ends nothing"


@pytest.mark.parametrize(
    "ask",
    [{"acr_values": "1"}, {"acr_values": "2 1"}, {"acr_values": "other"}, {"claims": '{"id_token":{"acr":null}}'}],
)
async def test_one_step_is_enough_for_whom_it_is_enough(world: World, browser: Browser, ask: dict[str, str]) -> None:
    assert "code" in await browser.allow(world.acme.web, BOB, **ask)


async def test_who_has_no_second_step_is_told_where_to_get_one(world: World, browser: Browser) -> None:
    asked = await browser.sign_in(await browser.authorize(world.acme.web, acr_values="2"), BOB)
    to_verify = await browser.get(asked.headers["location"])
    page = await browser.get(to_verify.headers["location"])
    assert page.status_code == 403
    assert "/account/security" in page.text
    assert f'id="event">{page.headers["x-event-id"]}<' in page.text
    form = form_of(_as_page(page))
    refused = await browser.leave(await browser.post(form.action, form.fields))
    assert refused["error"] == "access_denied"


async def test_an_essential_acr_that_nobody_has_is_refused(world: World, browser: Browser) -> None:
    claims = '{"id_token":{"acr":{"essential":true,"values":["urn:gold"]}}}'
    await browser.allow(world.acme.web, BOB)
    answer = answer_of((await browser.authorize(world.acme.web, claims=claims)).headers["location"])
    assert answer["error"] == "unmet_authentication_requirements"


async def test_a_fresh_but_weaker_sign_in_is_not_enough(world: World, browser: Browser) -> None:
    phone, _ = await enrolled(world, browser)
    half = await browser.sign_in(await browser.authorize(world.acme.web, acr_values="2", prompt="login"), BOB)
    flow = half.headers["location"].rpartition("flow=")[2]
    assert "/login?" in (await browser.get(f"/consent/{flow}")).headers["location"], "one step is not yet a sign-in"
    answer = await browser.leave(await browser.consent(await verify(browser, half, phone.next_code())))
    assert "code" in answer


def _as_page(response: httpx.Response) -> httpx.Response:
    """The page of a refusal, to be read like any other."""
    response.status_code = 200
    return response


def test_the_clock_of_the_world_is_a_whole_step() -> None:
    assert NOW % 30 == 0
