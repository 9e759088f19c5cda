"""Apps hear behind the person's back that they signed out. OpenID Connect Back-Channel Logout 1.0; LO-6, LO-7, SS-14."""

import asyncio
import json
import time
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import parse_qs

import pytest

from gatepost.flows.deliveries import DELIVERIES
from gatepost.flows.logout_tokens import LOGOUT_TOKEN
from gatepost.flows.outbox import WAITS, Outbox
from gatepost.store.apps import set_app_disabled
from gatepost.store.question import INSTANCE

from .browser import Browser, give_password, redeem
from .conftest import OpenWorld
from .strangers import Stranger, ok, stranger
from .world import ISSUER, Client, World, claims_of, header_of

BOB = "bob@acme.test"
GOOD = ok(b"")


@pytest.fixture
async def world(open_world: OpenWorld) -> World:
    """A world whose server may reach this machine."""
    world = await open_world({"outbound.allow_loopback": "true"})
    await give_password(world, world.acme.bob)
    return world


async def listening(world: World, there: Stranger, path: str = "/logout", **metadata: Any) -> Client:
    """An app that hears of logouts at a stranger's."""
    uri = f"http://127.0.0.1:{there.port}{path}"
    return await world.make_app(
        world.acme.org, scope="openid read", metadata={"backchannel_logout_uri": uri, **metadata}
    )


async def connect(world: World, browser: Browser, app: Client) -> dict[str, Any]:
    """The tokens of a login in this browser, which may be signed in already."""
    page = await browser.authorize(app, scope="openid")
    if "/login" in page.headers["location"]:
        page = await browser.sign_in(page, BOB)
    tokens: dict[str, Any] = (
        await redeem(world, app, (await browser.leave(await browser.consent(page)))["code"])
    ).json()
    return tokens


async def sign_out(browser: Browser) -> None:
    assert (await browser.press("/account", "/logout")).status_code in (200, 303)


async def deliver(world: World) -> None:
    """What the server's loop does, until nothing is due."""
    while await Outbox(world.instance, DELIVERIES).send_due():
        pass


def logout_token(request: bytes) -> str:
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /logout HTTP/1.1\r\n")
    assert b"\r\nContent-Type: application/x-www-form-urlencoded\r\n" in head + b"\r\n"
    fields = parse_qs(body.decode(), strict_parsing=True)
    assert fields.keys() == {"logout_token"}
    return fields["logout_token"][0]


async def test_metadata_says_so(world: World) -> None:
    document = (await world.call("GET", "/.well-known/openid-configuration")).json()
    assert document["backchannel_logout_supported"] is True
    assert document["backchannel_logout_session_supported"] is True


@pytest.mark.parametrize(("alg", "subject"), [("RS256", "public"), ("ES256", "pairwise")])
async def test_each_app_of_the_session_gets_a_logout_token(world: World, alg: str, subject: str) -> None:
    async with stranger(GOOD) as there:
        app = await listening(world, there, id_token_signed_response_alg=alg, subject_type=subject)
        quiet = await world.make_app(world.acme.org, scope="openid")
        browser = Browser(world)
        id_token = (await connect(world, browser, app))["id_token"]
        await connect(world, browser, quiet)
        await sign_out(browser)
        await deliver(world)
        [request] = there.requests
        token = logout_token(request)
        header, claims, known = header_of(token), claims_of(token), claims_of(id_token)
        assert (header["typ"], header["alg"]) == ("logout+jwt", alg)
        assert claims.keys() == {"iss", "sub", "aud", "iat", "exp", "jti", "sid", "events"}
        assert (claims["iss"], claims["aud"]) == (ISSUER, app.client_id)
        assert (claims["sub"], claims["sid"]) == (known["sub"], known["sid"])
        assert claims["events"] == {"http://schemas.openid.net/event/backchannel-logout": {}}
        assert 0 < claims["exp"] - claims["iat"] <= 120
        assert claims["iat"] == world.clock.now
        await deliver(world)
        assert len(there.requests) == 1


async def test_a_logout_token_is_no_id_token(world: World) -> None:
    async with stranger(GOOD) as there:
        app = await listening(world, there)
        browser = Browser(world)
        await connect(world, browser, app)
        await sign_out(browser)
        await deliver(world)
        token = logout_token(there.requests[0])
        assert (await world.call("GET", "/userinfo", f"Bearer {token}")).status_code == 401
        assert not await world.is_active(token)


@pytest.mark.parametrize(
    "answer",
    [ok(b"{}", status="400 Bad Request"), ok(b"", status="500 Oops"), ok(b"", "Location: /", status="302 Found"), b""],
)
async def test_an_app_that_fails_is_tried_again_with_the_same_jti(world: World, answer: bytes) -> None:
    async with stranger(answer) as there:
        app = await listening(world, there)
        browser = Browser(world)
        await connect(world, browser, app)
        await sign_out(browser)
        await deliver(world)
        assert len(there.requests) == 1
        world.clock.forward(WAITS[0])
        there.answer = ok(b"", status="204 No Content")
        await deliver(world)
        first, second = (claims_of(logout_token(request)) for request in there.requests)
        assert first["jti"] == second["jti"]
        assert second["exp"] > world.clock.now
        assert await world.events(world.acme.org, "delivery.given_up") == []


async def test_an_app_that_stays_away_is_one_event(world: World) -> None:
    async with stranger(ok(b"", status="500 Oops")) as there:
        app = await listening(world, there)
        browser = Browser(world)
        await connect(world, browser, app)
        await sign_out(browser)
        for _ in range(len(WAITS) + 5):
            await deliver(world)
            world.clock.forward(max(WAITS))
        assert len(there.requests) == len(WAITS) + 1
        [event] = await world.events(world.acme.org, "delivery.given_up")
        assert (event.client_id, json.loads(event.detail)["kind"]) == (app.client_id, LOGOUT_TOKEN)
        assert await world.events(INSTANCE, "delivery.given_up") == []


async def test_what_an_app_has_registered_when_it_is_told_counts(world: World) -> None:
    async with stranger(GOOD) as there:
        app = await listening(world, there)
        browser = Browser(world)
        await connect(world, browser, app)
        await sign_out(browser)
        await world.instance.store.ask(set_app_disabled(world.acme.org, app.client_id, True, world.act))
        await asyncio.sleep(0)
        await deliver(world)
        assert there.requests == []


async def test_no_app_is_told_of_a_session_it_took_no_part_in(world: World) -> None:
    async with stranger(GOOD) as there:
        app = await listening(world, there)
        browser, other = Browser(world), Browser(world)
        await connect(world, browser, app)
        await other.enter(BOB)
        await sign_out(other)
        await deliver(world)
        assert there.requests == []


async def hang(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def test_nobody_who_signs_out_waits_for_apps_that_hang(world: World) -> None:
    """SS-14, in small: two of four apps never answer."""
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(stranger(answer)) for answer in (hang, hang, GOOD, GOOD)]
        browser = Browser(world)
        for server in servers:
            await connect(world, browser, await listening(world, server))
        began = time.monotonic()
        await sign_out(browser)
        assert time.monotonic() - began < 0.5
        assert [server.connections for server in servers] == [0] * 4
        await deliver(world)
        assert [len(server.requests) for server in servers] == [1] * 4
        assert time.monotonic() - began < 5
