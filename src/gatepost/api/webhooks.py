"""Webhooks: where the organization hears of its events, and what was delivered there."""

import msgspec

from gatepost.api import asks
from gatepost.api.call import Call
from gatepost.api.documents import DeliveryDocument, Page, Tried, WebhookDocument
from gatepost.api.rendering import of_attempt, of_delivery, of_webhook
from gatepost.flows.webhooks import (
    change_webhook,
    create_webhook,
    deliveries_of,
    drop_webhook,
    renew_secret,
    resend,
    try_webhook,
    webhook_of,
    webhooks_of,
)
from gatepost.records import Webhook


async def list_webhooks(call: Call, _: None) -> Page[WebhookDocument]:
    """List webhooks."""
    return Page([of_webhook(each) for each in await webhooks_of(call.instance, call.org, call.actor)])


async def make(call: Call, ask: asks.NewWebhook) -> WebhookDocument:
    """Make a webhook; its secret is told once."""
    webhook, secret = await create_webhook(call.instance, call.org, ask.url, ask.types, ask.name, call.actor)
    return of_webhook(webhook, secret.reveal())


async def show(call: Call, _: None) -> WebhookDocument:
    """Show a webhook."""
    return of_webhook(await _named(call))


async def change(call: Call, ask: asks.WebhookChange) -> WebhookDocument:
    """Change a webhook."""
    webhook = await _named(call)
    call.check_unchanged(of_webhook(webhook))
    given = {name: value for name, value in msgspec.structs.asdict(ask).items() if value is not None}
    return of_webhook(await change_webhook(call.instance, call.org, webhook, call.actor, **given))


async def delete(call: Call, _: None) -> None:
    """Delete a webhook."""
    webhook = await _named(call)
    call.check_unchanged(of_webhook(webhook))
    await drop_webhook(call.instance, call.org, webhook, call.actor)


async def renew(call: Call, ask: asks.Renewal) -> WebhookDocument:
    """Give a webhook a new secret; the one before signs beside it for a while."""
    webhook = await _named(call)
    secret = await renew_secret(call.instance, call.org, webhook, ask.overlap, call.actor)
    return of_webhook(webhook, secret.reveal())


async def test(call: Call, _: None) -> Tried:
    """Send a webhook an event now, and see what it answers."""
    return of_attempt(await try_webhook(call.instance, call.org, await _named(call), call.actor))


async def list_deliveries(call: Call, ask: asks.Listing) -> Page[DeliveryDocument]:
    """List what was delivered to a webhook, the newest first."""
    before = call.position(ask.after)
    found = await deliveries_of(call.instance, call.org, await _named(call), call.actor, ask.limit + 1, before)
    return call.page(found, ask.limit, of_delivery, lambda delivery: delivery.event_id)


async def send_again(call: Call, _: None) -> None:
    """Send a delivery once more."""
    await resend(call.instance, call.org, await _named(call), call.names["delivered"], call.actor)


async def _named(call: Call) -> Webhook:
    return await webhook_of(call.instance, call.org, call.names["webhook"], call.actor)
