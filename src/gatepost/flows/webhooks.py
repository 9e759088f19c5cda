"""Webhooks as an organization manages them: made, changed, tried, and what was delivered to them."""

import asyncio
from collections.abc import Iterable
from functools import partial

from gatepost.errors import GatepostError
from gatepost.flows.events import check_type
from gatepost.flows.instance import Instance
from gatepost.flows.missing import get_by_id, missing
from gatepost.flows.roles import Actor, Deed
from gatepost.flows.webhook_sending import Attempt, deliver, letter_of
from gatepost.flows.webhook_signing import Signer, fresh_secret, seal_signers, signers_of
from gatepost.oauth.client_metadata import check_name
from gatepost.outbound import OutboundError
from gatepost.records import Webhook
from gatepost.secrets import Secret, new_id, render_id
from gatepost.store.webhooks import (
    Delivery,
    delete_webhook,
    find_delivery,
    find_webhook,
    list_deliveries,
    list_webhooks,
    make_webhook,
    replace_webhook,
    send_again,
    start_test,
)

MAX_WEBHOOKS = 50
OVERLAP = 86_400
"""How long the secret before signs beside a new one, unless it is said."""


async def create_webhook(
    instance: Instance, org: bytes, url: str, types: Iterable[str], name: str, actor: Actor
) -> tuple[Webhook, Secret]:
    """Make a webhook, which hears of events from now on, and its secret, which is shown once.

    `types` are types or families of events; none is all. Raises `invalid_request`, `conflict` for one too many, and as
    `Actor.check` does.
    """
    act = actor.check(Deed.WEBHOOKS_WRITE, org)
    if len(await instance.store.read(list_webhooks(org))) >= MAX_WEBHOOKS:
        raise GatepostError("conflict", f"An organization has at most {MAX_WEBHOOKS} webhooks.")
    await _check_url(instance, url)
    id, secret = new_id(), fresh_secret()
    webhook = Webhook(
        id,
        check_name(name),
        url,
        _check_types(types),
        seal_signers(instance, id, [Signer(secret)]),
        act.at,
        fed_id=id,
    )
    await instance.store.ask(make_webhook(org, webhook, act))
    return webhook, secret


async def webhooks_of(instance: Instance, org: bytes, actor: Actor) -> list[Webhook]:
    """The organization's webhooks. Raises as `Actor.check` does."""
    actor.check(Deed.WEBHOOKS_READ, org)
    return await instance.store.read(list_webhooks(org))


async def webhook_of(instance: Instance, org: bytes, text: str, actor: Actor) -> Webhook:
    """The organization's webhook with this id. Raises `not_found`, and as `Actor.check` does."""
    actor.check(Deed.WEBHOOKS_READ, org)
    return await get_by_id(instance.store, partial(find_webhook, org), "whk", text)


async def change_webhook(
    instance: Instance,
    org: bytes,
    webhook: Webhook,
    actor: Actor,
    *,
    url: str | None = None,
    types: Iterable[str] | None = None,
    name: str | None = None,
    disabled: bool | None = None,
) -> Webhook:
    """Change what is given. One that is enabled again hears of events from now on.

    Raises `invalid_request`, `not_found`, `overtaken`, and as `Actor.check` does.
    """
    act, before = actor.check(Deed.WEBHOOKS_WRITE, org), webhook
    if url is not None:
        await _check_url(instance, url)
        webhook = webhook._replace(url=url)
    if types is not None:
        webhook = webhook._replace(types=_check_types(types))
    if name is not None:
        webhook = webhook._replace(name=check_name(name))
    if disabled is not None and disabled != (webhook.disabled_at is not None):
        webhook = webhook._replace(disabled_at=act.at if disabled else None, fed_id=new_id())
    return await _replace(instance, org, before, webhook, actor)


async def renew_secret(instance: Instance, org: bytes, webhook: Webhook, overlap: int, actor: Actor) -> Secret:
    """Give a webhook a new secret; the one before signs beside it for `overlap` seconds.

    Raises `not_found`, `overtaken`, and as `Actor.check` does.
    """
    act = actor.check(Deed.WEBHOOKS_WRITE, org)
    secret = fresh_secret()
    before = [Signer(each.secret, act.at + overlap) for each in signers_of(instance, webhook)[:1] if overlap]
    sealed = seal_signers(instance, webhook.id, [Signer(secret), *before])
    await _replace(instance, org, webhook, webhook._replace(secrets=sealed), actor)
    return secret


async def drop_webhook(instance: Instance, org: bytes, webhook: Webhook, actor: Actor) -> None:
    """Delete a webhook, and what is known of its deliveries. Raises `not_found`, `overtaken`, and as `Actor.check` does."""
    if not await instance.store.ask(delete_webhook(org, webhook, actor.check(Deed.WEBHOOKS_WRITE, org))):
        raise await _overtaken(instance, org, webhook)


async def try_webhook(instance: Instance, org: bytes, webhook: Webhook, actor: Actor) -> Attempt:
    """Send a webhook an event that says that it was tested, once and now, and answer how it went.

    Raises `not_found`, and as `Actor.check` does.
    """
    act = actor.check(Deed.WEBHOOKS_WRITE, org)
    event = await instance.store.ask(start_test(org, webhook.id, act))
    delivery = await instance.store.read(find_delivery(org, webhook.id, event)) if event else None
    if delivery is None:
        raise _gone(webhook)
    return await asyncio.create_task(deliver(instance, org, webhook, delivery))


async def deliveries_of(
    instance: Instance, org: bytes, webhook: Webhook, actor: Actor, limit: int, before: bytes | None = None
) -> list[Delivery]:
    """The newest deliveries to a webhook, of events ahead of the id `before` if there is one. Raises as `Actor.check` does."""
    actor.check(Deed.WEBHOOKS_READ, org)
    return await instance.store.read(list_deliveries(org, webhook.id, limit, before))


async def resend(instance: Instance, org: bytes, webhook: Webhook, event: str, actor: Actor) -> None:
    """Have the server send a delivery once more. Raises `not_found`, `conflict`, and as `Actor.check` does."""
    act = actor.check(Deed.WEBHOOKS_WRITE, org)
    find = partial(find_delivery, org, webhook.id)
    fix = f"gatepost webhook deliveries {render_id('whk', webhook.id)} --org ORG"
    delivery = await get_by_id(instance.store, find, "evt", event, what="delivery of the event", fix=fix)
    letter = letter_of(instance, org, webhook, delivery.event_id)
    if not await instance.store.ask(send_again(org, delivery, letter, act)):
        raise GatepostError("conflict", f"{event} is on its way already.")


async def _replace(instance: Instance, org: bytes, before: Webhook, webhook: Webhook, actor: Actor) -> Webhook:
    act = actor.check(Deed.WEBHOOKS_WRITE, org)
    if await instance.store.ask(replace_webhook(org, before, webhook, act)):
        return webhook
    raise await _overtaken(instance, org, before)


async def _overtaken(instance: Instance, org: bytes, webhook: Webhook) -> GatepostError:
    """Why a webhook that was read a moment ago is not changed any more."""
    if await instance.store.read(find_webhook(org, webhook.id)) is None:
        return _gone(webhook)
    return GatepostError("overtaken", "Somebody else changed the webhook just now.", fix="look again")


async def _check_url(instance: Instance, url: str) -> None:
    """Raises `invalid_request` for a place that no request may go to, in one way whatever the reason."""
    try:
        # A connection drives its handlers itself; what has a deadline needs a task.
        await asyncio.create_task(instance.fetcher.check(url))
    except OutboundError as error:
        raise GatepostError(
            "invalid_request",
            "The URL must be https, on a public host that has an address.",
            detail=str(error),
            field="url",
        ) from None


def _check_types(types: Iterable[str]) -> str:
    return " ".join(dict.fromkeys(check_type(each) for each in types))


def _gone(webhook: Webhook) -> GatepostError:
    text = render_id("whk", webhook.id)
    return missing("whk", text, where=" any more")
