"""Webhooks: where an organization hears of its events, signed as Standard Webhooks asks."""

import argparse
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from gatepost.cli.options import Parser, add_verb, add_verbs, confirm, duration, named, wants_json
from gatepost.cli.output import instant, render_fields, show, show_list
from gatepost.cli.running import run_verb
from gatepost.flows.instance import Instance
from gatepost.flows.organizations import get_org
from gatepost.flows.roles import Actor
from gatepost.flows.webhooks import (
    OVERLAP,
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
from gatepost.secrets import Secret, render_id
from gatepost.store.webhooks import Delivery

SHOWN = 50

T = TypeVar("T")


def add_arguments(parser: Parser) -> None:
    verbs = add_verbs(parser)
    example = 'gatepost webhook create https://hooks.acme.dev/gatepost --org Acme --types "grant app.deleted"'
    create = add_verb(verbs, "create", _create, "make a webhook; its secret is shown once", example)
    create.add_argument("url", metavar="URL")
    add_verb(verbs, "list", _list, "list webhooks", "gatepost webhook list --org Acme")
    add_verb(verbs, "show", _show, "show one webhook", "gatepost webhook show whk_0193… --org Acme")
    edit = add_verb(verbs, "edit", _edit, "change a webhook", "gatepost webhook edit whk_0193… --org Acme --disable")
    edit.add_argument("--url", metavar="URL", help="where it is from now on")
    state = edit.add_mutually_exclusive_group()
    state.add_argument("--disable", action="store_const", const=True, dest="disabled", help="send it nothing")
    state.add_argument(
        "--enable", action="store_const", const=False, dest="disabled", help="send it what happens from now on"
    )
    for verb in (create, edit):
        verb.add_argument("--name", metavar="NAME", help="what it is for")
        verb.add_argument("--types", metavar='"…"', help="types of events, or families, as in grant (all)")
    add_verb(verbs, "delete", _delete, "delete a webhook", "gatepost webhook delete whk_0193… --org Acme")
    add_verb(
        verbs,
        "test",
        _test,
        "send it an event now, and see what it answers",
        "gatepost webhook test whk_0193… --org Acme",
    )
    example = "gatepost webhook renew-secret whk_0193… --org Acme --overlap 24h"
    renew = add_verb(verbs, "renew-secret", _renew, "give it a new secret, shown once", example)
    renew.add_argument("--overlap", metavar="DURATION", help="how long the old one signs beside it (24h)")
    example = "gatepost webhook deliveries whk_0193… --org Acme"
    deliveries = add_verb(verbs, "deliveries", _deliveries, "list what was sent to it, newest first", example)
    deliveries.add_argument("--limit", metavar="N", type=int, default=SHOWN, help=f"the newest N ({SHOWN})")
    example = "gatepost webhook resend whk_0193… evt_0193… --org Acme"
    again = add_verb(verbs, "resend", _resend, "send a delivery once more", example)
    for verb in (
        verbs.choices[each] for each in ("show", "edit", "delete", "test", "renew-secret", "deliveries", "resend")
    ):
        verb.add_argument("webhook", metavar="WEBHOOK_ID")
    again.add_argument("event", metavar="EVENT_ID")
    for verb in verbs.choices.values():
        verb.add_argument("--org", metavar="ORG", type=named, required=True, help="the organization's id or name")


def _run(options: argparse.Namespace, verb: Callable[[Instance, bytes, Webhook, Actor], Awaitable[T]]) -> T:
    """Run a verb on the webhook that the options name."""

    async def run(instance: Instance, actor: Actor) -> T:
        org = (await get_org(instance, options.org)).id
        return await verb(instance, org, await webhook_of(instance, org, options.webhook, actor), actor)

    return run_verb(options, run)


def _create(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> tuple[Webhook, Secret]:
        org = (await get_org(instance, options.org)).id
        types = (options.types or "").split()
        return await create_webhook(instance, org, options.url, types, options.name or "Webhook", actor)

    webhook, secret = run_verb(options, verb)
    document = {**_render(webhook), "secret": secret.reveal()}
    show(wants_json(options), document, f"Made {document['id']}.{_once(secret)}")
    return 0


def _list(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> list[Webhook]:
        return await webhooks_of(instance, (await get_org(instance, options.org)).id, actor)

    rows = [_render(webhook) for webhook in run_verb(options, verb)]
    columns = ("id", "name", "url", "types", "disabled", "failing_since")
    show_list(wants_json(options), rows, "No webhooks yet: gatepost webhook create URL --org ORG", columns)
    return 0


def _show(options: argparse.Namespace) -> int:
    async def verb(_: Instance, __: bytes, webhook: Webhook, ___: Actor) -> Webhook:
        return webhook

    document = _render(_run(options, verb))
    show(wants_json(options), document, render_fields(document))
    return 0


def _edit(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, org: bytes, webhook: Webhook, actor: Actor) -> Webhook:
        types = None if options.types is None else options.types.split()
        given = {"url": options.url, "types": types, "name": options.name, "disabled": options.disabled}
        return await change_webhook(instance, org, webhook, actor, **given)

    document = _render(_run(options, verb))
    show(wants_json(options), document, f"Changed {document['id']}.")
    return 0


def _delete(options: argparse.Namespace) -> int:
    confirm(options, f"Delete {options.webhook}, and what is known of its deliveries?")
    _run(options, drop_webhook)
    show(wants_json(options), {"id": options.webhook, "deleted": True}, f"Deleted {options.webhook}.")
    return 0


def _test(options: argparse.Namespace) -> int:
    attempt = _run(options, try_webhook)
    how = f"It answered {attempt.status}" if attempt.status else f"It did not answer: {attempt.error}"
    document = {"ok": attempt.is_ok, **_render_attempt(attempt._asdict())}
    show(wants_json(options), document, f"{how} ({attempt.ms} ms).")
    return 0 if attempt.is_ok else 1


def _renew(options: argparse.Namespace) -> int:
    overlap = duration(options.overlap, "--overlap")

    async def verb(instance: Instance, org: bytes, webhook: Webhook, actor: Actor) -> Secret:
        return await renew_secret(instance, org, webhook, OVERLAP if overlap is None else overlap, actor)

    secret = _run(options, verb)
    show(wants_json(options), {"id": options.webhook, "secret": secret.reveal()}, f"Renewed.{_once(secret)}")
    return 0


def _deliveries(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, org: bytes, webhook: Webhook, actor: Actor) -> list[Delivery]:
        return await deliveries_of(instance, org, webhook, actor, options.limit)

    rows = [_render_delivery(delivery) for delivery in _run(options, verb)]
    columns = ("event", "type", "state", "tries", "status", "at", "error")
    show_list(wants_json(options), rows, "Nothing was sent yet.", columns)
    return 0


def _resend(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, org: bytes, webhook: Webhook, actor: Actor) -> None:
        await resend(instance, org, webhook, options.event, actor)

    _run(options, verb)
    document = {"id": options.webhook, "event": options.event, "resent": True}
    show(wants_json(options), document, f"The server sends {options.event} once more.")
    return 0


def _once(secret: Secret) -> str:
    return f" This is the only time its secret is shown; we keep it sealed:\n\n  {secret.reveal()}"


def _render(webhook: Webhook) -> dict[str, Any]:
    return {
        "id": render_id("whk", webhook.id),
        "name": webhook.name,
        "url": webhook.url,
        "types": webhook.types.split(),
        "created_at": instant(webhook.created_at),
        "disabled": webhook.disabled_at is not None,
        "failing_since": instant(webhook.failing_at),
    }


def _render_delivery(delivery: Delivery) -> dict[str, Any]:
    attempts = [_render_attempt(each) for each in json.loads(delivery.attempts)]
    last = attempts[-1] if attempts else dict.fromkeys(("at", "status", "error"))
    return {
        "event": render_id("evt", delivery.event_id),
        "type": delivery.type,
        "state": delivery.state,
        "tries": len(attempts),
        **{name: last[name] for name in ("at", "status", "error")},
        "attempts": attempts,
    }


def _render_attempt(attempt: dict[str, Any]) -> dict[str, Any]:
    return attempt | {"at": instant(attempt["at"])}
