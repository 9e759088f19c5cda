"""Revocation of many in one write: what was made before is dead for good, what is made after lives."""

from collections.abc import Callable
from typing import Any

import pytest

from gatepost.oauth.gate import why_dead
from gatepost.records import UNTIL_USED
from gatepost.secrets import new_id
from gatepost.store.apps import delete_app, make_app, set_app_disabled
from gatepost.store.grants import Rotated, find_grant, make_grant, rotate
from gatepost.store.keys import make_key
from gatepost.store.orgs import set_org_disabled
from gatepost.store.people import make_member, set_user_disabled
from gatepost.store.question import Question, Store
from gatepost.store.revocations import revoke_app_grants, revoke_key, revoke_org_grants, revoke_user_grants

from .world import EPOCH, NOW, World, act, app, key, new_grant, populate

Ask = Callable[[World], Question[Any]]

REVOCATIONS: dict[str, Ask] = {
    "app": lambda a: revoke_app_grants(a.org, a.client_id, act()),
    "user": lambda a: revoke_user_grants(a.org, a.user, act()),
    "org": lambda a: revoke_org_grants(a.org, act()),
    "key": lambda a: revoke_key(a.org, a.key, act(), keep_grants=False),
}
DISABLINGS: dict[str, Callable[[World, bool], Question[bool]]] = {
    "app": lambda a, disabled: set_app_disabled(a.org, a.client_id, disabled, act()),
    "user": lambda a, disabled: set_user_disabled(a.user, disabled, act()),
    "org": lambda a, disabled: set_org_disabled(a.org, disabled, act()),
}


async def reason(store: Store, org: bytes, grant: bytes) -> str:
    return why_dead(await store.read(find_grant(org, grant)), NOW)


@pytest.mark.parametrize("what", REVOCATIONS)
async def test_revoking_ends_what_was_made_before(store: Store, what: str) -> None:
    a = await populate(store, "acme")
    assert await reason(store, a.org, a.grant) == ""
    assert await store.ask(REVOCATIONS[what](a))
    assert "were revoked" in await reason(store, a.org, a.grant)


@pytest.mark.parametrize("what", ["app", "user", "org"])
async def test_what_is_made_after_a_revocation_lives(store: Store, what: str) -> None:
    a = await populate(store, "acme")
    await store.ask(REVOCATIONS[what](a))
    after = new_id()
    assert await store.ask(make_grant(a.org, new_grant(a, after), act()))
    assert await reason(store, a.org, after) == ""
    await store.ask(REVOCATIONS[what](a))
    assert await reason(store, a.org, after) != ""


@pytest.mark.parametrize(("what", "untouched"), [("user", {"user": False}), ("key", {"key": False})])
async def test_only_what_stands_on_it_ends(store: Store, what: str, untouched: dict[str, bool]) -> None:
    a = await populate(store, "acme")
    other = new_id()
    await store.ask(make_grant(a.org, new_grant(a, other, **untouched), act()))
    await store.ask(REVOCATIONS[what](a))
    assert await reason(store, a.org, a.grant) != ""
    assert await reason(store, a.org, other) == ""


@pytest.mark.parametrize("what", ["app", "user", "key"])
async def test_the_neighbours_go_on(store: Store, what: str) -> None:
    a = await populate(store, "acme")
    user, email, key_id, grant = new_id(), "bob@acme.example", new_id(), new_id()
    await store.ask(make_app(app(a.org, "fresh"), (), 2 * EPOCH, act()))
    await store.ask(make_member(a.org, user, email, None, "member", 3 * EPOCH, act()))
    await store.ask(make_key(key(a.org, key_id), 4 * EPOCH, act()))
    neighbour = a._replace(client_id="fresh", user=user, key=key_id)
    assert await store.ask(make_grant(a.org, new_grant(neighbour, grant), act()))
    await store.ask(REVOCATIONS[what](a))
    assert await reason(store, a.org, grant) == ""


async def test_an_organizations_revocation_ends_all_of_it_and_nothing_else(store: Store) -> None:
    a, b = await populate(store, "acme"), await populate(store, "beta")
    bare = new_id()
    await store.ask(make_grant(a.org, new_grant(a, bare, user=False, key=False, resource=False), act()))
    await store.ask(REVOCATIONS["org"](a))
    assert await reason(store, a.org, a.grant) != ""
    assert await reason(store, a.org, bare) != ""
    assert await reason(store, b.org, b.grant) == ""


async def test_a_key_may_end_and_leave_its_grants(store: Store) -> None:
    a = await populate(store, "acme")
    assert await store.ask(revoke_key(a.org, a.key, act(), keep_grants=True))
    assert await reason(store, a.org, a.grant) == ""
    outcome = await store.ask(rotate(a.org, a.grant, 1, UNTIL_USED, act()))
    assert isinstance(outcome, Rotated)


async def test_two_revocations_do_not_cancel_out(store: Store) -> None:
    a = await populate(store, "acme")
    for what in ("app", "user", "org", "key"):
        await store.ask(REVOCATIONS[what](a))
        assert await reason(store, a.org, a.grant) != "", what


@pytest.mark.parametrize("what", DISABLINGS)
async def test_disabling_is_not_revoking(store: Store, what: str) -> None:
    a = await populate(store, "acme")
    await store.ask(DISABLINGS[what](a, True))
    assert await reason(store, a.org, a.grant) != ""
    await store.ask(DISABLINGS[what](a, False))
    assert await reason(store, a.org, a.grant) == ""


@pytest.mark.parametrize("what", DISABLINGS)
async def test_enabling_does_not_bring_back_what_was_revoked_meanwhile(store: Store, what: str) -> None:
    a = await populate(store, "acme")
    await store.ask(DISABLINGS[what](a, True))
    await store.ask(REVOCATIONS[what](a))
    await store.ask(DISABLINGS[what](a, False))
    assert "were revoked" in await reason(store, a.org, a.grant)


async def test_a_new_app_of_the_same_name_does_not_revive_old_grants(store: Store) -> None:
    a = await populate(store, "acme")
    await store.ask(delete_app(a.org, a.client_id, act()))
    assert "no such grant" in await reason(store, a.org, a.grant)
    await store.ask(make_app(app(a.org, a.client_id), (a.uri,), 2 * EPOCH + 1, act()))
    assert "were revoked" in await reason(store, a.org, a.grant)
    fresh = new_id()
    await store.ask(make_grant(a.org, new_grant(a, fresh), act()))
    assert await reason(store, a.org, fresh) == ""
