"""The authorization endpoint and its pages: nothing redirects before the app is known good. AZ-*, AP-*, UI-* of the cases."""

import html

import httpx
import pytest

from gatepost.store.apps import set_app_disabled

from .browser import CHALLENGE, PASSWORD, Browser, answer_of, form_of, redeem, request_of
from .world import ISSUER, RESOURCE, Client, World

ANN = "ann@example.test"
BOB = "bob@acme.test"


def is_page(response: httpx.Response) -> bool:
    """A page of ours: it leads nowhere, carries no code and repeats nothing of what was sent."""
    assert response.status_code in (400, 401)
    assert "location" not in response.headers
    assert "evil.test" not in response.text
    assert "gp_code_" not in response.text
    return response.headers["content-type"].startswith("text/html")


async def test_a_person_signs_in_allows_and_the_app_gets_a_code(world: World, browser: Browser) -> None:
    answer = await browser.allow(world.acme.web, BOB)
    assert answer.keys() == {"code", "state", "iss"}
    assert (answer["state"], answer["iss"]) == ("a state", ISSUER)
    assert answer["code"].startswith("gp_code_")


async def test_no_means_access_denied(world: World, browser: Browser) -> None:
    asked = await browser.sign_in(await browser.authorize(world.acme.web), BOB)
    answer = await browser.leave(await browser.consent(asked, "deny"))
    assert answer.keys() == {"error", "error_description", "state", "iss"}
    assert answer["error"] == "access_denied"


@pytest.mark.parametrize(
    "redirect",
    [
        "https://evil.test/cb",
        "https://app.test.evil.test/cb",
        "https://app.testevil/cb",
        "https://appXtest/cb",
        "https://app.test/cb/../evil",
        "https://app.test/cb/%2e%2e/evil",
        "https://app.test//cb",
        "https://app.test/cb#",
        "https://app.test/cb#x",
        "https://app.test/CB",
        "HTTPS://APP.TEST/cb",
        "https://app.test:443/cb",
        "https://app.test/cb/",
        "https://app.test/cb ",
        "https://app.test./cb",
        "https://app.test/cb?foo=bar",
        "javascript:alert(1)",
        "http://app.test/cb",
        "//evil.test/cb",
        "https://evil.test\\@app.test/cb",
        "https://app.test/cb\r\nSet-Cookie:x=1",
        "https://app.test/cb\u2028",
        "http://[" + ":" * 2000,
        "",
    ],
    ids=range(24),
)
async def test_nothing_goes_to_an_address_that_is_not_registered(world: World, browser: Browser, redirect: str) -> None:
    for changes in ({}, {"scope": "no such"}, {"response_type": "token"}, {"prompt": "none"}, {"code_challenge": "x"}):
        assert is_page(await browser.authorize(world.acme.web, **changes, redirect_uri=redirect or None))


async def test_an_unknown_app_is_a_page_like_any_other_unknown_one(world: World, browser: Browser) -> None:
    unknown = Client("no-such-app", "", world.acme.web.redirect)
    assert is_page(await browser.authorize(unknown))
    assert is_page(await browser.get("/authorize"))
    assert is_page(await browser.get("/authorize", params={**request_of(world.acme.web), "client_id": ""}))


@pytest.mark.parametrize("name", ["redirect_uri", "client_id"])
async def test_who_is_named_twice_is_nobody(world: World, browser: Browser, name: str) -> None:
    twice = [*request_of(world.acme.web).items(), (name, "https://evil.test/")]
    assert is_page(await browser.get("/authorize", params=twice))


@pytest.mark.parametrize(
    ("redirect", "is_good"),
    [
        ("http://127.0.0.1:51004/cb", True),
        ("http://127.0.0.1/cb", True),
        ("http://127.0.0.1:51004/cb?x=1", False),
        ("http://127.0.0.1:51004/other", False),
        ("http://localhost:51004/cb", False),
        ("http://[::1]:51004/cb", False),
        ("http://127.1/cb", False),
        ("http://2130706433/cb", False),
        ("http://127.0.0.1.evil.test/cb", False),
        ("https://127.0.0.1/cb", False),
        ("http://127.0.0.1:0/cb", False),
        ("http://127.0.0.1:65536/cb", False),
    ],
)
async def test_only_the_port_of_a_native_apps_loopback_may_differ(
    world: World, browser: Browser, redirect: str, is_good: bool
) -> None:
    native = await world.make_app(world.acme.org, kind="native", redirect="http://127.0.0.1/cb")
    response = await browser.authorize(native, redirect_uri=redirect)
    assert response.status_code == 303 if is_good else is_page(response)
    web = await world.make_app(world.acme.org, redirect="http://127.0.0.1/cb")
    assert (await browser.authorize(web, redirect_uri=redirect)).status_code == (
        303 if redirect == web.redirect else 400
    )


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"response_mode": "form_post.jwt"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": CHALLENGE[:-1]}, "invalid_request"),
        ({"code_challenge": CHALLENGE + "=="}, "invalid_request"),
        ({"scope": "admin"}, "invalid_scope"),
        ({"scope": 'read "write'}, "invalid_scope"),
        ({"scope": "read  write"}, "invalid_scope"),
        ({"scope": "a " * 5000}, "invalid_scope"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "maybe"}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "1e9"}, "invalid_request"),
        ({"max_age": "9" * 40}, "invalid_request"),
        ({"max_age": "١٠"}, "invalid_request"),
        ({"resource": "relative"}, "invalid_target"),
        ({"resource": "https://evil.example/"}, "invalid_target"),
        ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
        ({"request_uri": "https://app.test/request"}, "request_uri_not_supported"),
        ({"authorization_details": "[]"}, "invalid_authorization_details"),
        ({"claims": "[1]"}, "invalid_request"),
        *(
            ({"claims": f'{{"id_token":{{"{name}":{unreadable}}}}}'}, "invalid_request")
            for name in ("acr", "sub")
            for unreadable in ('"2"', '{"value":2}', '{"values":"2"}', '{"values":["2",2]}', '{"value":null}', "[]")
        ),
        ({"login_hint": "x" * 2049}, "invalid_request"),
        ({"dpop_jkt": "short"}, "invalid_request"),
        ({"id_token_hint": "eyJhbGciOiJub25lIn0.e30."}, "invalid_request"),
    ],
)
async def test_every_other_fault_goes_back_to_the_app(
    world: World, browser: Browser, changes: dict[str, str | None], error: str
) -> None:
    response = await browser.authorize(world.acme.web, **changes)
    assert response.status_code == 303
    assert response.headers["location"].startswith(world.acme.web.redirect + "?")
    answer = answer_of(response.headers["location"])
    assert (answer["error"], answer["state"], answer["iss"]) == (error, "a state", ISSUER)
    assert "code" not in answer


async def test_an_app_without_the_grant_is_sent_back(world: World, browser: Browser) -> None:
    job = await world.make_app(world.acme.org, grant_types="client_credentials")
    answer = answer_of((await browser.authorize(job)).headers["location"])
    assert answer["error"] == "unauthorized_client"


async def test_a_method_without_a_challenge_is_refused_where_none_is_needed_too(world: World, browser: Browser) -> None:
    old = await world.make_app(world.acme.org, profile="oidc")
    answer = answer_of((await browser.authorize(old, code_challenge=None)).headers["location"])
    assert answer["error"] == "invalid_request"


@pytest.mark.parametrize("name", ["state", "scope", "nonce", "code_challenge", "response_type", "prompt", "max_age"])
async def test_what_is_sent_twice_is_refused(world: World, browser: Browser, name: str) -> None:
    twice = [*request_of(world.acme.web, **{name: "x"}).items(), (name, "y")]
    answer = answer_of((await browser.get("/authorize", params=twice)).headers["location"])
    assert answer["error"] == "invalid_request"
    assert ("state" in answer) == (name != "state")


async def test_what_nobody_knows_is_ignored(world: World, browser: Browser) -> None:
    assert "/login" in (await browser.authorize(world.acme.web, extra="foobar")).headers["location"]


async def test_a_form_of_an_app_goes_on_like_a_link(world: World, browser: Browser) -> None:
    begun = await browser.post("/authorize", request_of(world.acme.web))
    asked = await browser.get(begun.headers["location"])
    assert "/login" in asked.headers["location"]
    mixed = await browser.post("/authorize?client_id=other", request_of(world.acme.web))
    assert is_page(mixed)


@pytest.mark.parametrize("path", ["/authorize", "/logout"])
async def test_a_form_of_another_site_takes_nothing_from_the_pages_that_are_open(
    world: World, browser: Browser, path: str
) -> None:
    """It comes without cookies: if it brought new ones, every form of ours that is open would be another browser's."""
    begun = await Browser(world).post(path, request_of(world.acme.web), headers={"sec-fetch-site": "cross-site"})
    assert "set-cookie" not in begun.headers
    form = form_of(await browser.get("/login"))
    assert (await browser.get(begun.headers["location"])).status_code in (200, 303)
    assert (await browser.post(form.action, form.fields | {"email": BOB, "password": PASSWORD})).status_code == 303


async def test_a_resource_may_be_asked_for_more_than_once(world: World, browser: Browser) -> None:
    twice = [*request_of(world.acme.web).items(), ("resource", RESOURCE), ("resource", RESOURCE)]
    assert "/login" in (await browser.get("/authorize", params=twice)).headers["location"]


# What a person let an app do.


async def test_nobody_is_asked_twice_for_the_same(world: World, browser: Browser) -> None:
    await browser.allow(world.acme.web, BOB)
    silent = await browser.authorize(world.acme.web)
    assert "code" in answer_of(silent.headers["location"])
    assert "code" in answer_of((await browser.authorize(world.acme.web, prompt="none")).headers["location"])
    assert "/consent/" in (await browser.authorize(world.acme.web, prompt="consent")).headers["location"]
    assert "/login" in (await browser.authorize(world.acme.web, prompt="login")).headers["location"]
    assert "/login" in (await browser.authorize(world.acme.web, max_age="0")).headers["location"]
    world.clock.forward(100)
    assert "/login" in (await browser.authorize(world.acme.web, max_age="99")).headers["location"]


async def test_signing_in_again_is_enough_for_who_asks_for_it(world: World, browser: Browser) -> None:
    await browser.allow(world.acme.web, BOB)
    again = await browser.sign_in(await browser.authorize(world.acme.web, prompt="login"), BOB)
    left = await browser.get(again.headers["location"])
    assert left.status_code == 200
    assert "gp_code_" in left.text


async def test_going_back_and_signing_in_again_ends_nothing(world: World, browser: Browser) -> None:
    await browser.allow(world.acme.web, BOB)
    begun = await browser.authorize(world.acme.web, prompt="login")
    codes = []
    for _ in range(2):
        left = await browser.get((await browser.sign_in(begun, BOB)).headers["location"])
        codes.append(answer_of(html.unescape(left.text.partition('id="continue" href="')[2].partition('"')[0]))["code"])
    pairs = [(await redeem(world, world.acme.web, code)).json() for code in codes]
    assert [await world.is_active(pair["access_token"]) for pair in pairs] == [True, True]


async def test_a_public_app_on_this_computer_asks_every_time(world: World, browser: Browser) -> None:
    native = await world.make_app(world.acme.org, kind="native", redirect="http://127.0.0.1/cb")
    await browser.allow(native, BOB)
    assert "/consent/" in (await browser.authorize(native)).headers["location"]
    answer = answer_of((await browser.authorize(native, prompt="none")).headers["location"])
    assert answer["error"] == "consent_required"


async def test_a_wider_ask_asks_again(world: World, browser: Browser) -> None:
    await browser.allow(world.acme.web, BOB, scope="read")
    assert "code" in answer_of((await browser.authorize(world.acme.web, scope="read")).headers["location"])
    assert "/consent/" in (await browser.authorize(world.acme.web, scope="read write")).headers["location"]


async def test_a_consent_page_is_answered_once(world: World, browser: Browser) -> None:
    asked = await browser.sign_in(await browser.authorize(world.acme.web), BOB)
    form = form_of(await browser.get(asked.headers["location"]))
    first = await browser.post(form.action, form.fields | {"decision": "allow"})
    assert first.status_code == 303
    assert is_page(await browser.post(form.action, form.fields | {"decision": "allow"}))


async def test_another_browser_cannot_go_on_with_a_flow(world: World, browser: Browser) -> None:
    asked = await browser.sign_in(await browser.authorize(world.acme.web), BOB)
    other = Browser(world)
    await other.get("/login")
    assert is_page(await other.get(asked.headers["location"]))
    page = form_of(await browser.get(asked.headers["location"]))
    handed = await browser.post(page.action, page.fields | {"decision": "allow"})
    assert is_page(await other.get(handed.headers["location"]))


async def test_a_form_without_our_token_or_from_another_site_is_refused(world: World, browser: Browser) -> None:
    asked = await browser.sign_in(await browser.authorize(world.acme.web), BOB)
    form = form_of(await browser.get(asked.headers["location"]))
    for changes, headers in (({"csrf": ""}, {}), ({"csrf": "x" * 43}, {}), ({}, {"sec-fetch-site": "cross-site"})):
        refused = await browser.post(form.action, form.fields | {"decision": "allow"} | changes, headers=headers)
        assert refused.status_code == 403
    sign_in = form_of(await Browser(world).get("/login"))
    forged = await browser.post("/login", sign_in.fields | {"email": BOB, "password": PASSWORD})
    assert forged.status_code == 403, "a form of one browser is no form of another"


async def test_tabs_do_not_take_forms_from_each_other(world: World, browser: Browser) -> None:
    begun = [await browser.authorize(world.acme.web, state=f"state {tab}", prompt="login consent") for tab in range(3)]
    forms = [form_of(await browser.get(each.headers["location"])) for each in begun]
    asked = [await browser.post(form.action, form.fields | {"email": BOB, "password": PASSWORD}) for form in forms]
    assert all("/consent/" in each.headers["location"] for each in asked)
    forms = [form_of(await browser.get(each.headers["location"])) for each in asked[:1]]
    again = await browser.sign_in(await browser.authorize(world.acme.web, prompt="login"), BOB)
    left = await browser.post(forms[0].action, forms[0].fields | {"decision": "allow"})
    assert (await browser.leave(left))["state"] == "state 0"
    assert "/consent/" in again.headers["location"]


async def test_who_signs_in_as_somebody_else_is_asked_as_that_one(world: World, browser: Browser) -> None:
    asked = await browser.sign_in(await browser.authorize(world.acme.web), BOB)
    form = form_of(await browser.get(asked.headers["location"]))
    await browser.sign_in(await browser.authorize(world.acme.web, prompt="login"), ANN)
    assert (await browser.post(form.action, form.fields | {"decision": "allow"})).status_code == 403


async def test_members_alone_may_connect_an_app(world: World, browser: Browser) -> None:
    stranger = await browser.sign_in(await browser.authorize(world.beta.web), BOB)
    page = await browser.get(stranger.headers["location"])
    assert page.status_code == 403
    assert "gp_code_" not in page.text
    answer = answer_of((await browser.authorize(world.beta.web, prompt="none")).headers["location"])
    assert answer["error"] == "access_denied"


async def test_an_app_that_was_disabled_meanwhile_gets_nothing(world: World, browser: Browser) -> None:
    asked = await browser.sign_in(await browser.authorize(world.acme.web), BOB)
    form = form_of(await browser.get(asked.headers["location"]))
    await world.instance.store.ask(set_app_disabled(world.acme.org, world.acme.web.client_id, True, world.act))
    answer = await browser.leave(await browser.post(form.action, form.fields | {"decision": "allow"}))
    assert answer["error"] == "unauthorized_client"
    assert is_page(await browser.authorize(world.acme.web))


async def test_the_answer_may_come_as_a_form(world: World, browser: Browser) -> None:
    asked = await browser.sign_in(await browser.authorize(world.acme.web, response_mode="form_post"), BOB)
    left = await browser.get((await browser.consent(asked)).headers["location"])
    form = form_of(left)
    assert form.action == world.acme.web.redirect
    assert form.fields.keys() >= {"code", "state", "iss"}
    assert "form-action https://app.test;" in left.headers["content-security-policy"]


# Signing in.


@pytest.mark.parametrize("email", [BOB, "nobody@acme.test", "", "x" * 300, "bob@acme.test\u202e"])
async def test_a_wrong_sign_in_says_one_thing(world: World, browser: Browser, email: str) -> None:
    refused = await browser.sign_in(await browser.authorize(world.acme.web), email, "a wrong password")
    assert refused.status_code == 400
    assert "The e-mail or the password is wrong." in refused.text
    assert "a wrong password" not in refused.text
    assert "__Host-gatepost_session" not in browser.cookies


async def test_a_sign_in_makes_a_new_session(world: World, browser: Browser) -> None:
    await browser.sign_in(await browser.authorize(world.acme.web), BOB)
    first = browser.cookies["__Host-gatepost_session"]
    response = await browser.sign_in(await browser.authorize(world.acme.web, prompt="login"), BOB)
    assert browser.cookies["__Host-gatepost_session"] != first
    (cookie,) = [each for each in response.headers.get_list("set-cookie") if "session" in each]
    assert {"Path=/", "HttpOnly", "SameSite=Lax", "Secure"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


@pytest.mark.parametrize("value", ["x", "gp_ses_", "x" * 8000, '"', "gp_ses_AAAA" + "A" * 60])
async def test_an_odd_session_cookie_is_none(world: World, browser: Browser, value: str) -> None:
    page = await browser.get("/login", headers={"cookie": f"__Host-gatepost_session={value}"})
    assert page.status_code == 200


async def test_a_session_ends_when_nobody_uses_it(world: World, browser: Browser) -> None:
    await browser.allow(world.acme.web, BOB)
    world.clock.forward(12 * 3600)
    assert "/login" in (await browser.authorize(world.acme.web)).headers["location"]


async def test_a_session_in_use_gets_new_cookies_and_ends_at_last(world: World, browser: Browser) -> None:
    await browser.allow(world.acme.web, BOB)
    seen = set()
    for _ in range(50):
        world.clock.forward(8 * 3600)
        seen.add(browser.cookies["__Host-gatepost_session"])
        response = await browser.authorize(world.acme.web)
        if "/login" in response.headers["location"]:
            break
    else:
        raise AssertionError("it never ended")
    assert len(seen) > 40


async def test_an_old_cookie_ends_the_session(world: World, browser: Browser) -> None:
    await browser.allow(world.acme.web, BOB)
    stolen = browser.cookies["__Host-gatepost_session"]
    for _ in range(2):
        world.clock.forward(1000)
        await browser.authorize(world.acme.web)
    thief = Browser(world)
    await thief.get("/login")
    thief.cookies.set("__Host-gatepost_session", stolen, domain="gate.test")
    assert "/login" in (await thief.authorize(world.acme.web)).headers["location"]
    assert "/login" in (await browser.authorize(world.acme.web)).headers["location"], "both are out"
