"""The device grant: a device asks, a person answers elsewhere, the device polls. RFC 8628; DV-* of the cases."""

import asyncio
import re
from collections import Counter
from functools import partial
from typing import Any

import httpx
import pytest

from gatepost.flows.grants import end_grants
from gatepost.light import replace
from gatepost.oauth.client_metadata import DEVICE_CODE
from gatepost.oauth.device import ALPHABET, DeviceCode, dump_device_code
from gatepost.secrets import parse_id
from gatepost.store.apps import find_app, replace_app, set_app_disabled
from gatepost.store.limits import limit_org
from gatepost.store.orgs import set_org_disabled
from gatepost.store.people import set_user_disabled
from gatepost.store.sessions import end_session, list_sessions

from .browser import PASSWORD, Browser, form_of, give_password, token, userinfo
from .conftest import OpenWorld
from .world import ISSUER, NOW, RESOURCE, Client, World, claims_of

ANN, BOB = "ann@example.test", "bob@acme.test"


@pytest.fixture
async def device(world: World) -> Client:
    """A device's app, which has the scopes `openid read write`."""
    return await world.make_app(world.acme.org, kind="device", scope="openid read write")


@pytest.fixture
async def browser(world: World) -> Browser:
    return await signed_in(world, BOB)


async def signed_in(world: World, email: str) -> Browser:
    """A browser at which this person of Acme is signed in."""
    await give_password(world, world.acme.ann if email == ANN else world.acme.bob)
    browser = Browser(world)
    form = form_of(await browser.get("/login"))
    assert (await browser.post(form.action, form.fields | {"email": email, "password": PASSWORD})).status_code == 303
    return browser


async def ask(world: World, app: Client, **fields: str) -> httpx.Response:
    return await world.call("POST", "/device_authorization", app, form=fields)


async def started(world: World, app: Client, **fields: str) -> dict[str, Any]:
    response = await ask(world, app, **fields)
    assert response.status_code == 200, response.text
    content: dict[str, Any] = response.json()
    world.canary.watch(content["device_code"])
    return content


async def poll(world: World, app: Client | None, device_code: str) -> httpx.Response:
    return await token(world, app, grant_type=DEVICE_CODE, device_code=device_code)


async def error_of(world: World, app: Client, device_code: str) -> str:
    response = await poll(world, app, device_code)
    assert response.status_code == 400, response.text
    error: str = response.json()["error"]
    return error


async def answer(browser: Browser, user_code: str, decision: str = "connect", **changes: str) -> httpx.Response:
    """Type the code, read the page it leads to, and answer it."""
    form = form_of(await browser.get("/device"))
    typed = await browser.post(form.action, form.fields | {"user_code": user_code})
    assert typed.status_code == 303
    asked = form_of(await browser.get(typed.headers["location"]))
    return await browser.post(asked.action, asked.fields | {"decision": decision} | changes)


async def test_a_yes_from_before_all_grants_were_ended_connects_nothing(
    world: World, device: Client, browser: Browser
) -> None:
    early, late = await started(world, device), await started(world, device)
    await answer(browser, early["user_code"])
    await end_grants(world.instance, world.acme.org, device.client_id, None, world.operator)
    assert await error_of(world, device, early["device_code"]) == "invalid_grant"
    await answer(browser, late["user_code"])
    assert (await poll(world, device, late["device_code"])).status_code == 200


async def test_a_device_is_connected(world: World, device: Client, browser: Browser) -> None:
    begun = await started(world, device)
    assert await error_of(world, device, begun["device_code"]) == "authorization_pending"
    done = await answer(browser, begun["user_code"])
    assert "Your device is connected" in (await browser.get(done.headers["location"])).text
    response = await poll(world, device, begun["device_code"])
    assert response.status_code == 200
    content = response.json()
    claims = claims_of(content["access_token"])
    assert (claims["sub"], claims["client_id"], claims["org"]) == (world.acme.bob, device.client_id, world.acme.id)
    assert content["scope"] == "openid read write"
    assert claims_of(content["id_token"])["sub"] == world.acme.bob
    assert (await userinfo(world, content["access_token"])).json()["sub"] == world.acme.bob
    assert await world.is_active(content["access_token"])
    refreshed = await token(world, device, grant_type="refresh_token", refresh_token=content["refresh_token"])
    assert refreshed.status_code == 200


async def test_what_a_device_is_told(world: World, device: Client) -> None:
    begun = await started(world, device)
    assert begun.keys() == {
        *("device_code", "user_code", "verification_uri", "verification_uri_complete", "expires_in", "interval")
    }
    assert re.fullmatch(f"[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}", begun["user_code"])
    assert len(ALPHABET) ** 8 >= 2**34
    assert begun["verification_uri"] == f"{ISSUER}/device"
    assert begun["verification_uri_complete"] == f"{ISSUER}/device?user_code={begun['user_code']}"
    assert begun["expires_in"] <= 600
    assert begun["interval"] == 5


async def test_the_metadata_says_so(world: World) -> None:
    metadata = (await world.call("GET", "/.well-known/openid-configuration")).json()
    assert metadata["device_authorization_endpoint"] == f"{ISSUER}/device_authorization"
    assert DEVICE_CODE in metadata["grant_types_supported"]


async def test_only_an_app_that_proves_who_it_is_may_ask(world: World, device: Client) -> None:
    secretive = await world.make_app(world.acme.org, grant_types=f"{DEVICE_CODE} refresh_token")
    for app in (secretive._replace(secret=""), secretive._replace(secret="wrong"), Client("no-such-app", "", "")):
        response = await ask(world, app)
        assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    assert (await ask(world, secretive)).status_code == 200
    refused = await ask(world, world.acme.web)
    assert (refused.status_code, refused.json()["error"]) == (400, "unauthorized_client")
    refused = await poll(world, world.acme.web, (await started(world, device))["device_code"])
    assert refused.json()["error"] == "unauthorized_client"


async def test_a_device_asks_for_no_more_than_its_app_may_have(world: World, device: Client, browser: Browser) -> None:
    assert (await ask(world, device, scope="read admin")).json()["error"] == "invalid_scope"
    assert (await ask(world, device, resource="https://other.test/")).json()["error"] == "invalid_target"
    begun = await started(world, device, scope="read", resource=RESOURCE)
    await answer(browser, begun["user_code"])
    content = (await poll(world, device, begun["device_code"])).json()
    assert content["scope"] == "read"
    assert claims_of(content["access_token"])["aud"] == RESOURCE


async def test_a_device_is_not_given_a_token_for_another_api_than_it_asks_for(
    world: World, device: Client, browser: Browser
) -> None:
    begun = await started(world, device, scope="read")
    await answer(browser, begun["user_code"])
    ask_for = {"grant_type": DEVICE_CODE, "device_code": begun["device_code"]}
    refused = await token(world, device, **ask_for, resource="https://other.test/")
    assert refused.json()["error"] == "invalid_target"
    world.clock.forward(5)
    content = (await token(world, device, **ask_for, resource=RESOURCE)).json()
    assert claims_of(content["access_token"])["aud"] == RESOURCE


async def test_who_polls_too_fast_waits_longer_on_every_node(world: World, device: Client) -> None:
    begun = (await started(world, device))["device_code"]
    other = await world.again()
    assert await error_of(world, device, begun) == "authorization_pending"
    assert await error_of(other, device, begun) == "slow_down"
    world.clock.forward(6)
    assert await error_of(world, device, begun) == "slow_down"
    world.clock.forward(11)
    assert await error_of(other, device, begun) == "slow_down"
    world.clock.forward(20)
    assert await error_of(world, device, begun) == "authorization_pending"
    world.clock.forward(20)
    assert await error_of(other, device, begun) == "authorization_pending"


async def test_who_waits_as_told_is_never_slowed_down(world: World, device: Client) -> None:
    begun = await started(world, device)
    for _ in range(20):
        assert await error_of(world, device, begun["device_code"]) == "authorization_pending"
        world.clock.forward(begun["interval"])


async def test_no_is_told_to_the_device(world: World, device: Client, browser: Browser) -> None:
    begun = await started(world, device)
    done = await answer(browser, begun["user_code"], "cancel")
    assert "Nothing was connected" in (await browser.get(done.headers["location"])).text
    assert await error_of(world, device, begun["device_code"]) == "access_denied"


async def test_a_code_that_expired_was_used_or_is_foreign_is_told_apart_as_far_as_may_be(
    world: World, device: Client, browser: Browser
) -> None:
    used, old = await started(world, device), await started(world, device)
    await answer(browser, used["user_code"])
    assert (await poll(world, device, used["device_code"])).status_code == 200
    assert await error_of(world, device, used["device_code"]) == "invalid_grant"
    other = await world.make_app(world.acme.org, kind="device")
    for foreign in (used, old):
        assert await error_of(world, other, foreign["device_code"]) == "invalid_grant"
    assert await error_of(world, device, "gp_dc_random") == "invalid_grant"
    assert await error_of(world, device, old["device_code"][:-1]) == "invalid_grant"
    assert await error_of(world, device, old["user_code"]) == "invalid_grant"
    world.clock.forward(600)
    assert await error_of(world, device, old["device_code"]) == "expired_token"
    assert (await browser.get(old["verification_uri_complete"])).status_code == 400


async def test_of_twenty_polls_at_once_one_gets_tokens(world: World, device: Client, browser: Browser) -> None:
    begun = await started(world, device)
    await answer(browser, begun["user_code"])
    responses = await asyncio.gather(*(poll(world, device, begun["device_code"]) for _ in range(20)))
    assert Counter(response.status_code for response in responses) == {200: 1, 400: 19}
    assert {each.json()["error"] for each in responses if each.status_code == 400} == {"invalid_grant"}
    (won,) = [response.json() for response in responses if response.status_code == 200]
    assert await world.is_active(won["access_token"])


async def test_a_device_code_is_for_one_request_even_if_its_user_code_comes_again(
    world: World, device: Client, browser: Browser
) -> None:
    begun = await started(world, device)
    await answer(browser, begun["user_code"])
    earlier = DeviceCode(begun["user_code"].replace("-", ""), device.client_id, NOW - 1, NOW + 599)
    sealed = world.instance.keyring.seal_text("gp_dc_", dump_device_code(earlier))
    assert await error_of(world, device, sealed) == "invalid_grant"
    assert (await poll(world, device, begun["device_code"])).status_code == 200


@pytest.mark.parametrize("typed", ["{}", "  {} ", "{lower}", "{bare}", "{spaced}", "{long}"])
async def test_a_code_may_be_typed_as_people_type(world: World, device: Client, browser: Browser, typed: str) -> None:
    code = (await started(world, device))["user_code"]
    forms = {
        "lower": code.lower(),
        "bare": code.replace("-", ""),
        "spaced": " ".join(code),
        "long": code.replace("-", "\u2014"),
    }
    assert (await answer(browser, typed.format(code, **forms))).status_code == 303


async def test_a_link_with_the_code_still_asks(world: World, device: Client) -> None:
    begun = await started(world, device, scope="read")
    await give_password(world, world.acme.bob)
    browser = Browser(world)
    led = await browser.get(begun["verification_uri_complete"])
    assert led.headers["location"].startswith("/login")
    back = await browser.sign_in(led, BOB)
    page = await browser.get(back.headers["location"])
    for shown in (begun["user_code"], "An app", "192.0.2.1", "The company", "read", "Never approve a code"):
        assert shown in page.text
    assert await error_of(world, device, begun["device_code"]) == "authorization_pending"
    await answer(browser, begun["user_code"])
    assert (await poll(world, device, begun["device_code"])).status_code == 200


async def test_who_is_not_signed_in_gets_back_to_the_code_they_typed(world: World, device: Client) -> None:
    begun = await started(world, device)
    await give_password(world, world.acme.bob)
    browser = Browser(world)
    form = form_of(await browser.get("/device"))
    back = await browser.sign_in(await browser.post(form.action, form.fields | {"user_code": begun["user_code"]}), BOB)
    assert back.headers["location"] == f"/device?user_code={begun['user_code']}"


async def test_an_answer_comes_from_a_page_of_ours_and_is_final(world: World, device: Client, browser: Browser) -> None:
    begun = await started(world, device)
    asked = form_of(await browser.get(begun["verification_uri_complete"]))
    for changes in ({"csrf": ""}, {"csrf": "x" * 43}):
        foreign = await browser.post(asked.action, asked.fields | {"decision": "connect"} | changes)
        assert foreign.status_code == 403
    assert await error_of(world, device, begun["device_code"]) == "authorization_pending"
    assert (await answer(browser, begun["user_code"])).status_code == 303
    for decision in ("connect", "cancel"):
        over = await browser.post(asked.action, asked.fields | {"decision": decision})
        assert over.status_code == 400
        assert 'id="start" href="/device"' in over.text
    assert (await poll(world, device, begun["device_code"])).status_code == 200


async def test_a_no_cannot_become_a_yes(world: World, device: Client, browser: Browser) -> None:
    begun = await started(world, device)
    asked = form_of(await browser.get(begun["verification_uri_complete"]))
    assert (await answer(browser, begun["user_code"], "cancel")).status_code == 303
    assert (await browser.post(asked.action, asked.fields | {"decision": "connect"})).status_code == 400
    assert await error_of(world, device, begun["device_code"]) == "access_denied"


async def test_who_may_not_connect_it_cannot(world: World, browser: Browser) -> None:
    foreign = await world.make_app(world.beta.org, kind="device", scope="read")
    begun = await started(world, foreign)
    page = await browser.get(begun["verification_uri_complete"])
    assert "members of another organization" in page.text
    assert 'value="connect"' not in page.text
    asked = form_of(page)
    for org in (world.acme.id, world.beta.id, ""):
        response = await browser.post(asked.action, asked.fields | {"decision": "connect", "org": org})
        assert response.status_code in (400, 403)
    assert await error_of(world, foreign, begun["device_code"]) == "access_denied"


async def test_an_organization_that_is_not_theirs_is_no_place(world: World, device: Client, browser: Browser) -> None:
    begun = await started(world, device)
    assert (await answer(browser, begun["user_code"], org=world.beta.id)).status_code == 403
    assert await error_of(world, device, begun["device_code"]) == "access_denied"


async def test_a_member_of_two_organizations_chooses(world: World) -> None:
    await world.instance.store.ask(limit_org(world.acme.org, 90, world.act))
    open_app = await world.make_app(world.beta.org, kind="device", scope="read")
    app = await world.instance.store.read(find_app(world.beta.org, open_app.client_id))
    assert app is not None
    await world.instance.store.ask(replace_app(replace(app, metadata='{"open_to_others":true}'), world.act))
    browser = await signed_in(world, ANN)
    begun = await started(world, open_app)
    await answer(browser, begun["user_code"], org=world.acme.id)
    content = (await poll(world, open_app, begun["device_code"])).json()
    assert claims_of(content["access_token"]).items() >= {"org": world.acme.id, "limits": {"org": 90}}.items()


async def test_what_is_disabled_between_approval_and_poll_gets_nothing(
    world: World, device: Client, browser: Browser
) -> None:
    bob = parse_id("usr", world.acme.bob) or b""
    begun = await started(world, device)
    await answer(browser, begun["user_code"])
    for set_disabled in (
        partial(set_user_disabled, bob),
        partial(set_org_disabled, world.acme.org),
        partial(set_app_disabled, world.acme.org, device.client_id),
    ):
        await world.instance.store.ask(set_disabled(True, world.act))
        assert (await poll(world, device, begun["device_code"])).json()["error"] in ("invalid_grant", "invalid_client")
        await world.instance.store.ask(set_disabled(False, world.act))
    assert (await poll(world, device, begun["device_code"])).status_code == 200


@pytest.mark.parametrize(("scope", "outlives"), [("read", False), ("read offline_access", True)])
async def test_a_device_that_asked_to_stay_connected_outlives_the_sign_in(
    world: World, device: Client, browser: Browser, scope: str, outlives: bool
) -> None:
    begun = await started(world, device, scope=scope)
    await answer(browser, begun["user_code"])
    tokens = (await poll(world, device, begun["device_code"])).json()
    (session,) = await world.instance.store.read(list_sessions(parse_id("usr", world.acme.bob) or b"", NOW))
    await world.instance.store.ask(end_session(session.id, world.act))
    assert await world.is_active(tokens["access_token"]) is outlives


async def test_guessing_codes_is_slowed_down(open_world: OpenWorld) -> None:
    world = await open_world({"limits.enabled": "true"})
    device = await world.make_app(world.acme.org, kind="device")
    browser = await signed_in(world, BOB)
    form = form_of(await browser.get("/device"))
    wrong = [await browser.post(form.action, form.fields | {"user_code": f"BCDF-GHJ{letter}"}) for letter in ALPHABET]
    assert [response.status_code for response in wrong] == [400] * 10 + [429] * 10
    assert "retry-after" in wrong[-1].headers
    begun = await started(world, device)
    assert (await browser.get(begun["verification_uri_complete"])).status_code == 429


async def test_guessing_from_many_addresses_is_slowed_down(open_world: OpenWorld) -> None:
    world = await open_world({"limits.enabled": "true", "limits.wrong_user_codes_in_all": "30"})
    await give_password(world, world.acme.bob)
    statuses = []
    for number in range(7):
        browser = Browser(world, f"198.51.100.{number}")
        form = form_of(await browser.get("/login"))
        await browser.post(form.action, form.fields | {"email": BOB, "password": PASSWORD})
        form = form_of(await browser.get("/device"))
        for letter in "BCDFG":
            response = await browser.post(form.action, form.fields | {"user_code": f"BCDF-GHJ{letter}"})
            statuses.append(response.status_code)
    assert statuses == [400] * 30 + [429] * 5


async def test_asking_without_end_is_slowed_down(open_world: OpenWorld) -> None:
    world = await open_world({"limits.enabled": "true", "limits.device_requests": "5"})
    device = await world.make_app(world.acme.org, kind="device")
    responses = [await ask(world, device) for _ in range(6)]
    assert [response.status_code for response in responses] == [200] * 5 + [429]


async def test_who_guesses_without_being_signed_in_learns_nothing(world: World, device: Client) -> None:
    begun = await started(world, device)
    browser = Browser(world)
    real, made_up = [
        await browser.get("/device", params={"user_code": code}) for code in (begun["user_code"], "BBBB-BBBB")
    ]
    assert (real.status_code, made_up.status_code) == (303, 303)


async def test_both_answers_leave_an_event(world: World, device: Client, browser: Browser) -> None:
    for decision in ("connect", "cancel"):
        await answer(browser, (await started(world, device))["user_code"], decision)
    types = [event.type for event in await world.events(world.acme.org)]
    assert types.count("grant.device_approved") == types.count("grant.device_denied") == 1
