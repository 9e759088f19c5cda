"""Signing out, by the person or because an app asks for it. OpenID Connect RP-Initiated Logout 1.0; LO-*, RT-12, UI-27."""

import base64
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import orjson
import pytest

from gatepost.flows.known_apps import find_known_app
from gatepost.jose import ID_TOKEN_TYPE, SigningKey
from gatepost.light import replace
from gatepost.oauth.client_metadata import render_metadata
from gatepost.store.apps import replace_app
from gatepost.store.question import INSTANCE, SQL, Steps, question

from .browser import Browser, connected, form_of, redeem, token
from .world import ISSUER, Client, World, claims_of

ANN = "ann@example.test"
BOB = "bob@acme.test"
BACK = "https://app.test/bye"


@pytest.fixture
async def app(world: World) -> Client:
    """An app that people may be sent back to."""
    return await an_app(world)


async def an_app(world: World, **metadata: Any) -> Client:
    client = await world.make_app(world.acme.org, scope="openid read")
    known = await find_known_app(world.instance, client.client_id)
    assert known is not None
    metadata = {"post_logout_redirect_uris": (BACK, "com.acme.app:/bye"), **metadata}
    kept = render_metadata(known.metadata._replace(**metadata))
    await world.instance.store.ask(replace_app(replace(known.app, metadata=kept), world.act))
    return client


async def signed_in(world: World, browser: Browser, app: Client, email: str = BOB) -> dict[str, Any]:
    return await connected(world, browser, app, email, scope="openid read", prompt="login consent")


async def log_out(browser: Browser, **fields: str | None) -> httpx.Response:
    return await browser.get("/logout", params={name: value for name, value in fields.items() if value is not None})


async def is_signed_in(browser: Browser) -> bool:
    return (await browser.get("/account")).status_code == 200


def asks(page: httpx.Response) -> bool:
    """A question to the person, which leads nowhere by itself."""
    assert page.status_code == 200
    assert "location" not in page.headers
    assert 'http-equiv="refresh"' not in page.text
    return "Sign out?" in page.text


@question
def revoked_in(org: bytes) -> Steps[list[Any]]:
    """What verifiers are told of an organization."""
    return (yield SQL("select kind, target from revocations where org = ?", (org,)))


async def test_an_app_signs_its_own_person_out(world: World, browser: Browser, app: Client) -> None:
    tokens = await signed_in(world, browser, app)
    left = await log_out(
        browser, id_token_hint=tokens["id_token"], post_logout_redirect_uri=BACK, state="a state & more"
    )
    assert left.status_code == 303
    assert left.headers["location"] == BACK + "?state=a%20state%20%26%20more"
    assert not await is_signed_in(browser)
    (event,) = await world.events(INSTANCE, "request.signed_out")
    assert (event.client_id, event.actor) == (app.client_id, world.acme.bob)


async def test_the_hint_may_have_expired_long_ago(world: World, browser: Browser, app: Client) -> None:
    tokens = await signed_in(world, browser, app)
    world.clock.forward(8 * 3600)
    left = await log_out(browser, id_token_hint=tokens["id_token"], post_logout_redirect_uri=BACK)
    assert (left.status_code, left.headers["location"]) == (303, BACK)


async def test_without_a_place_to_go_back_to_a_page_says_it(world: World, browser: Browser, app: Client) -> None:
    tokens = await signed_in(world, browser, app)
    left = await log_out(browser, id_token_hint=tokens["id_token"], state="x")
    assert "You are signed out" in left.text
    assert "location" not in left.headers
    assert not await is_signed_in(browser)


@pytest.mark.parametrize(
    "uri",
    [
        BACK + "?foo=bar",
        BACK + "/",
        "https://app.test/cb",
        "https://evil.test/",
        "//evil.test",
        "/console",
        "javascript:alert(1)",
        "HTTPS://app.test/bye",
        BACK + "#x",
    ],
)
async def test_nobody_is_led_where_the_app_did_not_register(
    world: World, browser: Browser, app: Client, uri: str
) -> None:
    tokens = await signed_in(world, browser, app)
    for hint in (None, tokens["id_token"]):
        page = await log_out(
            browser, id_token_hint=hint, client_id=app.client_id, post_logout_redirect_uri=uri, state="reflected"
        )
        assert page.status_code == 200
        assert "location" not in page.headers
        assert uri not in page.text
        assert "reflected" not in page.text
        assert await is_signed_in(browser), "a wish that leads astray is one that nobody vouches for"


async def test_nobody_is_led_where_another_app_registered(world: World, browser: Browser, app: Client) -> None:
    other = await an_app(world, post_logout_redirect_uris=("https://other.test/bye",))
    tokens = await signed_in(world, browser, other)
    page = await log_out(browser, id_token_hint=tokens["id_token"], post_logout_redirect_uri=BACK)
    assert "location" not in page.headers
    assert BACK not in page.text


# Whom nobody vouches for is asked.


@pytest.mark.parametrize(
    "fields",
    [{}, {"state": "x"}, {"client_id": "app-0"}, {"post_logout_redirect_uri": BACK}, {"client_id": "nobody"}],
    ids=str,
)
async def test_without_a_hint_the_person_is_asked(
    world: World, browser: Browser, app: Client, fields: dict[str, str]
) -> None:
    await signed_in(world, browser, app)
    page = await log_out(browser, **fields)
    assert asks(page)
    assert BOB in page.text
    assert await is_signed_in(browser), "looking ends nothing"
    form = form_of(page)
    left = await browser.post(form.action, form.fields)
    assert (left.status_code, left.headers["location"]) == (303, "/signed-out")
    assert not await is_signed_in(browser)


async def test_who_says_yes_goes_back_to_the_app(world: World, browser: Browser, app: Client) -> None:
    for uri in (BACK, "com.acme.app:/bye"):
        await signed_in(world, browser, app)
        page = await log_out(browser, client_id=app.client_id, post_logout_redirect_uri=uri, state='"<b>')
        assert asks(page)
        assert "<b>" not in page.text
        form = form_of(page)
        left = await browser.get((await browser.post(form.action, form.fields)).headers["location"])
        assert f'content="0; url={uri}?state=%22%3Cb%3E"' in left.text
        assert not await is_signed_in(browser)


async def test_what_the_form_carries_is_judged_again(world: World, browser: Browser, app: Client) -> None:
    await signed_in(world, browser, app)
    form = form_of(await log_out(browser, client_id=app.client_id, post_logout_redirect_uri=BACK))
    changed = form.fields | {"post_logout_redirect_uri": "https://evil.test/"}
    assert (await browser.post(form.action, changed)).headers["location"] == "/signed-out"


async def test_who_is_signed_out_already_may_follow_a_link(world: World, browser: Browser, app: Client) -> None:
    page = await log_out(browser, client_id=app.client_id, post_logout_redirect_uri=BACK, state="s")
    assert "You are signed out" in page.text
    assert f'href="{BACK}?state=s"' in page.text
    assert "location" not in page.headers


# Hints that are no good.


async def forged(world: World, tokens: dict[str, Any], how: str) -> str:
    head, payload, signature = tokens["id_token"].split(".")
    claims = claims_of(tokens["id_token"])
    active = await world.instance.signing.active("RS256")
    match how:
        case "unsigned":
            return base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode() + f".{payload}."
        case "another key":
            return SigningKey.generate("RS256").mint(claims, ID_TOKEN_TYPE)
        case "changed":
            changed = base64.urlsafe_b64encode(orjson.dumps(claims | {"aud": "app-9"})).rstrip(b"=").decode()
            return f"{head}.{changed}.{signature}"
        case "another issuer":
            return active.mint(claims | {"iss": "https://other.test"}, ID_TOKEN_TYPE)
        case "access token":
            return str(tokens["access_token"])
        case "logout token":
            return active.mint(claims, "logout+jwt")
    return how


@pytest.mark.parametrize(
    "how",
    ["unsigned", "another key", "changed", "another issuer", "access token", "logout token", "x", ".." * 1000, "a.b.c"],
)
async def test_a_hint_that_is_not_ours_is_worth_less_than_none(
    world: World, browser: Browser, app: Client, how: str
) -> None:
    tokens = await signed_in(world, browser, app)
    hint = await forged(world, tokens, how)
    page = await log_out(
        browser, id_token_hint=hint, client_id=app.client_id, post_logout_redirect_uri=BACK, state="reflected"
    )
    assert asks(page)
    assert "reflected" not in page.text
    assert await is_signed_in(browser)
    left = await log_out(Browser(world), id_token_hint=hint, client_id=app.client_id, post_logout_redirect_uri=BACK)
    assert BACK not in left.text


async def test_the_hint_of_another_person_asks(world: World, browser: Browser, app: Client) -> None:
    anns = await signed_in(world, Browser(world), app, ANN)
    await signed_in(world, browser, app)
    assert asks(await log_out(browser, id_token_hint=anns["id_token"], post_logout_redirect_uri=BACK))
    assert await is_signed_in(browser)
    assert await world.is_active(anns["access_token"])


async def test_the_hint_and_the_app_must_agree(world: World, browser: Browser, app: Client) -> None:
    tokens = await signed_in(world, browser, app)
    other = await an_app(world)
    page = await log_out(
        browser, id_token_hint=tokens["id_token"], client_id=other.client_id, post_logout_redirect_uri=BACK
    )
    assert asks(page)
    assert BACK not in page.text


async def test_a_hint_alone_ends_nothing_from_another_browser(world: World, browser: Browser, app: Client) -> None:
    tokens = await signed_in(world, browser, app)
    thief = Browser(world)
    left = await log_out(thief, id_token_hint=tokens["id_token"], post_logout_redirect_uri=BACK)
    assert left.headers["location"] == BACK
    assert await is_signed_in(browser)
    assert await world.is_active(tokens["access_token"])


async def test_a_person_has_another_name_for_each_pairwise_app(world: World, browser: Browser) -> None:
    app = await an_app(world, subject_type="pairwise")
    tokens = await signed_in(world, browser, app)
    left = await log_out(browser, id_token_hint=tokens["id_token"], post_logout_redirect_uri=BACK)
    assert left.headers["location"] == BACK


# Forms.


async def test_the_form_of_an_app_goes_on_like_a_link(world: World, browser: Browser, app: Client) -> None:
    tokens = await signed_in(world, browser, app)
    fields = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": BACK, "state": "s\r\nx: y"}
    sent = await browser.post("/logout", fields)
    assert sent.status_code == 303
    assert await is_signed_in(browser), "a foreign form brings no cookies, so it can end nothing"
    left = await browser.get(sent.headers["location"])
    assert parse_qs(urlsplit(left.headers["location"]).query) == {"state": ["s\r\nx: y"]}
    assert not await is_signed_in(browser)


async def test_a_yes_from_elsewhere_is_refused(world: World, browser: Browser, app: Client) -> None:
    await signed_in(world, browser, app)
    form = form_of(await log_out(browser))
    for changes, headers in (({"csrf": "x" * 43}, {}), ({}, {"sec-fetch-site": "cross-site"})):
        assert (await browser.post("/logout", form.fields | changes, headers=headers)).status_code == 403
    assert await is_signed_in(browser)


@pytest.mark.parametrize("query", ["state=a&state=b", "state=%zz", "state=" + "x" * 3000])
async def test_an_odd_wish_is_a_page(browser: Browser, query: str) -> None:
    page = await browser.get("/logout?" + query)
    assert page.status_code == 400
    assert "location" not in page.headers


async def test_the_account_page_signs_out_with_one_press(world: World, browser: Browser) -> None:
    await browser.enter(BOB)
    left = await browser.press("/account", "/logout")
    assert left.headers["location"] == "/signed-out"
    assert not await is_signed_in(browser)


# What ends with the session.


async def test_grants_end_with_the_session_unless_they_may_outlive_it(
    world: World, browser: Browser, app: Client
) -> None:
    online = await signed_in(world, browser, app)
    begun = await browser.authorize(app, scope="openid read offline_access", prompt="consent")
    code = (await browser.leave(await browser.consent(begun, **{"scope offline_access": "yes"})))["code"]
    offline = (await redeem(world, app, code)).json()
    elsewhere = await signed_in(world, Browser(world), app)
    assert claims_of(online["id_token"])["sid"] == claims_of(offline["id_token"])["sid"]
    await log_out(browser, id_token_hint=online["id_token"])
    for tokens, lives in ((online, False), (offline, True), (elsewhere, True)):
        assert await world.is_active(tokens["access_token"]) is lives
        refreshed = await token(world, app, grant_type="refresh_token", refresh_token=tokens["refresh_token"])
        assert refreshed.status_code == (200 if lives else 400)


async def test_verifiers_are_told_of_every_grant_that_ended(world: World, browser: Browser, app: Client) -> None:
    tokens = await signed_in(world, browser, app)
    await log_out(browser, id_token_hint=tokens["id_token"])
    lines = await world.instance.store.read(revoked_in(world.acme.org))
    assert ("grant", claims_of(tokens["access_token"])["gid"]) in lines


async def test_the_session_that_the_app_knows_ends_too(world: World, browser: Browser, app: Client) -> None:
    first = await signed_in(world, browser, app)
    await signed_in(world, browser, app)
    await log_out(browser, id_token_hint=first["id_token"])
    assert not await is_signed_in(browser)
    assert not await world.is_active(first["access_token"])


async def test_a_session_is_never_the_same_again(world: World, browser: Browser, app: Client) -> None:
    before = claims_of((await signed_in(world, browser, app))["id_token"])["sid"]
    cookie = browser.cookies["__Host-gatepost_session"]
    await browser.press("/logout", "/logout")
    assert claims_of((await signed_in(world, browser, app))["id_token"])["sid"] != before
    old = Browser(world)
    await old.get("/login")
    old.cookies.set("__Host-gatepost_session", cookie, domain="gate.test")
    assert not await is_signed_in(old)


async def test_the_metadata_leads_to_it(world: World) -> None:
    document = (await world.call("GET", "/.well-known/openid-configuration")).json()
    assert document["end_session_endpoint"] == f"{ISSUER}/logout"
