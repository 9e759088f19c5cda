"""Questions about roles, names and requests that are sent again, on both engines; with their races."""

from collections import Counter

import orjson

from gatepost.records import Consent
from gatepost.secrets import new_id, render_id
from gatepost.store.consents import find_consent, give_consent
from gatepost.store.events import find_event, list_events
from gatepost.store.grants import find_grant
from gatepost.store.idempotency import Kept, claim_request, forget_request, keep_answer
from gatepost.store.orgs import change_org, find_org
from gatepost.store.people import change_role, find_member, list_members, make_member, remove_member
from gatepost.store.question import Store
from gatepost.store.revocations import list_revocations

from .conftest import Database
from .test_races import Ask, race
from .world import DAY, EPOCH, NOW, World, act, dump, populate

LATER = NOW + DAY


async def owner(store: Store, world: World, name: str) -> bytes:
    """One more owner of the organization."""
    return (await store.ask(make_member(world.org, new_id(), f"{name}@acme.example", None, "owner", EPOCH, act())))[0]


async def test_a_role_changes_from_what_it_was(store: Store) -> None:
    a = await populate(store, "acme")
    assert await store.ask(change_role(a.org, a.user, "member", "auditor", act()))
    assert not await store.ask(change_role(a.org, a.user, "member", "owner", act()))
    member = await store.read(find_member(a.org, a.user))
    assert member is not None
    assert member.role == "auditor"
    (event,) = await store.read(list_events(a.org, 10, type="user.role_changed"))
    assert (event.user_id, event.detail) == (a.user, '{"role":"auditor","before":"member"}')


async def test_a_member_who_is_removed_has_nothing_there_any_more(store: Store) -> None:
    a = await populate(store, "acme")
    consent = Consent(a.org, a.user, a.client_id, "read", b"d" * 32, NOW)
    await store.ask(give_consent(a.org, consent, new_id(), NOW, NOW + DAY, act()))
    assert await store.ask(remove_member(a.org, a.user, "member", act()))
    assert await store.read(find_member(a.org, a.user)) is None
    assert await store.read(find_consent(a.org, a.user, a.client_id)) is None
    grant = await store.read(find_grant(a.org, a.grant))
    assert grant is not None
    assert not grant.is_member
    assert (await store.read(list_revocations(0, 100)))[-1].target == render_id("usr", a.user)
    await store.ask(make_member(a.org, new_id(), a.email, None, "member", 9 * EPOCH, act()))
    again = await store.read(find_grant(a.org, a.grant))
    assert again is not None
    assert again.is_member
    assert not again.unbroken


async def test_the_last_owner_stays_one(store: Store) -> None:
    a = await populate(store, "acme")
    one = await owner(store, a, "one")
    assert not await store.ask(change_role(a.org, one, "owner", "admin", act()))
    assert not await store.ask(remove_member(a.org, one, "owner", act()))
    other = await owner(store, a, "other")
    assert await store.ask(remove_member(a.org, one, "owner", act()))
    assert not await store.ask(change_role(a.org, other, "owner", "member", act()))


async def test_of_two_owners_who_leave_at_once_one_stays(database: Database, store: Store) -> None:
    for number in range(10):
        a = await populate(store, f"acme{number}")
        owners = [await owner(store, a, f"{name}{number}") for name in ("one", "two", "three")]
        asks: list[Ask] = [remove_member(a.org, each, "owner", act()) for each in owners]
        assert Counter(await race(database, asks)) == {True: 2, False: 1}
        left = [each.role for each in await store.read(list_members(a.org))]
        assert left.count("owner") == 1


async def test_an_organization_changes_from_what_it_was(store: Store) -> None:
    a = await populate(store, "acme")
    old = await store.read(find_org(a.org))
    assert old is not None
    new = old._replace(name="New", settings='{"accent":"#0f766e"}')
    assert await store.ask(change_org(a.org, old, new, act()))
    assert not await store.ask(change_org(a.org, old, new._replace(name="Newer"), act()))
    assert await store.read(find_org(a.org)) == new
    told = await store.read(list_events(a.org, 2, newest_first=True))
    assert [each.type for each in told] == ["org.changed", "org.renamed"]
    assert orjson.loads(told[0].detail) == {"before": {}, "after": {"accent": "#0f766e"}}


async def test_settings_change_from_what_they_were(store: Store) -> None:
    a = await populate(store, "acme")
    old = await store.read(find_org(a.org))
    assert old is not None
    assert await store.ask(change_org(a.org, old, old._replace(settings='{"second_factor":true}'), act()))
    assert not await store.ask(change_org(a.org, old, old._replace(name="New"), act()))


async def test_an_event_is_found_by_its_id(store: Store) -> None:
    a = await populate(store, "acme")
    event = await store.read(find_event(a.org, a.event))
    assert event is not None
    assert event.type == "world.made"
    assert await store.read(find_event(a.org, new_id())) is None


async def test_a_request_is_claimed_answered_and_found_again(store: Store) -> None:
    a = await populate(store, "acme")
    assert await store.ask(claim_request(a.org, b"k", b"one", NOW, LATER)) is None
    assert await store.ask(claim_request(a.org, b"k", b"two", NOW, LATER)) == Kept(b"one", b"")
    await store.ask(keep_answer(a.org, b"k", b"sealed"))
    assert await store.ask(claim_request(a.org, b"k", b"one", LATER - 1, LATER + DAY)) == Kept(b"one", b"sealed")
    assert await store.ask(claim_request(a.org, b"k", b"two", LATER, LATER + DAY)) is None


async def test_a_refused_request_is_forgotten_and_an_answered_one_is_not(store: Store) -> None:
    a = await populate(store, "acme")
    await store.ask(claim_request(a.org, b"k", b"one", NOW, LATER))
    await store.ask(forget_request(a.org, b"k"))
    assert await store.ask(claim_request(a.org, b"k", b"two", NOW, LATER)) is None
    await store.ask(keep_answer(a.org, b"k", b"sealed"))
    await store.ask(forget_request(a.org, b"k"))
    assert await store.ask(claim_request(a.org, b"k", b"two", NOW, LATER)) == Kept(b"two", b"sealed")


async def test_of_many_with_one_key_one_is_first(database: Database, store: Store) -> None:
    a = await populate(store, "acme")
    asks: list[Ask] = [claim_request(a.org, b"k", b"%d" % number, NOW, LATER) for number in range(20)]
    outcomes = await race(database, asks)
    assert outcomes.count(None) == 1
    assert len({outcome.digest for outcome in outcomes if outcome}) == 1


async def test_old_requests_are_cleared_away_by_new_ones(store: Store) -> None:
    a = await populate(store, "acme")
    for number in range(20):
        await store.ask(claim_request(a.org, b"old%d" % number, b"d", NOW, NOW + 1))
    await store.ask(claim_request(a.org, b"new", b"d", NOW + 2, LATER))
    await store.ask(claim_request(a.org, b"newer", b"d", NOW + 2, LATER))
    kept = [row[1] for row in (await store.read(dump(a.org)))["requests"]]
    assert kept == [a.org, b"new", b"newer"]
