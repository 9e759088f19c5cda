"""What the questions that page through an organization promise: an order, cursors, filters, and an end to their looking."""

import pytest
from msgspec.structs import replace

from gatepost.secrets import new_id
from gatepost.store import browsing
from gatepost.store.apps import add_secret, make_app, set_app_disabled
from gatepost.store.browsing import (
    AppUse,
    Named,
    browse_apps,
    browse_events,
    browse_grants,
    find_names,
    list_expiring_of,
    uses_of_apps,
)
from gatepost.store.events import find_event, list_events, record
from gatepost.store.grants import make_grant
from gatepost.store.keys import make_key
from gatepost.store.question import Store
from gatepost.store.revocations import revoke_app_grants

from .world import EPOCH, NOW, World, act, app, key, new_grant, populate, secret

NAMES = ("apple", "Banana", "banana", "cherry")


@pytest.fixture
async def world(store: Store) -> World:
    world = await populate(store, "acme")
    for number, name in enumerate(NAMES):
        made = replace(app(world.org, f"c{number}"), name=name, kind="spa" if number % 2 else "web")
        await store.ask(make_app(made, (), EPOCH, act()))
    return world


async def names(store: Store, world: World, **filters: object) -> list[str]:
    page = await store.read(browse_apps(world.org, None, 10, **filters))  # type: ignore[arg-type]  # as the test says
    return [each.name for each in page.rows]


async def test_apps_come_by_name_and_page_by_page(store: Store, world: World) -> None:
    seen, cursor = [], None
    while True:
        page = await store.read(browse_apps(world.org, cursor, 2, name=""))
        seen += [each.name for each in page.rows]
        cursor = page.next
        if cursor is None:
            break
        assert not page.is_cut
    assert [each for each in seen if each in NAMES] == list(NAMES)
    assert len(seen) == len(NAMES) + 1


async def test_apps_are_found_by_how_their_name_begins_kind_and_state(store: Store, world: World) -> None:
    assert await names(store, world, name="BAN") == ["Banana", "banana"]
    assert await names(store, world, name="anana") == []
    assert await names(store, world, name="b%") == []
    assert await names(store, world, kind="spa") == ["Banana", "cherry"]
    await store.ask(set_app_disabled(world.org, "c0", True, act()))
    assert await names(store, world, disabled=True) == ["apple"]
    assert "apple" not in await names(store, world, disabled=False)
    assert await names(store, world, created_by=new_id()) == []


async def test_a_page_looks_at_so_many_rows_and_says_where_it_stopped(
    store: Store, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browsing, "SCAN", 2)
    cut = await store.read(browse_apps(world.org, None, 10, kind="service"))
    assert (cut.rows, cut.is_cut) == ([], True)
    looked, cursor = 0, cut.next
    while cursor:
        looked += 1
        cursor = (await store.read(browse_apps(world.org, cursor, 10, kind="service"))).next
    assert looked == 2
    events = await store.read(browse_events(world.org, None, 10, type="no.such"))
    assert (events.rows, events.is_cut) == ([], True)


async def test_grants_come_newest_first(store: Store, world: World) -> None:
    newest = new_id()
    assert await store.ask(make_grant(world.org, new_grant(world, newest), act()))
    first = await store.read(browse_grants(world.org, None, 2))
    assert [each.grant.id for each in first.rows] == [newest, world.revoked_grant]
    rest = await store.read(browse_grants(world.org, first.next, 2, client_id=world.client_id, user_id=world.user))
    assert ([each.grant.id for each in rest.rows], rest.next) == ([world.grant], None)
    assert {each.email for each in rest.rows} == set(
        (await store.read(find_names(world.org, (), [world.user]))).values()
    )
    assert (await store.read(browse_grants(world.org, None, 2, client_id="other"))).rows == []
    assert (await store.read(browse_grants(world.org, None, 2, user_id=new_id()))).rows == []


async def test_what_has_to_be_looked_up_is_looked_up_in_parts(
    store: Store, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connections of a person with one app, and the events of an app that match: no index has both together."""
    newest = new_id()
    assert await store.ask(make_grant(world.org, new_grant(world, newest), act()))
    monkeypatch.setattr(browsing, "LOOKED_UP", 1)
    found: list[Named] = []
    cursor, looks = None, 0
    while cursor or not looks:
        page = await store.read(browse_grants(world.org, cursor, 10, client_id=world.client_id, user_id=world.user))
        found, cursor, looks = found + page.rows, page.next, looks + 1
        assert page.is_cut == bool(cursor)
    everything = await store.read(browse_grants(world.org, None, 10, user_id=world.user))
    assert found == [each for each in everything.rows if each.grant.client_id == world.client_id]
    assert looks > len(everything.rows)
    events = await store.read(browse_events(world.org, None, 10, client_id=world.client_id, type="no.such"))
    assert (events.rows, events.is_cut) == ([], True)


async def test_events_come_newest_first_by_app_type_result_and_time(store: Store, world: World) -> None:
    await store.ask(record(world.org, "request.refused", replace(act(), client_id="c0"), result="invalid_client"))
    everything = await store.read(list_events(world.org, 1000))
    page = await store.read(browse_events(world.org, None, 1000))
    assert page.rows == everything[::-1]
    first = await store.read(browse_events(world.org, None, 3))
    second = await store.read(browse_events(world.org, first.next, 3))
    assert first.rows + second.rows == page.rows[:6]
    of_app = await store.read(browse_events(world.org, None, 9, client_id="c0"))
    assert [each.type for each in of_app.rows] == ["request.refused", "app.made"]
    refused = await store.read(browse_events(world.org, None, 9, result="refused"))
    assert [each.type for each in refused.rows] == ["request.refused"]
    assert (await store.read(browse_events(world.org, None, 9, type="app"))).rows
    assert (await store.read(browse_events(world.org, None, 9, since=NOW + 1))).rows == []


async def test_names_are_found_together(store: Store, world: World) -> None:
    assert await store.read(find_names(world.org, (), ())) == {}
    names = await store.read(find_names(world.org, [world.client_id, "no such"], [world.user, new_id()], [world.key]))
    assert set(names) == {world.client_id, world.user, world.key}


async def test_one_event_is_found_by_its_id(store: Store, world: World) -> None:
    event = await store.ask(record(world.org, "app.changed", act()))
    found = await store.read(find_event(world.org, event))
    assert found
    assert (found.id, found.type) == (event, "app.changed")
    assert await store.read(find_event(world.org, new_id())) is None


async def test_what_ends_soon_comes_first_to_end_first(store: Store, world: World) -> None:
    assert await store.read(list_expiring_of(world.org, NOW + 100, 9)) == []
    await store.ask(add_secret(world.org, "c0", replace(secret(new_id()), expires_at=NOW + 50), act()))
    await store.ask(make_key(replace(key(world.org, new_id()), name="CI", expires_at=NOW + 20), EPOCH, act()))
    await store.ask(add_secret(world.org, "c1", replace(secret(new_id()), expires_at=NOW + 100), act()))
    soon = await store.read(list_expiring_of(world.org, NOW + 100, 9))
    assert [(each.client_id, each.expires_at) for each in soon] == [("", NOW + 20), ("c0", NOW + 50)]
    assert len(await store.read(list_expiring_of(world.org, NOW + 100, 1))) == 1


async def test_an_app_is_used_by_what_of_it_is_alive(store: Store, world: World) -> None:
    for number in range(4):
        grant = replace(new_grant(world, new_id()), idle_ttl=100 * (number + 1))
        await store.ask(make_grant(world.org, grant, act()))
    apps = (world.client_id, "c0", "nobody")
    uses = await store.read(uses_of_apps(world.org, apps, NOW, 10))
    alive = uses[world.client_id].connections
    assert not uses[world.client_id].is_more
    assert uses["c0"] == uses["nobody"] == AppUse(0, False, None)
    later = await store.read(uses_of_apps(world.org, apps, NOW + 200, 10))
    assert later[world.client_id].connections == alive - 2, "two were not used for too long"
    cut = await store.read(uses_of_apps(world.org, apps, NOW, 2))
    assert cut[world.client_id] == AppUse(2, True, NOW)
    await store.ask(revoke_app_grants(world.org, world.client_id, act()))
    ended = await store.read(uses_of_apps(world.org, apps, NOW, 10))
    assert ended[world.client_id].connections == 0, "all of it were ended, by one number"
    assert await store.read(uses_of_apps(world.org, (), NOW, 10)) == {}
