"""The outbox at work: what is put is sent once by whichever node comes to it, tried again when it fails, and given up."""

import asyncio
import json
from collections import Counter
from typing import Any

import pytest

from gatepost.flows import outbox
from gatepost.flows.instance import Instance
from gatepost.flows.outbox import LEASE_SECONDS, WAITS, Content, Outbox, UndeliveredError, write_letter
from gatepost.records import Letter
from gatepost.store.outbox import next_due_at, put_letter
from gatepost.store.question import INSTANCE
from patience import until

from .world import World


class Post:
    """Somebody else's server: notes what reaches it, and fails as often as it is told to."""

    def __init__(self, *faults: Exception) -> None:
        self.arrived: list[tuple[str, Any]] = []
        self.tries = 0
        self._faults = list(faults)

    async def __call__(self, instance: Instance, target: str, content: Content) -> tuple[Letter, ...]:
        self.tries += 1
        await asyncio.sleep(0)
        if self._faults:
            raise self._faults.pop(0)
        self.arrived.append((target, content["text"]))
        return ()

    async def wait_for(self, *texts: str) -> None:
        """Come back once these have arrived, and fail if anything else has."""

        async def have_arrived() -> bool:
            return len(self.arrived) >= len(texts)

        await until(have_arrived)
        assert [text for _, text in self.arrived] == list(texts)


async def put(world: World, text: str = "hello", **content: str) -> Letter:
    letter = write_letter(world.instance, "test", "ann@example.test", {"text": text, **content})
    await world.instance.store.ask(put_letter(letter))
    return letter


async def test_a_letter_is_sent_once(world: World) -> None:
    post = Post()
    await put(world)
    box = Outbox(world.instance, {"test": post})
    assert (await box.send_due(), await box.send_due()) == (1, 0)
    assert post.arrived == [("ann@example.test", "hello")]


async def test_two_nodes_share_the_letters(world: World) -> None:
    post = Post()
    other = await world.again()
    texts = [str(number) for number in range(40)]
    for text in texts:
        await put(world, text)
    await asyncio.gather(*(Outbox(each.instance, {"test": post}).send_due() for each in (world, other) for _ in "ab"))
    assert Counter(text for _, text in post.arrived) == Counter(texts)


async def test_what_fails_is_tried_again_ever_more_rarely(world: World) -> None:
    post = Post(UndeliveredError("refused"), TimeoutError(), RuntimeError("a bug"))
    await put(world)
    box = Outbox(world.instance, {"test": post})
    for wait in WAITS[:3]:
        await box.send_due()
        world.clock.forward(wait - 1)
        assert await box.send_due() == 0
        world.clock.forward(1)
    await box.send_due()
    assert (post.tries, len(post.arrived)) == (4, 1)
    assert len(world.canary.take_faults()) == 1, "the bug alone"


async def test_what_never_arrives_is_given_up_with_an_event_for_its_organization(world: World) -> None:
    post = Post(*[UndeliveredError("connection refused")] * 100)
    await put(world, org=world.acme.org.hex(), client_id="web-acme")
    box = Outbox(world.instance, {"test": post})
    for _ in range(20):
        await box.send_due()
        world.clock.forward(max(WAITS))
    assert post.tries == len(WAITS) + 1
    [event] = await world.events(world.acme.org, "delivery.given_up")
    assert (event.result, event.client_id, event.actor) == ("failed", "web-acme", "outbox")
    assert json.loads(event.detail) == {
        "kind": "test",
        "target": "ann@example.test",
        "tries": post.tries,
        "why": "connection refused",
    }


async def test_what_cannot_arrive_is_not_tried_again(world: World) -> None:
    post = Post(UndeliveredError("no such address", final=True))
    await put(world)
    await Outbox(world.instance, {"test": post}).send_due()
    world.clock.forward(10 * max(WAITS))
    assert await Outbox(world.instance, {"test": post}).send_due() == 0
    assert [event.type for event in await world.events(INSTANCE, "delivery.given_up")] == ["delivery.given_up"]


async def test_what_a_node_died_with_is_sent_by_another(world: World) -> None:
    letter = await put(world)
    dying = asyncio.create_task(Outbox(world.instance, {"test": _hang}).send_due())

    async def is_claimed() -> bool:
        return await world.instance.store.read(next_due_at("test")) == world.clock.now + LEASE_SECONDS

    await until(is_claimed)
    dying.cancel()
    await asyncio.wait([dying])
    post = Post()
    box = Outbox((await world.again()).instance, {"test": post})
    assert await box.send_due() == 0
    world.clock.forward(LEASE_SECONDS)
    assert await box.send_due() == 1
    assert post.arrived == [(letter.target, "hello")]


async def test_the_loop_goes_on_beside_one_that_hangs_and_ends_when_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(outbox, "STOP_SECONDS", 0.05)
    post = Post()
    await put(world)
    letter = write_letter(world.instance, "hanging", "nobody", {})
    await world.instance.store.ask(put_letter(letter))
    running = asyncio.create_task(Outbox(world.instance, {"test": post, "hanging": _hang}).run())
    await post.wait_for("hello")
    await put(world, "a second one")
    await post.wait_for("hello", "a second one")
    running.cancel()
    await asyncio.wait([running], timeout=2)
    assert running.cancelled()
    async with asyncio.timeout(2):
        await world.settle()


async def test_a_kind_that_hangs_keeps_no_other_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(outbox, "STOP_SECONDS", 0.05)
    for _ in range(outbox.AT_ONCE + 1):
        await world.instance.store.ask(put_letter(write_letter(world.instance, "hanging", "nobody", {})))
    world.clock.forward(1)
    post = Post()
    await put(world)
    running = asyncio.create_task(Outbox(world.instance, {"hanging": _hang, "test": post}).run())
    await post.wait_for("hello")
    running.cancel()
    await asyncio.wait([running], timeout=2)


async def test_the_content_is_sealed(world: World) -> None:
    letter = await put(world, "open sesame")
    assert b"sesame" not in letter.sealed
    assert not [path for path in world.files if b"sesame" in path.read_bytes()]
    post = Post()
    await put(world)
    await world.instance.store.ask(put_letter(letter._replace(id=bytes(16))))
    await Outbox(world.instance, {"test": post}).send_due()
    assert len(post.arrived) == 2
    [event] = await world.events(INSTANCE, "delivery.given_up")
    assert json.loads(event.detail)["why"] == "the instance key does not open it"


async def _hang(instance: Instance, target: str, content: Content) -> tuple[Letter, ...]:
    await asyncio.Event().wait()
    return ()
