"""What the questions about the outbox promise when nobody interferes."""

from gatepost.secrets import new_id
from gatepost.store.events import list_events, policy_version
from gatepost.store.outbox import claim_letters, drop_letter, give_up_letter, next_due_at, postpone_letter, put_letter
from gatepost.store.question import INSTANCE, Store

from .world import NOW, a_letter, act, dump

LEASE = 60


async def test_a_letter_is_put_once(store: Store) -> None:
    letter = a_letter()
    assert await store.ask(put_letter(letter)) is True
    assert await store.ask(put_letter(letter._replace(target="eve@acme.example"))) is False
    assert await store.ask(claim_letters("mail", NOW, LEASE, 10)) == [letter._replace(tries=1, next_at=NOW + LEASE)]


async def test_what_is_due_is_claimed_oldest_first_and_is_ones_own_for_a_while(store: Store) -> None:
    assert await store.read(next_due_at("mail")) is None
    second, first, later = a_letter(next_at=NOW), a_letter(next_at=NOW - 5), a_letter(next_at=NOW + 1)
    for letter in (second, first, later):
        await store.ask(put_letter(letter))
    assert await store.read(next_due_at("mail")) == NOW - 5
    assert [each.id for each in await store.ask(claim_letters("mail", NOW, LEASE, 1))] == [first.id]
    assert [each.id for each in await store.ask(claim_letters("mail", NOW, LEASE, 10))] == [second.id]
    assert await store.ask(claim_letters("mail", NOW, LEASE, 10)) == []
    again = await store.ask(claim_letters("mail", NOW + LEASE, LEASE, 10))
    assert {each.id: each.tries for each in again} == {later.id: 1, first.id: 2, second.id: 2}


async def test_each_kind_is_a_queue_of_its_own(store: Store) -> None:
    mail, hook = a_letter(next_at=NOW), a_letter(next_at=NOW - 5)._replace(kind="webhook")
    for letter in (mail, hook):
        await store.ask(put_letter(letter))
    assert [await store.read(next_due_at(kind)) for kind in ("mail", "webhook", "another")] == [NOW, NOW - 5, None]
    assert [each.id for each in await store.ask(claim_letters("mail", NOW, LEASE, 10))] == [mail.id]
    assert [each.id for each in await store.ask(claim_letters("webhook", NOW, LEASE, 10))] == [hook.id]


async def test_what_arrived_is_forgotten_and_what_follows_is_kept(store: Store) -> None:
    letter, next_one = a_letter(), a_letter()
    await store.ask(put_letter(letter))
    await store.ask(drop_letter(letter, (next_one,)))
    assert [each.id for each in await store.ask(claim_letters("mail", NOW, LEASE, 10))] == [next_one.id]
    await store.ask(drop_letter(next_one))
    assert (await store.read(dump(INSTANCE)))["outbox"] == []


async def test_only_who_claimed_it_last_may_postpone_a_letter_or_give_it_up(store: Store) -> None:
    org = new_id()
    await store.ask(put_letter(a_letter()))
    [slow] = await store.ask(claim_letters("mail", NOW, LEASE, 10))
    [fast] = await store.ask(claim_letters("mail", NOW + LEASE, LEASE, 10))
    assert await store.ask(postpone_letter(slow, NOW)) is False
    assert await store.ask(give_up_letter(org, slow, act(), "{}")) is False
    assert await store.ask(postpone_letter(fast, NOW + 100)) is True
    [last] = await store.ask(claim_letters("mail", NOW + 100, LEASE, 10))
    before = await store.read(policy_version())
    assert await store.ask(give_up_letter(org, last, act(), '{"why":"gone"}')) is True
    [event] = await store.read(list_events(org, 10))
    assert (event.type, event.result, event.detail) == ("delivery.given_up", "failed", '{"why":"gone"}')
    assert await store.read(policy_version()) == before
    assert await store.ask(claim_letters("mail", NOW + 10_000, LEASE, 10)) == []
