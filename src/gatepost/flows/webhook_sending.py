"""The sending of webhooks: one event to one of them, from the letter that names both to what is kept of the answer."""

import logging
import time
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from gatepost.flows.event_words import render_event
from gatepost.flows.instance import Instance
from gatepost.flows.outbox import WAITS, Content, UndeliveredError, write_letter
from gatepost.flows.webhook_signing import sign, signers_of
from gatepost.outbound import Fetched, OutboundError
from gatepost.records import Event, Letter, Webhook
from gatepost.secrets import render_id
from gatepost.store.events import find_event
from gatepost.store.webhooks import DELIVERED, FAILED, PENDING, Delivery, find_delivery, find_webhook, note_attempt

WEBHOOK = "webhook"
LATE = "late webhook"
"""What is for a webhook that fails: a queue of its own, so that one that hangs keeps back nobody else's."""

ATTEMPTS = 10
"""Attempts that are kept of a delivery: the newest."""
SHOWN = 256
"""What is kept of an answer, in characters."""

_GONE = 410

_log = logging.getLogger(__name__)


class Attempt(NamedTuple):
    """One try: when, how long it took, and the status and start of the answer, or why there was none."""

    at: int
    ms: int
    status: int | None
    error: str | None
    answer: str

    @property
    def is_ok(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def letter_of(instance: Instance, org: bytes, webhook: Webhook, event: bytes) -> Letter:
    """The letter that carries an event to a webhook. It names both, and what is sent is written when it is sent."""
    content = {"org": org.hex(), "webhook": webhook.id.hex(), "event": event.hex()}
    return write_letter(instance, WEBHOOK, render_id("whk", webhook.id), content)


async def send_event(instance: Instance, target: str, content: Content) -> tuple[Letter, ...]:
    """Try an event once, unless its webhook is known to fail; what did not arrive is left to `send_late`."""
    org, id, _ = _named(content)
    webhook = await instance.store.read(find_webhook(org, id))
    letter = write_letter(instance, LATE, target, content)
    if webhook is None or webhook.failing_at is None:
        try:
            return await send_late(instance, target, content)
        except UndeliveredError as error:
            if error.final:
                raise
            letter = letter._replace(tries=1, next_at=letter.next_at + WAITS[0])
    return (letter,)


async def send_late(instance: Instance, target: str, content: Content) -> tuple[Letter, ...]:
    """Send one event to one webhook; to one that is gone or disabled meanwhile, nothing is sent."""
    org, id, event_id = _named(content)
    webhook = await instance.store.read(find_webhook(org, id))
    if webhook is None or webhook.disabled_at is not None:
        return ()
    delivery = await instance.store.read(find_delivery(org, id, event_id))
    # Only the newest can be looked at, but what is older is still to be sent.
    attempt = await deliver(instance, org, webhook, delivery or Delivery(id, event_id, "", PENDING, 0, "[]"))
    if not attempt.is_ok:
        raise UndeliveredError(attempt.error or f"it answered {attempt.status}", final=attempt.status == _GONE)
    return ()


def _named(content: Content) -> tuple[bytes, bytes, bytes]:
    """The organization, the webhook and the event that a letter names."""
    return bytes.fromhex(content["org"]), bytes.fromhex(content["webhook"]), bytes.fromhex(content["event"])


async def deliver(instance: Instance, org: bytes, webhook: Webhook, delivery: Delivery) -> Attempt:
    """Try a delivery once, and keep how it went."""
    event = await instance.store.read(find_event(org, delivery.event_id))
    assert event is not None, "events are kept"
    start, now = time.perf_counter(), instance.clock()
    answer: Fetched | None = None
    error = None
    body = orjson.dumps(render_message(org, event))
    headers = sign(render_id("evt", event.id), now, body, signers_of(instance, webhook))
    try:
        answer = await instance.fetcher.post(webhook.url, "application/json", body, headers)
    except OutboundError as fault:
        error = fault.reason
        _log.info("A webhook was not reached", extra={"detail": str(fault)})
    attempt = Attempt(
        now,
        round((time.perf_counter() - start) * 1000),
        answer.status if answer else None,
        error,
        answer.body[:SHOWN].decode("utf-8", "replace") if answer else "",
    )
    attempts = [*orjson.loads(delivery.attempts), attempt._asdict()][-ATTEMPTS:]
    noted = delivery._replace(state=DELIVERED if attempt.is_ok else FAILED, attempts=orjson.dumps(attempts).decode())
    await instance.store.ask(note_attempt(org, noted, None if attempt.is_ok else now))
    return attempt


def render_message(org: bytes, event: Event) -> dict[str, Any]:
    """What is sent: Standard Webhooks, "Payload structure". `data` is the event as it is exported."""
    at = datetime.fromtimestamp(event.at, UTC).isoformat().replace("+00:00", "Z")
    return {"type": event.type, "timestamp": at, "data": render_event(org, event)}
