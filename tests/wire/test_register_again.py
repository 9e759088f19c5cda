"""What becomes of a registration: read, changed, taken back. RFC 7592; RG-4, RG-5, RG-14."""

from dataclasses import replace
from typing import Any

import pytest

from gatepost.flows.registration import make_initial_token
from gatepost.store.apps import delete_app
from gatepost.store.question import INSTANCE
from gatepost.wiring import build_app

from .browser import Browser, connected, form_of, token
from .conftest import OpenWorld
from .registering import BOB, PUBLIC, REDIRECT, client_of, manage, open_to_all, register, registered, row
from .world import ISSUER, World


@pytest.fixture
async def world(open_world: OpenWorld) -> World:
    return await open_to_all(open_world)


async def test_an_app_reads_its_registration_but_not_its_secret(world: World) -> None:
    """RG-14."""
    content = await registered(world, token_endpoint_auth_method="client_secret_post")
    read = await manage(world, "GET", content)
    assert read.status_code == 200
    assert read.json() == {
        name: value for name, value in content.items() if not name.startswith(("client_secret", "client_id_issued"))
    }
    assert read.headers["cache-control"] == "no-store"


async def test_a_registration_opens_to_its_own_token_alone(world: World) -> None:
    """RG-5."""
    one, other = await registered(world), await registered(world)
    initial = world.canary.watch(make_initial_token(world.instance, 3600).reveal())
    for method in ("GET", "PUT", "DELETE"):
        for wrong in (other["registration_access_token"], "gp_reg_x", world.acme.key, initial):
            body = {"json": {**PUBLIC, "client_id": one["client_id"]}} if method == "PUT" else {}
            refused = await manage(world, method, one, wrong, **body)
            assert (refused.status_code, refused.json()["error"]) == (401, "invalid_token")
    unknown = {**one, "registration_client_uri": f"{ISSUER}/register/gp_app_x"}
    assert (await manage(world, "GET", unknown)).status_code == 401
    assert (await manage(world, "GET", one)).status_code == 200


async def test_an_app_changes_its_registration_and_keeps_its_name(world: World) -> None:
    """RFC 7592 §2.2: what is left out is taken back, and whoever agreed to the old one is asked again."""
    content, browser = await registered(world, tos_uri="https://app.example/tos"), Browser(world)
    await connected(world, browser, client_of(content))
    changed = {**PUBLIC, "client_id": content["client_id"], "client_name": "Settler", "redirect_uris": [REDIRECT + "2"]}
    updated = (await manage(world, "PUT", content, json=changed)).json()
    assert (updated["client_id"], updated["client_name"]) == (content["client_id"], "Settler")
    assert "tos_uri" not in updated
    assert (await manage(world, "GET", content)).json() == updated
    assert (await browser.authorize(client_of(content))).status_code == 400
    assert (await browser.authorize(client_of(updated))).headers["location"].startswith("/consent/")


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "gp_app_other"},
        {"client_id": None},
        {"redirect_uris": None},
        {"redirect_uris": ["http://app.example/cb"]},
        {"grant_types": ["implicit"]},
        {"token_endpoint_auth_method": "client_secret_basic"},
        {"policy_uri": "javascript:alert(1)"},
        {"client_secret": "chosen"},
        {"client_secret": 7},
    ],
)
async def test_a_change_is_judged_like_a_registration(world: World, changes: dict[str, Any]) -> None:
    """RG-4."""
    content = await registered(world)
    said = {**PUBLIC, "client_id": content["client_id"], **changes}
    refused = await manage(world, "PUT", content, json={name: each for name, each in said.items() if each is not None})
    assert refused.status_code == 400
    assert await row(world, content) is None


async def test_an_app_may_say_its_secret_again_and_chooses_none(world: World) -> None:
    """RFC 7592 §2.2."""
    content = await registered(world, token_endpoint_auth_method="client_secret_post")
    said = {
        "client_id": content["client_id"],
        "redirect_uris": [REDIRECT],
        "token_endpoint_auth_method": "client_secret_post",
    }
    for secret, status in ((content["client_secret"], 200), (None, 200), ("x" * 53, 400)):
        assert (await manage(world, "PUT", content, json={**said, "client_secret": secret})).status_code == status
    form = {
        "grant_type": "authorization_code",
        "code": "x",
        **{name: content[name] for name in ("client_id", "client_secret")},
    }
    assert (await world.call("POST", "/token", form=form)).json()["error"] == "invalid_grant", "it is still the secret"


async def test_a_registration_that_was_taken_back_is_no_more(world: World) -> None:
    """RG-5, RFC 7592 §2.3: its grants are refused with it, on every node."""
    content = await registered(world)
    app, browser = client_of(content), Browser(world)
    answer = await connected(world, browser, app, scope="offline_access")
    assert (await manage(world, "DELETE", content)).status_code == 204
    for method in ("GET", "DELETE"):
        assert (await manage(world, method, content)).status_code == 401
    refresh = {"grant_type": "refresh_token", "refresh_token": answer["refresh_token"]}
    assert (await token(world, app, **refresh)).json()["error"] == "invalid_client"
    assert not await world.is_active(answer["access_token"])
    assert (await Browser(await world.again()).authorize(app)).status_code == 400


async def test_taken_back_while_the_consent_page_is_open(world: World) -> None:
    content, browser = await registered(world), Browser(world)
    page = await browser.sign_in(await browser.authorize(client_of(content)), BOB)
    form = form_of(await browser.get(page.headers["location"]))
    assert (await manage(world, "DELETE", content)).status_code == 204
    back = await browser.post(form.action, form.fields | {"decision": "allow"})
    assert "error=unauthorized_client" in (await browser.get(back.headers["location"])).text
    assert (await row(world, content)).disabled_at == world.clock.now


async def test_what_the_operator_deletes_does_not_come_back_by_being_what_it_is(world: World) -> None:
    content, browser = await registered(world), Browser(world)
    answer = await connected(world, browser, client_of(content), scope="offline_access")
    await world.instance.store.ask(delete_app(INSTANCE, content["client_id"], world.act))
    assert not await world.is_active(answer["access_token"])
    assert (await browser.authorize(client_of(content))).status_code == 400
    assert (await manage(world, "GET", content)).status_code == 401


async def test_turned_off_what_was_connected_goes_on(world: World) -> None:
    connected_one, other = await registered(world), await registered(world)
    answer = await connected(world, Browser(world), client_of(connected_one), scope="offline_access")
    world.instance = replace(world.instance, registration="off")
    world.app = build_app(world.settings, world.instance)
    world._clients.clear()
    refresh = {"grant_type": "refresh_token", "refresh_token": answer["refresh_token"]}
    assert (await token(world, client_of(connected_one), **refresh)).status_code == 200
    assert (await Browser(world).authorize(client_of(connected_one))).status_code == 303
    assert (await Browser(world).authorize(client_of(other))).status_code == 400
    assert (await register(world)).status_code == 404
