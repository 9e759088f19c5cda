"""What the questions about apps that need approval promise when nobody interferes, and who wins when somebody does."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from gatepost.records import AGREED, REFUSED, WAITING, AppRequest, Org
from gatepost.secrets import new_id
from gatepost.store.app_requests import (
    ask_for_app,
    browse_app_requests,
    count_waiting,
    decide_app_request,
    find_app_request,
    get_app_request,
)
from gatepost.store.apps import keep_free_app
from gatepost.store.events import list_events
from gatepost.store.grants import make_grant
from gatepost.store.orgs import change_org, find_org
from gatepost.store.outbox import claim_letters
from gatepost.store.people import list_active_as, make_member, set_user_disabled
from gatepost.store.question import INSTANCE, Store

from .world import EPOCH, NOW, OTHERS_APP, World, a_letter, act, an_app_request, app, new_grant, populate


async def found(store: Store, a: World, client_id: str = OTHERS_APP) -> AppRequest:
    _, request = await store.read(find_app_request(a.org, client_id))
    assert request is not None
    return request


async def need_approval(store: Store, a: World, needed: bool) -> tuple[Org, Org]:
    """Have an organization approve apps first, or not any more; what it was, and what it is."""
    old = await store.read(find_org(a.org))
    assert old is not None
    new = old._replace(apps_need_approval=needed)
    assert await store.ask(change_org(a.org, old, new, act())) is True
    return old, new


async def test_an_organization_says_whether_apps_need_approval(store: Store) -> None:
    a = await populate(store, "acme")
    assert (await store.read(find_app_request(a.org, OTHERS_APP)))[0] is False
    old, new = await need_approval(store, a, True)
    assert await store.ask(change_org(a.org, old, new, act())) is False, "it is so already"
    assert (await store.read(find_app_request(a.org, OTHERS_APP)))[0] is True
    assert await store.read(find_org(a.org)) == new
    (told,) = await store.read(list_events(a.org, 1, newest_first=True))
    assert told.type == "org.approval_needed"


async def test_an_app_is_asked_for_once_and_more_of_it_on_top(store: Store) -> None:
    a = await populate(store, "acme")
    assert await store.ask(ask_for_app(a.org, an_app_request(a), (), act())) is False
    wider = an_app_request(a, scope="write", asked_at=NOW + 1)
    assert await store.ask(ask_for_app(a.org, wider, (), act())) is True
    assert await found(store, a) == wider._replace(scope="read write")
    other = an_app_request(a, digest=b"x" * 32, scope="write")
    assert await store.ask(ask_for_app(a.org, other, (), act())) is True
    assert (await found(store, a)).scope == "write", "what was asked of another app than it is now is forgotten"
    assert await store.read(count_waiting(a.org, 10)) == 1


async def test_what_was_agreed_to_stays_while_more_is_asked_and_goes_when_it_is_refused(store: Store) -> None:
    a = await populate(store, "acme")
    assert await store.ask(decide_app_request(a.org, await found(store, a), AGREED, "", (), act(NOW + 5))) is True
    agreed = await found(store, a)
    assert (agreed.state, agreed.agreed_scope, agreed.agreed_digest) == (AGREED, "read", b"d" * 32)
    assert (agreed.decided_by, agreed.decided_at) == (act().actor, NOW + 5)
    await store.ask(ask_for_app(a.org, an_app_request(a, scope="write"), (), act()))
    asked = await found(store, a)
    assert (asked.state, asked.scope, asked.agreed_scope, asked.decided_by) == (WAITING, "read write", "read", None)
    await store.ask(decide_app_request(a.org, asked, REFUSED, "Too wide", (), act()))
    refused = await found(store, a)
    assert (refused.state, refused.agreed_scope, refused.agreed_digest, refused.reason) == (
        REFUSED,
        None,
        None,
        "Too wide",
    )
    assert await store.ask(ask_for_app(a.org, an_app_request(a, scope="more"), (), act())) is False
    assert await store.ask(ask_for_app(a.org, an_app_request(a, digest=b"x" * 32), (), act())) is True


@pytest.mark.parametrize("changed", [{"scope": "read write"}, {"digest": b"x" * 32}, {"state": REFUSED}])
async def test_what_was_not_shown_is_not_decided(store: Store, changed: dict[str, Any]) -> None:
    a = await populate(store, "acme")
    before = await found(store, a)
    assert await store.ask(decide_app_request(a.org, before._replace(**changed), AGREED, "", (), act())) is False
    assert await found(store, a) == before


async def test_of_many_who_ask_or_decide_at_once_one_does(store: Store) -> None:
    a = await populate(store, "acme")
    new = [an_app_request(a, "https://new.example/", id=new_id()) for _ in range(4)]
    asked = await asyncio.gather(*(store.ask(ask_for_app(a.org, each, (a_letter(),), act())) for each in new))
    assert sorted(asked) == [False, False, False, True]
    assert len(await store.ask(claim_letters("mail", NOW, 60, 10))) == 1
    shown = await found(store, a, "https://new.example/")
    decisions = [decide_app_request(a.org, shown, state, "", (), act()) for state in (AGREED, REFUSED) * 2]
    assert sorted(await asyncio.gather(*map(store.ask, decisions))) == [False, False, False, True]


async def test_the_queue_is_paged_newest_first(store: Store) -> None:
    a = await populate(store, "acme")
    more = [an_app_request(a, f"https://{n}.example/", id=new_id()) for n in range(3)]
    for each in more:
        await store.ask(ask_for_app(a.org, each, (), act()))
    first = await store.read(browse_app_requests(a.org, WAITING, None, 2))
    assert first.rows == [more[2], more[1]]
    second = await store.read(browse_app_requests(a.org, WAITING, first.next, 2))
    assert (second.rows, second.next) == ([more[0], an_app_request(a)], None)
    assert (await store.read(browse_app_requests(a.org, AGREED, None, 2))).rows == []
    assert await store.read(get_app_request(a.org, more[1].id)) == more[1]
    assert [await store.read(count_waiting(a.org, *rest)) for rest in ((10,), (2,), (10, a.user), (10, a.key))] == [
        4,
        2,
        4,
        0,
    ]


async def test_no_grant_is_made_of_an_app_of_others_that_was_not_approved(store: Store) -> None:
    a = await populate(store, "acme")
    await store.ask(keep_free_app(app(INSTANCE, OTHERS_APP), (a.uri,), EPOCH, act()))
    of_others = replace(new_grant(a, new_id(), resource=False), client_id=OTHERS_APP, app_org=INSTANCE)
    await need_approval(store, a, True)
    assert await store.ask(make_grant(a.org, of_others, act())) is False
    assert await store.ask(make_grant(a.org, new_grant(a, new_id()), act())) is True, "an app of its own"
    await store.ask(decide_app_request(a.org, await found(store, a), AGREED, "", (), act()))
    assert await store.ask(make_grant(a.org, of_others, act())) is True
    await store.ask(ask_for_app(a.org, an_app_request(a, scope="more"), (), act()))
    assert await store.ask(make_grant(a.org, replace(of_others, id=new_id()), act())) is True, "it is still approved"
    await store.ask(decide_app_request(a.org, await found(store, a), REFUSED, "", (), act()))
    assert await store.ask(make_grant(a.org, replace(of_others, id=new_id()), act())) is False
    await need_approval(store, a, False)
    assert await store.ask(make_grant(a.org, replace(of_others, id=new_id()), act())) is True


async def test_members_are_listed_by_role(store: Store) -> None:
    a = await populate(store, "acme")
    for role in ("owner", "admin", "auditor"):
        await store.ask(make_member(a.org, new_id(), f"{role}@acme.example", None, role, EPOCH, act()))
    both = await store.read(list_active_as(a.org, ("owner", "admin"), 10))
    assert [each.role for each in both] == ["owner", "admin"]
    assert len(await store.read(list_active_as(a.org, ("owner", "admin"), 1))) == 1
    await store.ask(set_user_disabled(both[0].id, True, act()))
    assert [each.role for each in await store.read(list_active_as(a.org, ("owner", "admin"), 10))] == ["admin"]
