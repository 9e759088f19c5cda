"""What the questions about devices that wait promise when nobody interferes."""

from gatepost.secrets import new_id
from gatepost.store.device_requests import (
    SLACK,
    answer_device_request,
    find_device_request,
    make_device_request,
    note_poll,
    redeem_device_request,
)
from gatepost.store.events import list_events
from gatepost.store.grants import find_grant
from gatepost.store.people import set_user_disabled
from gatepost.store.question import INSTANCE, Store
from gatepost.store.restored import note_restored

from .world import NOW, act, device_request, dump, new_grant, populate


async def test_a_request_is_found_by_its_user_code(store: Store) -> None:
    a = await populate(store, "acme")
    request = device_request(a)
    assert await store.ask(make_device_request(request, 5)) is True
    assert await store.read(find_device_request(request.user_code)) == request
    assert await store.read(find_device_request("XXXXXXXX")) is None
    assert await store.ask(make_device_request(request._replace(scope="write"), 5)) is False
    assert await store.read(find_device_request(request.user_code)) == request


async def test_new_requests_clear_away_what_expired(store: Store) -> None:
    a = await populate(store, "acme")
    for number in range(40):
        await store.ask(make_device_request(device_request(a, f"OLD{number}"), 5))
    assert len((await store.read(dump(INSTANCE)))["device_requests"]) == 40
    for number in range(3):
        late = device_request(a, f"NEW{number}")._replace(created_at=NOW + 600, expires_at=NOW + 1200)
        await store.ask(make_device_request(late, 5))
    assert len((await store.read(dump(INSTANCE)))["device_requests"]) == 3


async def test_whoever_polls_too_early_waits_longer(store: Store) -> None:
    a = await populate(store, "acme")
    request = device_request(a)
    await store.ask(make_device_request(request, 5))
    polls = [(0, True), (5 - SLACK, True), (9, True), (10, False), (19, True), (28, True), (36, False), (50, True)]
    for after, in_time in polls:
        assert await store.ask(note_poll(request, NOW + after)) is in_time, after


async def test_an_answer_is_kept_and_final(store: Store) -> None:
    a = await populate(store, "acme")
    for code, state, approval in (("APPROVED", "approved", "{}"), ("DENIED", "denied", None)):
        request = device_request(a, code)
        await store.ask(make_device_request(request, 5))
        assert await store.ask(answer_device_request(a.org, request, state, approval, act())) is True
        assert await store.read(find_device_request(code)) == request._replace(state=state, approval=approval)
        assert await store.ask(answer_device_request(a.org, request, "approved", "{1}", act())) is False
        assert await store.read(find_device_request(code)) == request._replace(state=state, approval=approval)
        assert len(await store.read(list_events(a.org, 100, type=f"grant.device_{state}"))) == 1


async def test_an_answer_after_the_end_is_none(store: Store) -> None:
    a = await populate(store, "acme")
    request = device_request(a)
    await store.ask(make_device_request(request, 5))
    assert await store.ask(answer_device_request(a.org, request, "approved", "{}", act(NOW + 600))) is False
    assert await store.read(find_device_request(request.user_code)) == request


async def test_a_request_becomes_one_grant(store: Store) -> None:
    a = await populate(store, "acme")
    request, id = device_request(a), new_id()
    await store.ask(make_device_request(request, 5))
    assert await store.ask(redeem_device_request(a.org, request, new_grant(a, id), act())) is True
    assert await store.read(find_device_request(request.user_code)) is None
    assert await store.ask(redeem_device_request(a.org, request, new_grant(a, id), act())) is False
    grant = await store.read(find_grant(a.org, id))
    assert grant is not None
    assert grant.revoked_at is None


async def test_nothing_dead_becomes_a_grant(store: Store) -> None:
    a = await populate(store, "acme")
    request = device_request(a)
    await store.ask(make_device_request(request, 5))
    await store.ask(set_user_disabled(a.user, True, act()))
    assert await store.ask(redeem_device_request(a.org, request, new_grant(a, new_id()), act())) is False
    await store.ask(set_user_disabled(a.user, False, act()))
    await store.ask(note_restored(NOW, act(NOW + 1)))
    assert await store.ask(redeem_device_request(a.org, request, new_grant(a, new_id()), act())) is False
    assert await store.read(find_device_request(request.user_code)) == request
