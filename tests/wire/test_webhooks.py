"""Webhooks: an organization hears of its events, signed, once each, and can see what became of every message."""

import asyncio
import json
from typing import Any

import pytest

from gatepost.flows.deliveries import DELIVERIES
from gatepost.flows.outbox import WAITS, Outbox
from gatepost.flows.webhook_feeding import Feeder
from gatepost.flows.webhook_sending import WEBHOOK
from gatepost.flows.webhooks import (
    MAX_WEBHOOKS,
    change_webhook,
    create_webhook,
    deliveries_of,
    drop_webhook,
    renew_secret,
    resend,
    try_webhook,
    webhook_of,
    webhooks_of,
)
from gatepost.records import Webhook
from gatepost.secrets import new_id, render_id
from gatepost.store.events import record
from gatepost.store.question import SQL, Steps, question
from gatepost_sdk.webhooks import Event, WebhookError, verify

from .conftest import OpenWorld
from .strangers import Stranger, ok, stranger
from .test_roles import refusal, somebody
from .world import DAY, World

GOOD = ok(b"thanks", status="202 Accepted")


@question
def _count(table: str) -> Steps[int]:
    rows = yield SQL(f"select count(*) from {table}")
    return int(rows[0][0])


@pytest.fixture
async def world(open_world: OpenWorld) -> World:
    """A world whose server may reach this machine. Its clock stands where ids are made."""
    world = await open_world({"outbound.allow_loopback": "true"})
    world.clock.now = int.from_bytes(new_id()[:6], "big") // 1000
    return world


async def listen(world: World, there: Stranger, *types: str) -> tuple[Webhook, str]:
    """A webhook of Acme at a stranger's, and its secret."""
    url = f"http://127.0.0.1:{there.port}/hook"
    webhook, secret = await create_webhook(world.instance, world.acme.org, url, types, "Ours", world.operator)
    return webhook, world.canary.watch(secret.reveal())


async def tell(world: World, type: str = "resource.made", org: bytes = b"") -> str:
    id = await world.instance.store.ask(record(org or world.acme.org, type, world.act, detail='{"n":1}'))
    return render_id("evt", id)


async def deliver(world: World) -> None:
    """What the server's loops do, until nothing is due."""
    await Feeder(world.instance).feed_new()
    await send_due(world)


async def send_due(world: World) -> None:
    while await Outbox(world.instance, DELIVERIES).send_due():
        pass


def received(world: World, request: bytes, secret: str) -> Event:
    head, _, body = request.partition(b"\r\n\r\n")
    lines = [line.split(": ", 1) for line in head.decode().split("\r\n")[1:]]
    return verify(body, dict(lines), secret, now=world.clock())


def events(world: World, there: Stranger, secret: str) -> list[tuple[str, str]]:
    """What the stranger heard: type and id of each message."""
    return [(event.type, event.id) for event in (received(world, each, secret) for each in there.requests)]


async def state(world: World, webhook: Webhook) -> list[tuple[str, str, list[Any]]]:
    """The deliveries: type, state, and the statuses of the attempts."""
    found = await deliveries_of(world.instance, world.acme.org, webhook, world.operator, 100)
    return [(each.type, each.state, [one["status"] for one in json.loads(each.attempts)]) for each in found]


async def test_an_event_arrives_signed_and_once(world: World) -> None:
    async with stranger(GOOD) as there:
        await tell(world)
        webhook, secret = await listen(world, there, "resource")
        id = await tell(world)
        for _ in range(3):
            await deliver(world)
        assert events(world, there, secret) == [("resource.made", id)]
        [request] = there.requests
        assert b"POST /hook HTTP/1.1" in request
        event = received(world, request, secret)
        assert event.data == {
            "id": id,
            "org": world.acme.id,
            "type": "resource.made",
            "result": "ok",
            "actor": "cli",
            "client_id": None,
            "user_id": None,
            "grant_id": None,
            "address": None,
            "detail": {"n": 1},
            "at": event.timestamp,
        }
        with pytest.raises(WebhookError):
            received(world, request, "whsec_" + "A" * 43 + "=")
        assert await state(world, webhook) == [("resource.made", "delivered", [202])]
        [delivery] = await deliveries_of(world.instance, world.acme.org, webhook, world.operator, 10)
        [attempt] = json.loads(delivery.attempts)
        assert (attempt["answer"], attempt["error"], attempt["at"]) == ("thanks", None, world.clock())


async def test_only_what_is_wanted_arrives_and_only_of_the_own_organization(world: World) -> None:
    async with stranger(GOOD) as there:
        _, secret = await listen(world, there, "grant", "key.made")
        pair = await world.tokens()
        await world.revoke(pair.refresh_token)
        await world.tokens(world.beta.web, world.beta)
        await world.make_key(world.acme.org)
        await tell(world)
        await deliver(world)
        assert sorted(type for type, _ in events(world, there, secret)) == ["grant.made", "grant.revoked", "key.made"]
        assert all(received(world, each, secret).data["org"] == world.acme.id for each in there.requests)


async def test_nodes_that_feed_at_once_send_once(world: World) -> None:
    other = await world.again()
    async with stranger(GOOD) as there:
        _, secret = await listen(world, there, "resource")
        ids = [await tell(world) for _ in range(30)]
        await asyncio.gather(*(Feeder(each.instance).feed_new() for each in (world, other, world)))
        await deliver(world)
        assert sorted(id for _, id in events(world, there, secret)) == sorted(ids)


async def test_what_is_committed_late_is_found_when_looked_back(world: World) -> None:
    async with stranger(GOOD) as there:
        _, secret = await listen(world, there, "resource")
        late = new_id()
        on_time = await tell(world)
        feeder = Feeder(world.instance)
        await feeder.feed_new()
        await world.instance.store.ask(record(world.acme.org, "resource.deleted", world.act, id=late))
        await feeder.feed_new()
        await send_due(world)
        assert events(world, there, secret) == [("resource.made", on_time)]
        await feeder.feed_new(look_back=True)
        await send_due(world)
        assert events(world, there, secret)[1:] == [("resource.deleted", render_id("evt", late))]


async def test_the_cursor_moves_behind_what_has_settled(world: World) -> None:
    async with stranger(GOOD) as there:
        webhook, _ = await listen(world, there, "resource")
        await tell(world)
        await deliver(world)
        [same] = await webhooks_of(world.instance, world.acme.org, world.operator)
        assert same.fed_id == webhook.fed_id, "it may have been one of several that began together"
        world.clock.forward(120)
        await deliver(world)
        [moved] = await webhooks_of(world.instance, world.acme.org, world.operator)
        assert moved.fed_id > webhook.fed_id
        await deliver(world)
        assert len(there.requests) == 1


@pytest.mark.parametrize("answer", [ok(b"no", status="500 Oops"), ok(b"", "Location: /", status="302 Found"), b""])
async def test_what_fails_is_tried_again_with_the_same_id(world: World, answer: bytes) -> None:
    async with stranger(answer) as there:
        webhook, secret = await listen(world, there, "resource")
        id = await tell(world)
        await deliver(world)
        [(_, failed, _)] = await state(world, webhook)
        found = await webhook_of(world.instance, world.acme.org, render_id("whk", webhook.id), world.operator)
        assert (failed, found.failing_at) == ("failed", world.clock())
        there.answer = GOOD
        world.clock.forward(WAITS[0])
        await deliver(world)
        stamps = [received(world, each, secret) for each in there.requests]
        assert [each.id for each in stamps] == [id, id]
        assert [each[1] for each in await state(world, webhook)] == ["delivered"]
        found = await webhook_of(world.instance, world.acme.org, render_id("whk", webhook.id), world.operator)
        assert found.failing_at is None


async def test_what_never_arrives_is_given_up_and_nobody_is_told_of_that_by_webhook(world: World) -> None:
    async with stranger(ok(b"", status="500 Oops")) as there:
        webhook, _ = await listen(world, there)
        await tell(world)
        for _ in range(len(WAITS) + 2):
            await deliver(world)
            world.clock.forward(max(WAITS))
        told = await world.events(world.acme.org, "delivery.given_up")
        assert {json.loads(event.detail)["target"] for event in told} == {render_id("whk", webhook.id)}
        await deliver(world)
        # Of the two events that it hears of: the one told, and that it was made itself.
        assert len(there.requests) == 2 * (len(WAITS) + 1)
        assert len([each for each in await state(world, webhook) if each[1] == "failed"]) == 2


async def test_whoever_says_gone_is_not_asked_again(world: World) -> None:
    async with stranger(ok(b"", status="410 Gone")) as there:
        await listen(world, there, "resource")
        await tell(world)
        for _ in range(3):
            await deliver(world)
            world.clock.forward(max(WAITS))
        assert len(there.requests) == 1


async def test_two_secrets_sign_while_one_replaces_the_other(world: World) -> None:
    async with stranger(GOOD) as there:
        webhook, old = await listen(world, there, "resource")
        new = await renew_secret(world.instance, world.acme.org, webhook, 3600, world.operator)
        world.canary.watch(new.reveal())
        await tell(world)
        await deliver(world)
        for secret in (old, new.reveal()):
            received(world, there.requests[0], secret)
        world.clock.forward(3600)
        await tell(world)
        await deliver(world)
        received(world, there.requests[1], new.reveal())
        with pytest.raises(WebhookError):
            received(world, there.requests[1], old)


async def test_a_test_is_sent_at_once_and_once(world: World) -> None:
    async with stranger(GOOD) as there:
        webhook, secret = await listen(world, there, "grant")
        attempt = await try_webhook(world.instance, world.acme.org, webhook, world.operator)
        assert (attempt.status, attempt.is_ok, attempt.answer) == (202, True, "thanks")
        assert [type for type, _ in events(world, there, secret)] == ["webhook.tested"]
        await deliver(world)
        assert len(there.requests) == 1
        there.answer = ok(b"", status="404 Not Found")
        attempt = await try_webhook(world.instance, world.acme.org, webhook, world.operator)
        assert (attempt.status, attempt.is_ok) == (404, False)
        assert [each[1:] for each in await state(world, webhook)] == [("failed", [404]), ("delivered", [202])]


async def test_a_delivery_is_sent_once_more(world: World) -> None:
    async with stranger(GOOD) as there:
        webhook, secret = await listen(world, there, "resource")
        id = await tell(world)
        await deliver(world)
        await resend(world.instance, world.acme.org, webhook, id, world.operator)
        assert await refusal(resend(world.instance, world.acme.org, webhook, id, world.operator)) == "conflict"
        await deliver(world)
        assert [each for _, each in events(world, there, secret)] == [id, id]
        assert await state(world, webhook) == [("resource.made", "delivered", [202, 202])]
        other = render_id("evt", new_id())
        assert await refusal(resend(world.instance, world.acme.org, webhook, other, world.operator)) == "not_found"


async def test_what_is_disabled_or_deleted_hears_nothing(world: World) -> None:
    async with stranger(GOOD) as there:
        webhook, _ = await listen(world, there, "resource")
        await tell(world)
        await Feeder(world.instance).feed_new()
        off = await change_webhook(world.instance, world.acme.org, webhook, world.operator, disabled=True)
        await tell(world)
        await deliver(world)
        assert there.requests == []
        on = await change_webhook(world.instance, world.acme.org, off, world.operator, disabled=False)
        await deliver(world)
        assert there.requests == [], "it hears of what happens from now on"
        await drop_webhook(world.instance, world.acme.org, on, world.operator)
        await deliver(world)
        assert await world.instance.store.ask(_count("webhook_deliveries")) == 0


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.com/", "ftp://example.com/", "https://user@example.com/", "https://10.0.0.1/", "hello", ""),
        *("https://127.0.0.1/", "https://169.254.169.254/latest", "https://[::1]/", "https://0x7f.1/", "https://a b/"),
        *("https://[::ffff:10.0.0.1]/", "https://192.168.1.1:8443/", "https://93.184.215.14:6379/"),
    ],
)
async def test_a_place_that_no_request_may_go_to_is_refused_in_one_way(open_world: OpenWorld, url: str) -> None:
    world = await open_world()
    making = create_webhook(world.instance, world.acme.org, url, (), "Bad", world.operator)
    assert await refusal(making) == "invalid_request"
    assert await webhooks_of(world.instance, world.acme.org, world.operator) == []


async def test_types_are_ones_that_there_are(world: World) -> None:
    async with stranger(GOOD) as there:
        url = f"http://127.0.0.1:{there.port}/"
        for types in (["grants"], ["grant.mad"], ["*"]):
            making = create_webhook(world.instance, world.acme.org, url, types, "Bad", world.operator)
            assert await refusal(making) == "invalid_request"


async def test_an_organization_has_so_many(world: World) -> None:
    async with stranger(GOOD) as there:
        for _ in range(MAX_WEBHOOKS):
            await listen(world, there)
        making = create_webhook(
            world.instance, world.acme.org, f"http://127.0.0.1:{there.port}/", (), "x", world.operator
        )
        assert await refusal(making) == "conflict"


async def test_roles_and_organizations_are_kept_apart(world: World) -> None:
    async with stranger(GOOD) as there:
        webhook, _ = await listen(world, there, "resource")
        id, org = render_id("whk", webhook.id), world.acme.org
        auditor, developer = await somebody(world, "auditor"), await somebody(world, "developer")
        assert (await webhook_of(world.instance, org, id, auditor)).id == webhook.id
        assert await refusal(drop_webhook(world.instance, org, webhook, auditor)) == "not_allowed"
        assert await refusal(try_webhook(world.instance, org, webhook, auditor)) == "not_allowed"
        assert await refusal(renew_secret(world.instance, org, webhook, 0, auditor)) == "not_allowed"
        assert await refusal(webhooks_of(world.instance, org, developer)) == "not_allowed"
        assert await refusal(webhook_of(world.instance, world.beta.org, id, auditor)) == "not_found"
        assert await refusal(webhook_of(world.instance, world.beta.org, id, world.operator)) == "not_found"


async def test_nobody_listening_costs_one_look(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(question: object) -> None:
        raise AssertionError("nothing is written")

    monkeypatch.setattr(world.instance.store, "ask", refuse)
    await Feeder(world.instance).feed_new(look_back=True)


async def test_old_deliveries_are_swept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatepost.store.webhooks.KEPT", 3)
    async with stranger(GOOD) as there:
        webhook, _ = await listen(world, there, "resource")
        for _ in range(8):
            await tell(world)
        await deliver(world)
        world.clock.forward(DAY)
        await tell(world)
        await deliver(world)
        assert 3 <= len(await state(world, webhook)) <= 4


async def test_what_is_swept_before_it_arrived_arrives_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatepost.store.webhooks.KEPT", 3)
    async with stranger(ok(b"", status="503 Busy")) as there:
        webhook, secret = await listen(world, there, "resource")
        told = {("resource.made", await tell(world)) for _ in range(8)}
        await deliver(world)
        world.clock.forward(DAY)
        await Feeder(world.instance).feed_new(look_back=True)
        assert len(await state(world, webhook)) < len(told)
        there.answer = GOOD
        there.requests.clear()
        await send_due(world)
        assert set(events(world, there, secret)) == told


async def test_what_is_for_a_webhook_that_fails_waits_in_a_queue_of_its_own(world: World) -> None:
    async with stranger(ok(b"", status="503 Busy")) as failing, stranger(GOOD) as there:
        await listen(world, failing, "resource")
        _, secret = await listen(world, there, "resource")
        first = await tell(world)
        await deliver(world)
        second = await tell(world)
        await Feeder(world.instance).feed_new()
        await Outbox(world.instance, {WEBHOOK: DELIVERIES[WEBHOOK]}).send_due()
        assert [id for _, id in events(world, there, secret)] == [first, second]
        assert len(failing.requests) == 1, "nobody waits for it where all are sent"
        await send_due(world)
        assert len(failing.requests) == 2
        world.clock.forward(WAITS[0])
        await send_due(world)
        assert len(failing.requests) == 4
