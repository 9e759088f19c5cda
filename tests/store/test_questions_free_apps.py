"""What the questions promise of apps that belong to no organization: their rows, and the grants that stand on them."""

import asyncio

from msgspec.structs import replace

from gatepost.records import App, Grant
from gatepost.secrets import new_id
from gatepost.store.apps import end_free_app, find_app, keep_free_app, list_redirect_uris, set_app_disabled
from gatepost.store.events import list_events
from gatepost.store.grants import Made, find_grant, redeem
from gatepost.store.question import INSTANCE, Store
from gatepost.store.resources import delete_resource

from .world import EPOCH, NOW, World, act, app, new_grant, populate

CLIENT_ID = "https://app.example/client.json"
URI = "https://app.example/cb"


def free_app() -> App:
    return replace(app(INSTANCE, CLIENT_ID), auth_method="none", kind="spa")


async def connect(store: Store, a: World) -> Grant:
    """A grant of the free app in an organization, for an API of that."""
    new = replace(new_grant(a, new_id(), key=False), client_id=CLIENT_ID, app_org=INSTANCE)
    assert await store.ask(redeem(a.org, new, NOW, act())) == Made()
    grant = await store.read(find_grant(a.org, new.id))
    assert grant is not None
    return grant


async def test_it_gets_its_row_once_however_many_are_at_it(store: Store) -> None:
    await asyncio.gather(*(store.ask(keep_free_app(free_app(), (URI,), EPOCH, act())) for _ in range(10)))
    assert await store.read(find_app(INSTANCE, CLIENT_ID)) == free_app()
    assert await store.read(list_redirect_uris(INSTANCE, CLIENT_ID)) == [URI]
    assert [each.type for each in await store.read(list_events(INSTANCE, 10))] == ["app.made", "app.redirect_uri_added"]


async def test_its_row_follows_what_it_says_and_keeps_what_was_done_to_it(store: Store) -> None:
    await store.ask(keep_free_app(free_app(), (URI,), EPOCH, act()))
    await store.ask(set_app_disabled(INSTANCE, CLIENT_ID, True, act()))
    changed = replace(free_app(), name="New", kind="native", created_at=NOW + 1)
    await store.ask(keep_free_app(changed, ("https://app.example/new",), EPOCH + 1, act(NOW + 1)))
    kept = await store.read(find_app(INSTANCE, CLIENT_ID))
    assert kept == replace(changed, created_at=NOW, disabled_at=NOW, version=1)
    assert await store.read(list_redirect_uris(INSTANCE, CLIENT_ID)) == ["https://app.example/new"]


async def test_its_grants_live_by_the_apis_of_the_organization_they_are_in(store: Store) -> None:
    a, b = await populate(store, "acme"), await populate(store, "beta")
    await store.ask(keep_free_app(free_app(), (URI,), EPOCH, act()))
    grant = await connect(store, a)
    assert (grant.app_org, grant.resource_exists, grant.app_auth_method) == (INSTANCE, True, "none")
    await store.ask(delete_resource(a.org, a.resource, act()))
    found = await store.read(find_grant(a.org, grant.id))
    assert found is not None
    assert not found.resource_exists
    assert await store.read(find_grant(b.org, grant.id)) is None


async def test_its_grants_are_held_up_while_it_is_disabled(store: Store) -> None:
    a = await populate(store, "acme")
    await store.ask(keep_free_app(free_app(), (URI,), EPOCH, act()))
    grant = await connect(store, a)
    await store.ask(set_app_disabled(INSTANCE, CLIENT_ID, True, act(NOW + 1)))
    found = await store.read(find_grant(a.org, grant.id))
    assert found is not None
    assert found.app_disabled_at == NOW + 1


async def test_one_that_is_no_more_does_not_come_back_by_itself(store: Store) -> None:
    await store.ask(end_free_app(free_app(), (URI,), EPOCH, act()))
    await store.ask(keep_free_app(replace(free_app(), name="New"), (URI,), EPOCH, act()))
    kept = await store.read(find_app(INSTANCE, CLIENT_ID))
    assert kept is not None
    assert (kept.name, kept.disabled_at) == ("New", NOW)
