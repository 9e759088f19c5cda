"""Events: what an auditor asks about, one row each, written with the act; and the log beside them. CO-4 to CO-6, CO-11."""

import json
import logging
from collections import Counter
from typing import Any

import pytest

from gatepost.endpoints.refusals import SAMPLED_PER_MINUTE, SHOWN_CHARACTERS
from gatepost.records import Event
from gatepost.store.question import INSTANCE

from .canary import Canary
from .conftest import OpenWorld
from .world import World


async def new_events(world: World, known: list[Event]) -> list[Event]:
    seen = {event.id for event in known}
    return [event for event in await world.all_events() if event.id not in seen]


async def test_each_step_of_a_connections_life_is_one_event(world: World) -> None:
    known = await world.all_events()
    await world.call("GET", "/auth_token", world.acme)
    pair = {"client_id": "shop", "redirection_url": "https://shop.test/cb"}
    await world.call("POST", "/", world.acme, json=pair)
    first = await world.tokens(world.acme.web)
    second = await world.refreshed(first.refresh_token)
    third = await world.refreshed(second.refresh_token)
    await world.revoke(third.access_token, world.acme.web)
    events = await new_events(world, known)
    assert [(event.type, event.result) for event in events] == [
        ("org.auth_token_made", "ok"),
        ("app.made", "ok"),
        ("app.redirect_uri_added", "ok"),
        ("grant.made", "ok"),
        ("grant.first_used", "ok"),
        ("grant.revoked", "ok"),
    ]
    assert {event.address for event in events} == {"192.0.2.1"}
    assert {event.at for event in events} == {world.clock.now}
    key, web = world.acme.key_id, "app:web-acme"
    assert [event.actor for event in events] == [key, key, key, key, web, web]


async def test_traffic_is_no_event(world: World) -> None:
    pair = await world.tokens()
    pair = await world.refreshed(pair.refresh_token)
    known = await world.all_events()
    for _ in range(5):
        pair = await world.refreshed(pair.refresh_token)
        await world.introspect(pair.access_token)
        await world.introspect("unknown")
        await world.revoke("unknown")
        await world.call("GET", "/auth_token", world.acme)
    assert [event.type for event in await new_events(world, known)] == ["org.auth_token_made"]


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"client_id": "unknown"}, "invalid_client"),
        ({"redirection_url": "https://evil.test/"}, "redirect_uri_mismatch"),
        ({"user_id": "unknown"}, "invalid_user"),
        ({"scope": "admin"}, "invalid_scope"),
        ({"resource": "https://evil.test/"}, "invalid_target"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_refusal_that_a_caller_caused_is_an_event_that_the_answer_names(
    world: World, members: dict[str, Any], code: str
) -> None:
    known = await world.all_events()
    response = await world.verify(**members)
    (event,) = await new_events(world, known)
    assert response.json()["event_id"] == "evt_" + event.id.hex()
    assert (event.type, event.result, event.actor) == ("request.refused", code, world.acme.key_id)
    assert json.loads(event.detail)["path"] == "/verify"


async def test_a_mistake_of_shape_is_no_event(world: World) -> None:
    known = await world.all_events()
    await world.verify(client_id=5)
    await world.call("POST", "/verify", world.acme, content=b"")
    await world.call("PUT", "/verify", world.acme)
    await world.call("POST", "/introspect", world.acme, form={})
    await world.call("GET", "/nowhere", world.acme)
    assert await new_events(world, known) == []


async def test_refusals_that_anyone_can_cause_are_sampled_and_counted(world: World) -> None:
    known = await world.all_events()
    for number in range(200):
        assert (await world.refresh(f"nonsense-{number}")).status_code == 401
    events = await new_events(world, known)
    # Another one may fit in for every six seconds that the machine needs for this.
    assert SAMPLED_PER_MINUTE <= len(events) <= 2 * SAMPLED_PER_MINUTE
    assert {(event.type, event.result, event.actor) for event in events} == {
        ("request.refused", "invalid_grant", "anonymous")
    }


async def test_kinds_of_refusals_do_not_crowd_each_other_out(world: World) -> None:
    for _ in range(50):
        await world.refresh("nonsense")
    await world.call("GET", "/auth_token", "Bearer nonsense")
    results = Counter(event.result for event in await world.events(INSTANCE, "request.refused"))
    assert results["invalid_token"] == 1


async def test_who_only_says_a_public_name_is_sampled_too(world: World) -> None:
    pair = await world.tokens()
    known = await world.all_events()
    for _ in range(100):
        assert (await world.revoke(pair.access_token, world.acme.native)).status_code == 400
    events = await new_events(world, known)
    assert SAMPLED_PER_MINUTE <= len(events) <= 2 * SAMPLED_PER_MINUTE
    assert {event.actor for event in events} == {"anonymous"}


async def test_who_asks_too_often_is_sampled_too(open_world: OpenWorld) -> None:
    world = await open_world({"limits.enabled": "true", "limits.key_rate": "1"})
    known = await world.all_events()
    answers = [await world.call("GET", "/auth_token", world.acme) for _ in range(100)]
    refused = sum(answer.status_code == 429 for answer in answers)
    events = [event for event in await new_events(world, known) if event.type == "request.refused"]
    assert SAMPLED_PER_MINUTE <= len(events) <= 2 * SAMPLED_PER_MINUTE < refused
    assert {event.actor for event in events} == {world.acme.key_id}


async def test_an_event_is_short_however_long_the_request_was(world: World) -> None:
    known = await world.all_events()
    await world.verify(redirection_url="https://evil.test/" + "x" * 60_000)
    (event,) = await new_events(world, known)
    assert len(event.detail) < 4 * SHOWN_CHARACTERS
    for number in range(50):
        pair = {"client_id": world.acme.web.client_id, "redirection_url": f"https://shop.test/{number}" + "x" * 2000}
        await world.call("POST", "/", world.acme, json=pair)
    known = await world.all_events()
    await world.verify(redirection_url="https://evil.test/")
    (event,) = await new_events(world, known)
    assert len(event.detail) < 20 * SHOWN_CHARACTERS


# The log.


async def test_a_refusal_is_found_in_the_log_by_its_event_id(world: World, canary: Canary) -> None:
    for response in (
        await world.refresh("nonsense"),
        await world.verify(client_id="unknown"),
        await world.call("GET", "/nowhere"),
        await world.verify(client_id=5),
    ):
        (entry,) = [entry for entry in canary.entries() if entry.get("event_id") == response.json()["event_id"]]
        assert entry["code"] == response.json()["error"]
        assert entry["address"] == "192.0.2.1"


async def test_every_line_of_the_log_is_json_whatever_was_sent(world: World, canary: Canary) -> None:
    evil = 'a\r\nforged: line\x1b[31m\u2028{"level":"error"}'
    headers = {"user-agent": "a\x1b[31m", "x-forwarded-for": "forged"}
    await world.verify(client_id=evil, headers=headers)
    await world.verify(client_id="unknown", redirection_url="https://evil.test/\u2028")
    await world.verify(scope=evil)
    await world.refresh(evil)
    await world.call("GET", "/%0d%0aforged", headers=headers)
    logging.getLogger("gatepost.test").warning(evil, extra={"detail": evil})
    for line in canary.lines():
        assert isinstance(json.loads(line), dict)
        assert line.isprintable()
        assert line.isascii()
    assert canary.entries()[-1]["detail"] == evil


async def test_the_log_names_no_path_that_is_not_ours(open_world: OpenWorld, canary: Canary) -> None:
    world = await open_world({"limits.enabled": "true", "limits.address_rate": "1"})
    pair = await world.tokens()
    for _ in range(30):
        await world.call("GET", f"/refresh/{pair.refresh_token}")
    paths = {entry["path"] for entry in canary.entries() if "path" in entry}
    assert paths == {"(elsewhere)"}


async def test_a_fault_of_ours_is_told_by_its_place_alone(world: World, canary: Canary) -> None:
    """What is in hand when something breaks is in no traceback."""
    try:
        secret = world.canary.watch("gp_sec_" + "held-in-hand-" * 4)
        raise ValueError(f"{secret} is broken")
    except ValueError:
        logging.getLogger("gatepost.test").exception("A fault of ours")
    entry = canary.entries()[-1]
    assert len(canary.take_faults()) == 1
    assert entry["fault"] == "ValueError"
    assert "test_events.py" in str(entry["trace"])
