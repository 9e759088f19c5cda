"""What the questions about limits promise: they hold from the next look-up on, and nobody else's are touched."""

from gatepost.light import replace
from gatepost.rates import Rates
from gatepost.store.apps import find_app, replace_app
from gatepost.store.events import list_events, policy_version
from gatepost.store.grants import find_grant
from gatepost.store.limits import limit_app, limit_grant, limit_org
from gatepost.store.orgs import find_org
from gatepost.store.question import Store

from .world import act, populate


async def test_limits_are_set_and_taken_away(store: Store) -> None:
    a, b = await populate(store, "acme"), await populate(store, "beta")
    before: tuple[int | None, ...] = (None, None)
    for rates in ((1, 2, 3), (None, None, 3), (None, None, None)):
        assert await store.ask(limit_grant(a.org, a.grant, before[0], rates[0], act()))
        assert await store.ask(limit_app(a.org, a.client_id, before[1], rates[1], act()))
        assert await store.ask(limit_org(a.org, rates[2], act()))
        grant, app, org = (
            await store.read(find_grant(a.org, a.grant)),
            await store.read(find_app(a.org, a.client_id)),
            await store.read(find_org(a.org)),
        )
        assert grant
        assert app
        assert org
        assert (grant.rates or Rates(None, None, None)) == Rates(*rates)
        assert (app.rates or Rates(None, None, None)) == Rates(None, *rates[1:])
        assert org.rate_limit == rates[2]
        before = rates
    other = await store.read(find_grant(b.org, b.grant))
    assert other
    assert other.rates is None


async def test_a_change_of_the_app_leaves_its_limit(store: Store) -> None:
    a = await populate(store, "acme")
    await store.ask(limit_app(a.org, a.client_id, None, 600, act()))
    app = await store.read(find_app(a.org, a.client_id))
    assert app
    await store.ask(replace_app(replace(app, name="Another", rate_limit=None), act()))
    changed = await store.read(find_app(a.org, a.client_id))
    assert changed
    assert (changed.name, changed.rate_limit) == ("Another", 600)


async def test_what_is_remembered_of_apps_is_looked_up_again(store: Store) -> None:
    a = await populate(store, "acme")
    before = await store.read(policy_version())
    await store.ask(limit_app(a.org, a.client_id, None, 600, act()))
    await store.ask(limit_org(a.org, 600, act()))
    assert await store.read(policy_version()) == before + 2


async def test_each_is_an_event_that_says_the_limit(store: Store) -> None:
    a = await populate(store, "acme")
    await store.ask(limit_org(a.org, 600, act()))
    await store.ask(limit_grant(a.org, a.grant, None, None, act()))
    told = [(each.type, each.detail, each.grant_id) for each in await store.read(list_events(a.org, limit=100))]
    assert ("org.limited", '{"rate_limit":"600/m"}', None) in told
    assert ("grant.limited", '{"rate_limit":"none"}', a.grant) in told


async def test_what_is_not_there_is_not_limited(store: Store) -> None:
    a = await populate(store, "acme")
    assert not await store.ask(limit_grant(a.org, b"x" * 16, None, 1, act()))
    assert not await store.ask(limit_app(a.org, "nobody", None, 1, act()))
    assert not await store.ask(limit_org(b"x" * 16, 1, act()))


async def test_of_two_who_saw_the_same_limit_one_sets_another(store: Store) -> None:
    a = await populate(store, "acme")
    assert [await store.ask(limit_app(a.org, a.client_id, None, rate, act())) for rate in (1, 2)] == [True, False]
    assert [await store.ask(limit_grant(a.org, a.grant, None, rate, act())) for rate in (1, 2)] == [True, False]
    assert await store.ask(limit_app(a.org, a.client_id, 1, None, act()))
    assert await store.ask(limit_grant(a.org, a.grant, 1, None, act()))
