"""The chain of events: whatever somebody does to the rows behind the server's back is found, and named."""

import asyncio
import os
import time
from collections.abc import Callable

import pytest

import postgres
from gatepost.errors import StoreUnavailableError
from gatepost.flows import sealing
from gatepost.flows.event_chain import SEALED, Entry, extend, origin_of
from gatepost.flows.event_proof import Fault, Proof, Prover, StoredEvents, parse_head
from gatepost.flows.event_words import FIELDS
from gatepost.flows.instance import wall_clock
from gatepost.flows.sealing import SETTLE_SECONDS, Sealer, seal
from gatepost.flows.signing import rotate
from gatepost.secrets import new_id
from gatepost.store.events import record
from gatepost.store.question import INSTANCE, SQL, Steps, Value, question
from gatepost.store.seals import list_seals
from patience import until

from .conftest import OpenWorld
from .world import DAY, World

PIECE = 4


@question
def run_sql(text: str, *params: Value) -> Steps[list[tuple[object, ...]]]:
    """What somebody with the database's password does."""
    return (yield SQL(text, params))


@pytest.fixture(params=["sqlite", "postgres"])
async def world(request: pytest.FixtureRequest, open_world: OpenWorld) -> World:
    """A world on each engine."""
    place = {"database": postgres.databases().new()} if request.param == "postgres" else {}
    return await open_world(place)


@pytest.fixture
async def sealed(world: World, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Acme's events, in three seals; their ids in order."""
    monkeypatch.setattr(sealing, "PIECE", PIECE)
    org = world.acme.org
    while len(await world.events(org)) < 3 * PIECE:
        await tell(world)
    # What making the world left beyond is cut down to a round number.
    await Sealer(world.instance).seal_settled()
    ids = [event.id for event in await world.events(org)]
    assert await prove(world) == (len(ids), [], 0)
    return ids


async def test_a_backlog_is_sealed_with_pauses(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an import there may be a million events to seal, and requests want to be answered meanwhile."""
    monkeypatch.setattr(sealing, "PIECE", PIECE)
    monkeypatch.setattr(sealing, "PAUSE_SECONDS", 3600)
    org = world.acme.org
    while len(await world.events(org)) < 2 * PIECE:
        await tell(world)
    catching_up = asyncio.ensure_future(seal(world.instance, org, b"\xff" * 16))
    _, late = await asyncio.wait((catching_up,), timeout=1)
    assert late == {catching_up}
    assert len(await world.instance.store.read(list_seals(org))) == 1
    catching_up.cancel()


async def tell(world: World, org: bytes | None = None) -> bytes:
    return await world.instance.store.ask(record(org or world.acme.org, "test.told", world.act, detail='{"n":1}'))


async def proof_of(world: World, org: bytes | None = None, head: str | None = None) -> Proof:
    prover = await Prover.open(world.instance, StoredEvents(world.instance), world.operator)
    return await prover.prove(org or world.acme.org, parse_head(head) if head else None)


async def prove(world: World, head: str | None = None) -> tuple[int, list[Fault], int]:
    """How many events are sealed, what is wrong, and how many are not sealed yet."""
    proof = await proof_of(world, head=head)
    return proof.events, proof.faults, proof.unsealed


async def do(world: World, text: str, *params: Value) -> None:
    await world.instance.store.ask(run_sql(text, *params))


async def test_what_is_untouched_is_proved(world: World, sealed: list[bytes]) -> None:
    for org in (INSTANCE, world.acme.org, world.beta.org):
        proof = await proof_of(world, org)
        assert (proof.faults, proof.unsealed, proof.events) == ([], 0, len(await world.events(org)))
    late = await tell(world)
    proof = await proof_of(world)
    assert (proof.faults, proof.unsealed, proof.unsealed_since) == ([], 1, late)


CHANGES = [
    ("at", "at + 1"),
    ("type", "'grant.made'"),
    ("result", "'failed'"),
    ("actor", "'nobody'"),
    ("client_id", "'other'"),
    ("address", "'192.0.2.99'"),
    ("detail", "'{\"n\":2}'"),
]


@pytest.mark.parametrize(("column", "value"), CHANGES)
async def test_a_changed_event_is_named(world: World, sealed: list[bytes], column: str, value: str) -> None:
    victim = sealed[PIECE + 1]
    sql = f"update events set {column} = {value} where org = ? and id = ?"
    await do(world, sql, world.acme.org, victim)
    assert (await prove(world))[1] == [Fault("changed", 2, victim)]


@pytest.mark.parametrize("index", [0, PIECE - 1, PIECE, PIECE + 2])
async def test_a_removed_event_is_named(world: World, sealed: list[bytes], index: int) -> None:
    await do(world, "delete from events where org = ? and id = ?", world.acme.org, sealed[index])
    assert (await prove(world))[1] == [Fault("removed", index // PIECE + 1, sealed[index])]


@pytest.mark.parametrize("index", [0, PIECE, PIECE + 2])
async def test_an_added_event_is_named(world: World, sealed: list[bytes], index: int) -> None:
    raw = int.from_bytes(sealed[index], "big") - 1
    added = raw.to_bytes(16, "big")
    await world.instance.store.ask(record(world.acme.org, "grant.made", world.act, id=added))
    assert (await prove(world))[1] == [Fault("added", index // PIECE + 1, added)]


async def test_two_that_were_swapped_are_named(world: World, sealed: list[bytes]) -> None:
    one, other, aside = sealed[1], sealed[PIECE + 1], new_id()
    await do(world, "update events set type = 'test.one' where org = ? and id = ?", world.acme.org, one)
    for old, new in ((one, aside), (other, one), (aside, other)):
        await do(world, "update events set id = ? where org = ? and id = ?", new, world.acme.org, old)
    assert (await prove(world))[1] == [Fault("changed", 1, one), Fault("changed", 2, other)]


async def test_an_event_of_another_organization_does_not_fill_a_gap(world: World, sealed: list[bytes]) -> None:
    await do(world, "update events set org = ? where org = ? and id = ?", world.beta.org, world.acme.org, sealed[1])
    assert (await prove(world))[1] == [Fault("removed", 1, sealed[1])]
    assert [each.what for each in (await proof_of(world, world.beta.org)).faults] == ["added"]


@pytest.mark.parametrize("seq", [1, 2])
async def test_a_missing_seal_leaves_a_hole(world: World, sealed: list[bytes], seq: int) -> None:
    await do(world, "delete from event_seals where org = ? and seq = ?", world.acme.org, seq)
    assert (await prove(world))[1] == [Fault("seal_missing", seq)]


async def test_seals_that_are_counted_anew_do_not_close_a_hole(world: World, sealed: list[bytes]) -> None:
    org = world.acme.org
    await do(world, "delete from event_seals where org = ? and seq = 1", org)
    for seq in (2, 3):
        await do(world, "update event_seals set seq = ? where org = ? and seq = ?", seq - 1, org, seq)
    assert Fault("seal_broken", 1) in (await prove(world))[1]


async def test_a_cut_off_end_is_seen_by_who_noted_its_head(world: World, sealed: list[bytes]) -> None:
    head = str((await proof_of(world)).head)
    count = (await prove(world, head))[0]
    last = (await world.instance.store.read(list_seals(world.acme.org)))[-1]
    before = (await world.instance.store.read(list_seals(world.acme.org)))[-2]
    await do(world, "delete from event_seals where org = ? and seq = ?", world.acme.org, last.seq)
    await do(world, "delete from events where org = ? and id > ?", world.acme.org, before.last_id)
    assert (await prove(world))[1] == [], "nothing that is left in the database tells of it"
    assert (await prove(world, head))[1] == [Fault("cut_off", last.seq)]
    for _ in range(count):
        await tell(world)
    await Sealer(world.instance).seal_settled()
    assert Fault("cut_off", last.seq) in (await prove(world, head))[1], "nor does another end do for it"


async def test_events_alone_cannot_be_cut_off(world: World, sealed: list[bytes]) -> None:
    await do(world, "delete from events where org = ? and id > ?", world.acme.org, sealed[PIECE - 1])
    found = (await prove(world))[1]
    assert [(each.what, each.event) for each in found] == [("removed", id) for id in sealed[PIECE:]]


@pytest.mark.parametrize(
    "sql",
    [
        "update event_seals set entries = substr(entries, 1, 48) where org = ? and seq = ?",
        "update event_seals set statement = substr(statement, 1, length(statement) - 2) || 'AA' where org = ? and seq = ?",
        "update event_seals set statement = '' where org = ? and seq = ?",
        "update event_seals set last_id = substr(last_id, 1, 8) where org = ? and seq = ?",
    ],
)
async def test_a_changed_seal_is_named(world: World, sealed: list[bytes], sql: str) -> None:
    await do(world, sql, world.acme.org, 2)
    assert Fault("seal_broken", 2) in (await prove(world))[1]


async def test_a_seal_of_somebody_elses_key_is_none(world: World, sealed: list[bytes]) -> None:
    """Whoever changes an event can make the seal that fits it, but not have it vouched for."""
    other = await world.again()
    await rotate(other.instance.store, other.instance.keyring, other.operator, max_age=0, force=True)
    await do(world, "update seal_keys set sealed = ?", b"\0" * 80)
    assert {each.what for each in (await prove(world))[1]} == {"seal_broken"}


async def test_seals_outlive_the_keys_that_signed_them(world: World, sealed: list[bytes]) -> None:
    for _ in range(3):
        await rotate(world.instance.store, world.instance.keyring, world.operator, max_age=0, force=True)
        world.clock.forward(3 * DAY)
        await world.instance.signing.look()
        await tell(world)
        await Sealer(world.instance).seal_settled()
    assert (await prove(world))[1:] == ([], 0)
    kept = await world.instance.store.ask(run_sql("select kid from seal_keys"))
    assert len(kept) == 4
    assert not {kid for (kid,) in kept} <= {key["kid"] for key in await world.instance.signing.published()}


async def test_what_has_not_settled_is_not_sealed(world: World) -> None:
    # Ids are made by the machine's clock, whatever the world's says.
    now = int.from_bytes(new_id()[:6], "big") // 1000
    world.clock.now = now + SETTLE_SECONDS - 5
    assert await Sealer(world.instance).seal_settled() == 0
    world.clock.now = now + SETTLE_SECONDS + 5
    assert await Sealer(world.instance).seal_settled() == 3
    assert await Sealer(world.instance).seal_settled() == 0


async def test_nodes_that_seal_at_once_make_one_chain_while_events_come(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "PIECE", PIECE)
    monkeypatch.setattr(sealing, "PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(sealing, "SETTLE_SECONDS", 1)
    world.clock.now = wall_clock()
    nodes = [world, await world.again(), await world.again()]
    over_at = time.monotonic() + 2.5

    async def work(node: World) -> None:
        while time.monotonic() < over_at:
            world.clock.now = wall_clock()
            await asyncio.gather(*(tell(node) for _ in range(5)))

    async def seal(node: World) -> int:
        made = 0
        while time.monotonic() < over_at:
            made += await Sealer(node.instance).seal_settled()
            await asyncio.sleep(0.01)
        return made

    working = asyncio.gather(*map(work, nodes))
    made = await asyncio.gather(*map(seal, nodes))
    await working
    world.clock.forward(10)
    rest = await Sealer(world.instance).seal_settled()
    assert rest
    assert sum(map(bool, made)) > 1, "no two nodes sealed: nothing was contested"
    assert (await prove(world))[1:] == ([], 0)
    seals = [seal for org in (INSTANCE, world.acme.org, world.beta.org) for seal in await seals_of(world, org)]
    assert sum(made) + rest == len(seals)


async def seals_of(world: World, org: bytes) -> list[object]:
    return list(await world.instance.store.read(list_seals(org, limit=100_000)))


async def test_sealing_goes_on_after_the_store_was_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "SEAL_SECONDS", 0.01)
    real, calls = world.instance.store.ask, 0

    async def sometimes(question: object) -> object:
        nonlocal calls
        calls += 1
        if calls < 3:
            raise StoreUnavailableError("the disk is full")
        return await real(question)  # type: ignore[arg-type]  # what `ask` takes is not of interest here

    monkeypatch.setattr(world.instance.store, "ask", sometimes)
    running = asyncio.create_task(Sealer(world.instance).run())

    async def all_are_sealed() -> bool:
        return (await proof_of(world)).unsealed == 0

    await until(all_are_sealed)
    running.cancel()
    await asyncio.wait([running])


def test_the_digest_is_over_every_member_of_an_exported_event() -> None:
    assert set(SEALED) == set(FIELDS)


def test_the_chain_depends_on_every_entry_and_on_their_order() -> None:
    one, two = Entry(b"1" * 16, b"a" * 32), Entry(b"2" * 16, b"b" * 32)
    start = origin_of(os.urandom(16))
    variants: list[Callable[[], bytes]] = [
        lambda: extend(start, [one, two]),
        lambda: extend(start, [two, one]),
        lambda: extend(start, [one]),
        lambda: extend(start, [one._replace(id=two.id), two]),
        lambda: extend(origin_of(b"other"), [one, two]),
    ]
    assert len({each() for each in variants}) == len(variants)
    assert extend(extend(start, [one]), [two]) == extend(start, [one, two])
