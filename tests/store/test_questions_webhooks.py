"""Questions about webhooks: what is kept of them, and that an event becomes one delivery."""

from gatepost.secrets import new_id
from gatepost.store.events import find_event
from gatepost.store.outbox import claim_letters
from gatepost.store.question import Store
from gatepost.store.webhooks import (
    DELIVERED,
    FAILED,
    PENDING,
    Delivery,
    delete_webhook,
    feed,
    find_delivery,
    find_webhook,
    list_deliveries,
    list_listening,
    list_webhooks,
    make_webhook,
    note_attempt,
    note_fed,
    replace_webhook,
    send_again,
    start_test,
)

from .world import NOW, a_letter, a_webhook, act, populate


async def test_a_webhook_is_kept_changed_and_deleted(store: Store) -> None:
    a = await populate(store, "acme")
    webhook = a_webhook(new_id())
    await store.ask(make_webhook(a.org, webhook, act()))
    assert (await store.read(list_webhooks(a.org)))[-1] == webhook
    changed = webhook._replace(name="Theirs", types="grant", disabled_at=NOW)
    assert await store.ask(replace_webhook(a.org, webhook, changed, act()))
    assert not await store.ask(replace_webhook(a.org, webhook, webhook._replace(secrets=b"other"), act())), "overtaken"
    assert await store.read(find_webhook(a.org, webhook.id)) == changed
    assert not await store.ask(delete_webhook(a.org, webhook, act())), "overtaken"
    assert await store.ask(delete_webhook(a.org, changed, act()))
    assert not await store.ask(delete_webhook(a.org, changed, act()))
    assert not await store.ask(replace_webhook(a.org, changed, webhook, act()))
    assert await store.read(find_webhook(a.org, webhook.id)) is None


async def test_who_listens_is_known_with_the_least_that_is_fed(store: Store) -> None:
    a, b = await populate(store, "acme"), await populate(store, "beta")
    listening = dict(await store.read(list_listening()))
    assert listening[a.org] == listening[b.org] == bytes(16)
    fed, later = sorted((new_id(), new_id()))
    await store.ask(note_fed(a.org, later))
    await store.ask(note_fed(a.org, fed))
    assert dict(await store.read(list_listening()))[a.org] == later, "what is fed is never less"
    webhook = await store.read(find_webhook(b.org, b.webhook))
    assert webhook is not None
    await store.ask(replace_webhook(b.org, webhook, webhook._replace(disabled_at=NOW), act()))
    assert b.org not in dict(await store.read(list_listening()))


async def test_an_event_becomes_one_delivery_with_one_letter(store: Store) -> None:
    a = await populate(store, "acme")
    event = new_id()
    assert await store.ask(feed(a.org, a.webhook, event, "grant.made", a_letter()))
    assert not await store.ask(feed(a.org, a.webhook, event, "grant.made", a_letter()))
    assert not await store.ask(feed(a.org, new_id(), event, "grant.made", a_letter()))
    assert len(await store.ask(claim_letters("mail", NOW, 60, 9))) == 1
    delivery = Delivery(a.webhook, event, "grant.made", PENDING, NOW, "[]")
    assert await store.read(find_delivery(a.org, a.webhook, event)) == delivery
    assert [each.event_id for each in await store.read(list_deliveries(a.org, a.webhook, 9))] == [event, a.event]
    assert [each.event_id for each in await store.read(list_deliveries(a.org, a.webhook, 9, event))] == [a.event]


async def test_a_delivery_that_failed_is_noted_and_sent_again_once(store: Store) -> None:
    a = await populate(store, "acme")
    delivery = Delivery(a.webhook, a.event, "grant.made", FAILED, NOW, '[{"status":500}]')
    for failing_at in (NOW, NOW + 9):
        await store.ask(note_attempt(a.org, delivery, failing_at))
    webhook = await store.read(find_webhook(a.org, a.webhook))
    assert webhook is not None
    assert webhook.failing_at == NOW, "since the first of them"
    assert await store.ask(send_again(a.org, delivery, a_letter(), act()))
    assert not await store.ask(send_again(a.org, delivery, a_letter(), act())), "it is under way"
    assert len(await store.ask(claim_letters("mail", NOW, 60, 9))) == 1
    await store.ask(note_attempt(a.org, delivery._replace(state=DELIVERED), None))
    assert (await store.read(list_webhooks(a.org)))[0].failing_at is None


async def test_a_test_is_an_event_with_a_delivery(store: Store) -> None:
    a = await populate(store, "acme")
    event = await store.ask(start_test(a.org, a.webhook, act()))
    assert event is not None
    found, delivery = (
        await store.read(find_event(a.org, event)),
        await store.read(find_delivery(a.org, a.webhook, event)),
    )
    assert found is not None
    assert delivery is not None
    assert (found.type, delivery.type, delivery.state) == ("webhook.tested", "webhook.tested", PENDING)
    assert await store.ask(start_test(a.org, new_id(), act())) is None
