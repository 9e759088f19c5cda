"""Seals: one to a number, whoever comes first; and which organizations have something to seal."""

from gatepost.secrets import first_id_at, new_id
from gatepost.store.events import record
from gatepost.store.orgs import make_org
from gatepost.store.question import Store
from gatepost.store.seals import events_between, keep_seal, list_seal_keys, list_seals, list_unsealed, newest_seal

from .conftest import Database
from .test_races import race
from .world import a_seal, act, populate

EVER = b"\xff" * 16


async def test_of_many_who_seal_at_once_one_does(database: Database) -> None:
    org = new_id()
    seals = [a_seal(1) for _ in range(16)]
    kept = await race(database, [keep_seal(org, each, f"kid-{seals.index(each)}", b"key") for each in seals])
    assert sorted(kept) == [False] * 15 + [True]
    store = database.open()
    # The race shares its questions out, so the winner is found by what is there.
    [seal] = await store.read(list_seals(org))
    assert seal in seals
    assert await store.read(list_seal_keys()) == [(f"kid-{seals.index(seal)}", b"key")]


async def test_seals_are_listed_in_order_and_the_newest_is_found(store: Store) -> None:
    org, seals = new_id(), [a_seal(number) for number in range(1, 6)]
    assert await store.read(newest_seal(org)) is None
    for seal in seals:
        assert await store.ask(keep_seal(org, seal, "kid", b"key"))
    assert await store.read(list_seals(org, 1, 3)) == seals[1:4]
    assert await store.read(newest_seal(org)) == seals[-1]


async def test_only_what_is_not_sealed_yet_is_found_page_by_page(store: Store) -> None:
    worlds = sorted([await populate(store, name) for name in "abcd"])
    orgs = [world.org for world in worlds]
    assert await store.read(list_unsealed(b"", 10, EVER)) == ([], orgs[-1]), "their seals are newer than their events"
    await store.ask(record(orgs[1], "test.told", act()))
    await store.ask(record(orgs[3], "test.told", act()))
    assert await store.read(list_unsealed(b"", 3, EVER)) == ([orgs[1]], orgs[2])
    assert await store.read(list_unsealed(orgs[2], 3, EVER)) == ([orgs[3]], orgs[3])
    assert await store.read(list_unsealed(orgs[3], 3, EVER)) == ([], None)
    assert await store.read(list_unsealed(b"", 3, first_id_at(0))) == ([], orgs[2]), "they are too new"


async def test_an_organization_without_a_seal_has_everything_to_seal(store: Store) -> None:
    org = (await store.ask(make_org(new_id(), "Fresh", 1, act()))).id
    assert await store.read(list_unsealed(b"", 10, EVER)) == ([org], org)
    ids = [await store.ask(record(org, "test.told", act())) for _ in range(3)]
    assert [each.id for each in await store.read(events_between(org, ids[0], ids[2], 10))] == [ids[1]]
