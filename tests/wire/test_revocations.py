"""`/revocations`: what verifiers learn of revocations, page by page and as it happens. docs/revocations.md is the format."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import orjson
import pytest

from gatepost.endpoints import revocations as endpoint
from gatepost.flows import feed as flow
from gatepost.flows.grants import end_grants
from gatepost.jose import REVOCATIONS_TYPE
from gatepost.secrets import parse_id
from gatepost.store.apps import delete_app, set_app_disabled
from gatepost.store.orgs import set_org_disabled
from gatepost.store.people import set_user_disabled
from gatepost.store.question import Question
from gatepost.store.revocations import revoke_key

from .door import Door, Line, request
from .world import ISSUER, NOW, Caller, Client, World, authorization, claims_of, header_of

EVENTS = "Accept: text/event-stream"

Act = Callable[[World], Awaitable[object]]


async def opened(world: World, text: str) -> dict[str, Any]:
    """What a page says, once its signature was checked."""
    claims = await world.instance.signing.open(text, REVOCATIONS_TYPE)
    assert claims is not None, "not a page that we signed"
    return claims


async def ask(world: World, by: Caller = None, **parameters: int | str) -> httpx.Response:
    query = str(httpx.QueryParams(parameters))
    return await world.call("GET", f"/revocations?{query}", by or world.acme)


async def page(world: World, by: Caller = None, **parameters: int) -> dict[str, Any]:
    response = await ask(world, by, **parameters)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/revocations+jwt"
    return await opened(world, response.text)


def refuses(entries: list[dict[str, Any]], claims: dict[str, Any]) -> bool:
    """Whether a verifier that goes by the table in docs/revocations.md refuses a token."""
    own = {"grant": "gid", "token": "jti", "app": "client_id", "key": "key", "user": "sub", "org": "org"}
    return any(
        claims.get(own[entry["kind"]]) == entry["id"]
        and (entry["kind"] in ("grant", "token") or claims["iat"] <= entry["at"])
        and entry.get("org", claims["org"]) == claims["org"]
        for entry in entries
    )


async def test_a_revoked_grant_is_in_the_feed(world: World) -> None:
    pair = await world.tokens()
    nothing = await page(world)
    assert nothing == {
        "iss": ISSUER,
        "iat": NOW,
        "bound": 600,
        "after": 0,
        "seq": 0,
        "more": False,
        "entries": [],
    }
    await world.revoke(pair.access_token)
    seq = NOW * 1_000_000
    told = await page(world)
    assert told == nothing | {
        "seq": seq,
        "entries": [{"seq": seq, "kind": "grant", "id": claims_of(pair.access_token)["gid"], "at": NOW}],
    }
    assert await page(world, after=seq) == {**nothing, "after": seq, "seq": seq}


async def test_a_page_is_a_jwt_of_its_own_type_that_is_no_access_token(world: World) -> None:
    text = (await ask(world)).text
    assert header_of(text)["typ"] == "revocations+jwt"
    assert header_of(text)["kid"] in {key["kid"] for key in (await world.call("GET", "/jwks.json")).json()["keys"]}
    assert not await world.is_active(text)


async def _replay(world: World, refresh_token: str) -> None:
    second = await world.refreshed(refresh_token)
    await world.refreshed(second.refresh_token)
    await world.refresh(refresh_token)


def _store(make: Callable[[World], Question[Any]]) -> Act:
    return lambda world: world.instance.store.ask(make(world))


def _end(client_id: str | None, user: str | None) -> Act:
    return lambda world: end_grants(
        world.instance,
        world.acme.org,
        client_id,
        (user and parse_id("usr", getattr(world.acme, user))) or None,
        world.operator,
    )


ACTS: dict[str, Act] = {
    "all of an app's": _end("web-acme", None),
    "all of a person's": _end(None, "ann"),
    "all of an organization's": _end(None, None),
    "an API key and what it made": _store(
        lambda w: revoke_key(w.acme.org, parse_id("key", w.acme.key_id) or b"", w.act, keep_grants=False)
    ),
    "an app is disabled": _store(lambda w: set_app_disabled(w.acme.org, "web-acme", True, w.act)),
    "a person is disabled": _store(lambda w: set_user_disabled(parse_id("usr", w.acme.ann) or b"", True, w.act)),
    "an organization is disabled": _store(lambda w: set_org_disabled(w.acme.org, True, w.act)),
    "an app is deleted": _store(lambda w: delete_app(w.acme.org, "web-acme", w.act)),
}


@pytest.mark.parametrize("act", ACTS)
async def test_whatever_ends_a_token_is_told(world: World, act: str) -> None:
    ended, others = await world.tokens(user_id=world.acme.ann), await world.tokens(world.beta.web, world.beta)
    await ACTS[act](world)
    entries = (await page(world, world.beta))["entries"]
    assert not await world.is_active(ended.access_token, world.gateway)
    assert refuses(entries, claims_of(ended.access_token))
    assert not refuses(entries, claims_of(others.access_token))
    world.clock.forward(1)
    assert not refuses(entries, {**claims_of(ended.access_token), "gid": "gnt_0", "iat": world.clock()})


async def test_a_replay_is_told(world: World) -> None:
    pair = await world.tokens()
    await _replay(world, pair.refresh_token)
    assert refuses((await page(world))["entries"], claims_of(pair.access_token))


async def test_a_token_that_an_app_got_for_itself_is_told_by_its_own_id(world: World) -> None:
    form = {"grant_type": "client_credentials"}
    one, two = [(await world.call("POST", "/token", world.acme.api, form=form)).json() for _ in range(2)]
    await world.revoke(one["access_token"], world.acme.api)
    entries = (await page(world))["entries"]
    assert refuses(entries, claims_of(one["access_token"]))
    assert not refuses(entries, claims_of(two["access_token"]))


async def test_a_key_that_leaves_its_grants_is_not_told(world: World) -> None:
    key = parse_id("key", world.acme.key_id) or b""
    await world.instance.store.ask(revoke_key(world.acme.org, key, world.act, keep_grants=True))
    assert (await page(world, world.beta))["entries"] == []


async def test_a_person_who_is_revoked_in_one_organization_is_told_with_it(world: World) -> None:
    here, there = (
        await world.tokens(user_id=world.acme.ann),
        await world.tokens(world.beta.web, world.beta, user_id=world.beta.ann),
    )
    await _end(None, "ann")(world)
    entries = (await page(world))["entries"]
    assert entries[0]["org"] == world.acme.id
    assert refuses(entries, claims_of(here.access_token))
    assert not refuses(entries, claims_of(there.access_token))


async def test_what_no_token_can_outlive_is_told_no_more(world: World) -> None:
    await world.revoke((await world.tokens()).access_token)
    world.clock.forward(600)
    assert len((await page(world))["entries"]) == 1
    world.clock.forward(1)
    told = await page(world)
    assert (told["entries"], told["seq"]) == ([], NOW * 1_000_000)


async def test_the_bound_follows_the_longest_life_that_an_app_gives(world: World) -> None:
    await world.revoke((await world.tokens()).access_token)
    await world.make_app(world.acme.org, client_id="long", access_ttl=3600)
    world.clock.forward(3600)
    told = await page(world)
    assert (told["bound"], len(told["entries"])) == (3600, 1)


async def test_what_is_kept_of_policy_is_found_by_no_text_sent_as_a_key(world: World) -> None:
    await world.tokens()
    await page(world)
    facts = world.instance.policy.known
    assert [each for each in facts if isinstance(each, str)] == [world.acme.key]
    assert (await ask(world, "Bearer longest access_ttl")).status_code == 401


async def test_a_long_feed_comes_in_pages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "PAGE", 2)
    pairs = [await world.tokens() for _ in range(5)]
    for pair in pairs:
        await world.revoke(pair.access_token)
    told: list[str] = []
    pages: list[dict[str, Any]] = []
    after = 0
    while not pages or pages[-1]["more"]:
        pages.append(await page(world, after=after))
        told += [entry["id"] for entry in pages[-1]["entries"]]
        after = pages[-1]["seq"]
    assert [len(each["entries"]) for each in pages] == [2, 2, 1]
    assert told == [claims_of(pair.access_token)["gid"] for pair in pairs]


# Who may read


async def test_any_key_and_any_confidential_app_reads_all_of_it(world: World) -> None:
    await world.revoke((await world.tokens()).access_token)
    bare, _ = await world.make_key(world.beta.org, ("apps:read",))
    for by in (world.acme, world.beta, world.gateway, f"Bearer {bare}", world.beta.web, world.beta.api):
        response = await ask(world, by)
        assert len((await opened(world, response.text))["entries"]) == 1


async def test_an_app_may_prove_who_it_is_in_a_form(world: World) -> None:
    await world.revoke((await world.tokens()).access_token)
    app = await world.make_app(world.beta.org, auth_method="client_secret_post")
    form = {"client_id": app.client_id, "client_secret": app.secret, "after": "0"}
    response = await world.call("POST", "/revocations", form=form)
    assert len((await opened(world, response.text))["entries"]) == 1


async def test_nobody_else_reads_it(world: World) -> None:
    native = world.acme.native
    wrong = Client("web-acme", "gp_sec_wrong", "")
    tokens = await world.tokens()
    assert (await world.call("GET", "/revocations")).status_code in (400, 401)
    callers: tuple[Caller, ...] = ("Bearer gp_key_wrong", f"Bearer {tokens.access_token}", wrong)
    for by in callers:
        refused = await ask(world, by)
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    refused = await world.call("POST", "/revocations", form={"client_id": native.client_id})
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("parameter", ["after", "wait"])
@pytest.mark.parametrize("value", ["-1", "1.5", "x", "9007199254740992", "1" * 40, "٣"])
async def test_what_is_no_number_is_refused(world: World, parameter: str, value: str) -> None:
    refused = await ask(world, **{parameter: value})
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")


# Waiting


async def test_whoever_waits_is_told_as_soon_as_another_process_revokes(world: World) -> None:
    pair = await world.tokens()
    waiting = asyncio.create_task(page(world, wait=30))
    await asyncio.sleep(2 * flow.LOOK_SECONDS)
    assert not waiting.done()
    other = await world.again()
    await other.revoke(pair.access_token)
    told = await asyncio.wait_for(waiting, 10)
    assert refuses(told["entries"], claims_of(pair.access_token))


async def test_whoever_waits_in_vain_is_told_that_the_feed_lives(world: World) -> None:
    told = await page(world, wait=1)
    assert (told["iat"], told["entries"]) == (NOW, [])


async def test_old_revocations_are_nothing_to_come_back_for(world: World) -> None:
    await world.revoke((await world.tokens()).access_token)
    world.clock.forward(601)
    waiting = asyncio.create_task(page(world, wait=30))
    await asyncio.sleep(3 * flow.LOOK_SECONDS)
    assert not waiting.done()
    await world.revoke((await world.tokens()).access_token)
    assert len((await asyncio.wait_for(waiting, 10))["entries"]) == 1


def poll(world: World, *lines: str, query: str = "") -> bytes:
    return request("GET", f"/revocations{query}", f"Authorization: {authorization(world.acme)}", *lines)


async def test_a_server_that_stops_answers_whoever_waits(world: World, door: Door) -> None:
    line = await door.line()
    await line.send(poll(world, query="?wait=30"))
    await asyncio.sleep(flow.LOOK_SECONDS)
    door.shut_down()
    answer = await line.answer()
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert (await opened(world, answer.body.decode()))["entries"] == []
    assert await line.is_closed()


async def test_nobody_waits_for_a_client_that_has_left(world: World, door: Door) -> None:
    for lines in ((), (EVENTS,)):
        line = await door.line()
        await line.send(poll(world, *lines, query="?wait=30"))
        await asyncio.sleep(flow.LOOK_SECONDS)
        line.abort()
        await door.emptied()
    async with asyncio.timeout(10):
        await world.settle()


# Server-sent events


async def event(world: World, line: Line) -> tuple[int, dict[str, Any]]:
    """The next event of a stream: its id, and the page it brings."""
    raw = await line.until(b"\n\n")
    id_line, data_line = raw.decode().strip().split("\n")
    return int(id_line.removeprefix("id: ")), await opened(world, data_line.removeprefix("data: "))


async def test_a_stream_tells_what_was_and_what_comes(world: World, door: Door) -> None:
    before, later = await world.tokens(), await world.tokens()
    await world.revoke(before.access_token)
    line = await door.line()
    await line.send(poll(world, EVENTS))
    answer = await line.answer()
    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")
    assert (answer.headers["connection"], answer.headers["cache-control"]) == ("close", "no-store")
    assert "content-length" not in answer.headers
    id, told = await event(world, line)
    assert id == told["seq"]
    assert refuses(told["entries"], claims_of(before.access_token))
    await world.revoke(later.access_token)
    id, told = await event(world, line)
    assert [entry["id"] for entry in told["entries"]] == [claims_of(later.access_token)["gid"]]
    door.shut_down()
    assert await line.is_closed()


async def test_a_stream_is_taken_up_where_it_was_left(world: World, door: Door) -> None:
    one, two = await world.tokens(), await world.tokens()
    for pair in (one, two):
        await world.revoke(pair.access_token)
    first = (await page(world))["entries"][0]["seq"]
    line = await door.line()
    await line.send(poll(world, EVENTS, f"Last-Event-ID: {first}", query="?after=0"))
    await line.answer()
    _, told = await event(world, line)
    assert [entry["id"] for entry in told["entries"]] == [claims_of(two.access_token)["gid"]]


async def test_a_long_feed_is_streamed_at_once(world: World, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "PAGE", 1)
    for _ in range(20):
        await world.revoke((await world.tokens()).access_token)
    line = await door.line()
    await line.send(poll(world, EVENTS))
    await line.answer()
    ids = [(await event(world, line))[0] for _ in range(20)]
    assert ids == sorted(set(ids))


async def test_a_stream_without_news_shows_that_it_lives_and_ends_in_time(
    world: World, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "HEARTBEAT_SECONDS", flow.LOOK_SECONDS)
    monkeypatch.setattr(endpoint, "STREAM_SECONDS", 1.0)
    line = await door.line()
    await line.send(poll(world, EVENTS))
    await line.answer()
    assert [(await event(world, line))[1]["entries"] for _ in range(2)] == [[], []]
    rest = await line.until_closed()
    assert rest == b"" or rest.endswith(b"\n\n")


async def test_a_reader_that_stops_reading_is_waited_for_and_then_cut_off(
    world: World, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatepost.web.connection.READ_SECONDS", 0.2)
    monkeypatch.setattr(endpoint, "HEARTBEAT_SECONDS", 0)
    monkeypatch.setattr(flow, "LOOK_SECONDS", 0)
    for _ in range(200):
        await world.revoke((await world.tokens()).access_token)
    line = await door.line()
    line.stop_reading()
    await line.send(poll(world, EVENTS, query="?after=0"))
    await door.emptied()


async def test_the_same_answers_come_through_any_asgi_server(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "STREAM_SECONDS", 0.0)
    await world.revoke((await world.tokens()).access_token)
    response = await world.call("GET", "/revocations", world.acme, headers={"accept": "text/event-stream"})
    assert response.headers["content-type"] == "text/event-stream"
    monkeypatch.setattr(endpoint, "STREAM_SECONDS", 0.05)
    response = await world.call("GET", "/revocations", world.acme, headers={"accept": "text/event-stream"})
    data = response.content.split(b"\n")[1].removeprefix(b"data: ").decode()
    assert len((await opened(world, data))["entries"]) == 1


async def test_metadata_leads_to_it(world: World) -> None:
    metadata = orjson.loads((await world.call("GET", "/.well-known/oauth-authorization-server")).content)
    assert metadata["revocation_feed_endpoint"] == f"{ISSUER}/revocations"
