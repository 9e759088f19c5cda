"""Webhooks: who is told of events, what was delivered and what was not, and trying it."""

from typing import NamedTuple

import orjson

from gatepost.console.desk import Desk, wants_disabled
from gatepost.console.lists import LIMIT, listing, read_ask
from gatepost.console.slips import Slip, Slips
from gatepost.errors import GatepostError
from gatepost.flows.instance import Instance
from gatepost.flows.roles import Deed
from gatepost.flows.webhook_sending import Attempt
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
from gatepost.store.browsing import Page
from gatepost.web.message import Reply


class Row(NamedTuple):
    """A delivery: the event, how it stands, and its tries, the newest last."""

    event: str
    type: str
    state: str
    created_at: int
    attempts: list[Attempt]


class Webhooks:
    """The handlers of webhooks."""

    def __init__(self, instance: Instance, slips: Slips) -> None:
        self._instance = instance
        self._slips = slips

    async def page(self, desk: Desk) -> Reply:
        return await self._show(desk, {})

    async def create(self, desk: Desk, fields: dict[str, str]) -> Reply:
        """A new one, and its secret, shown once."""
        url, name, types = (fields.get(each, "").strip() for each in ("url", "name", "types"))
        try:
            webhook, secret = await create_webhook(self._instance, desk.org.id, url, types.split(), name, desk.actor)
        except GatepostError as error:
            if error.status not in (400, 409):
                raise
            return await self._show(desk, fields, error)
        return self._show_secret(desk, webhook, secret)

    async def one(self, desk: Desk) -> Reply:
        """One webhook, and what was delivered to it."""
        return await self._show_one(desk, await self._webhook(desk))

    async def change(self, desk: Desk, fields: dict[str, str]) -> Reply:
        """Try it, send something again, renew its secret, switch it off or on."""
        webhook, deed = await self._webhook(desk), fields.get("deed", "")
        org, actor = desk.org.id, desk.actor
        if deed == "test":
            tried = await try_webhook(self._instance, org, webhook, actor)
            return await self._show_one(desk, webhook, tried=tried)
        if deed == "secret":
            return self._show_secret(desk, webhook, await renew_secret(self._instance, org, webhook, OVERLAP, actor))
        try:
            if deed == "resend":
                await resend(self._instance, org, webhook, fields.get("event", ""), actor)
            else:
                await change_webhook(self._instance, org, webhook, actor, disabled=wants_disabled(deed))
        except GatepostError as error:
            if error.status != 409:
                raise
            return await self._show_one(desk, webhook, error=error)
        return desk.see(f"/webhooks/{desk.names['webhook']}")

    async def ask_drop(self, desk: Desk) -> Reply:
        """Is it to go?"""
        webhook = await self._webhook(desk)
        cli = desk.cli("webhook", "delete", desk.names["webhook"])
        return desk.show("webhook_delete.html", section="webhooks", cli=cli, webhook=webhook)

    async def drop(self, desk: Desk, fields: dict[str, str]) -> Reply:
        await drop_webhook(self._instance, desk.org.id, await self._webhook(desk), desk.actor)
        return desk.see("/webhooks")

    async def _webhook(self, desk: Desk) -> Webhook:
        return await webhook_of(self._instance, desk.org.id, desk.names["webhook"], desk.actor)

    def _show_secret(self, desk: Desk, webhook: Webhook, secret: Secret) -> Reply:
        text, onward = secret.reveal(), f"/webhooks/{render_id('whk', webhook.id)}"
        slip = Slip("webhook", webhook.name, onward, text, {"GATEPOST_WEBHOOK_SECRET": text})
        return self._slips.hand_on(desk, slip).see("/secret")

    async def _show(self, desk: Desk, fields: dict[str, str], error: GatepostError | None = None) -> Reply:
        webhooks = await webhooks_of(self._instance, desk.org.id, desk.actor)
        return desk.show(
            "webhooks.html",
            error.status if error else 200,
            section="webhooks",
            cli=desk.cli("webhook", "create", fields.get("url") or "https://hooks.example.com/gatepost"),
            webhooks=[(render_id("whk", each.id), each) for each in webhooks],
            may_write=desk.actor.may(Deed.WEBHOOKS_WRITE),
            fields=fields,
            error=error,
        )

    async def _show_one(
        self, desk: Desk, webhook: Webhook, *, tried: Attempt | None = None, error: GatepostError | None = None
    ) -> Reply:
        ask, id = read_ask(desk, ()), desk.names["webhook"]
        return desk.show(
            "webhook.html",
            error.status if error else 200,
            section="webhooks",
            cli=desk.cli("webhook", "deliveries", id),
            webhook=webhook,
            id=id,
            list=listing(desk, ask, await self._rows(desk, webhook, ask.cursor)),
            tried=tried,
            may_write=desk.actor.may(Deed.WEBHOOKS_WRITE),
            error=error,
            now=self._instance.clock(),
        )

    async def _rows(self, desk: Desk, webhook: Webhook, cursor: object) -> Page[Row]:
        before = bytes.fromhex(cursor) if isinstance(cursor, str) and len(cursor) == 32 else None
        found = await deliveries_of(self._instance, desk.org.id, webhook, desk.actor, LIMIT + 1, before)
        rows = [
            Row(
                render_id("evt", each.event_id),
                each.type,
                each.state,
                each.created_at,
                [Attempt(**attempt) for attempt in orjson.loads(each.attempts)],
            )
            for each in found[:LIMIT]
        ]
        return Page(rows, found[LIMIT - 1].event_id.hex() if len(found) > LIMIT else None)
