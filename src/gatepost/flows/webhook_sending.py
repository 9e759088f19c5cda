"""Webhooks at work: events are fed to the outbox, and sent from there with the signatures of Standard Webhooks 1.0.

Nothing of this is on the way of a request: see `store.webhooks`. An event may be committed a little after others whose ids
are later than its own, so the last minute is looked at again now and then, and the cursor stays behind it.
"""

import asyncio
import base64
import hashlib
import hmac
import logging
import time
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from gatepost.errors import StoreUnavailableError
from gatepost.flows.event_words import render_event
from gatepost.flows.instance import Instance
from gatepost.flows.outbox import Content, UndeliveredError, write_letter
from gatepost.outbound import Fetched, OutboundError
from gatepost.records import Event, Letter, Webhook
from gatepost.secrets import Secret, first_id_at, render_id
from gatepost.store.events import find_event
from gatepost.store.seals import events_between
from gatepost.store.webhooks import (
    DELIVERED,
    FAILED,
    Delivery,
    feed,
    find_delivery,
    find_webhook,
    list_listening,
    list_webhooks,
    note_attempt,
    note_fed,
)

WEBHOOK = "webhook"

POLL_SECONDS = 1
LOOK_BACK_SECONDS = 15
"""How often what has not settled is looked at again."""
SETTLE_SECONDS = 60
PAGE = 250

ATTEMPTS = 10
"""Attempts that are kept of a delivery: the newest."""
SHOWN = 256
"""What is kept of an answer, in characters."""

SECRET = "whsec_"
_SEALED = b"webhook secret"
_GONE = 410

_EVER = b"\xff" * 17

_log = logging.getLogger(__name__)


class Signer(NamedTuple):
    """A webhook's secret, and until when it signs; None for the one in use."""

    secret: Secret
    until: int | None = None


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


class Feeder:
    """Makes deliveries of the events that webhooks want, for as long as the server runs."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._newest: dict[bytes, bytes] = {}
        self._fed: set[bytes] = set()
        self._look_back_at = 0.0

    async def run(self) -> None:
        """Feed until cancelled."""
        while True:
            try:
                await self.feed_new()
            except StoreUnavailableError as fault:
                _log.warning("webhooks cannot be fed", extra={"detail": fault.detail})
            await asyncio.sleep(POLL_SECONDS)

    async def feed_new(self, *, look_back: bool = False) -> None:
        """Feed what is new to every webhook; with `look_back`, what came late too."""
        now = time.monotonic()
        look_back = look_back or now >= self._look_back_at
        settled = first_id_at(self._instance.clock() - SETTLE_SECONDS)
        for org, fed in await self._instance.store.read(list_listening()):
            after = fed if look_back else max(fed, self._newest.get(org, fed))
            last = await self._feed(org, after, settled)
            if look_back and last > fed:
                await self._instance.store.ask(note_fed(org, last))
        if look_back:
            self._look_back_at = now + LOOK_BACK_SECONDS
            self._fed = {event for event in self._fed if event >= settled}

    async def _feed(self, org: bytes, after: bytes, settled: bytes) -> bytes:
        """Feed an organization's events behind `after`; answers the last one that has settled."""
        store, last = self._instance.store, after
        webhooks = [each for each in await store.read(list_webhooks(org)) if each.disabled_at is None]
        while events := await store.read(events_between(org, after, _EVER, PAGE)):
            fresh = [each for each in events if each.id not in self._fed and not each.type.startswith("delivery.")]
            pairs = [
                (each, event)
                for event in fresh
                for each in webhooks
                if event.id > each.fed_id and each.wants(event.type)
            ]
            await asyncio.gather(*(self._put(org, webhook, event) for webhook, event in pairs))
            self._fed |= {event.id for _, event in pairs}
            after = events[-1].id
            last = max([last, *(event.id for event in events if event.id < settled)])
        self._newest[org] = max(after, self._newest.get(org, after))
        return last

    async def _put(self, org: bytes, webhook: Webhook, event: Event) -> None:
        letter = letter_of(self._instance, org, webhook, event.id)
        await self._instance.store.ask(feed(org, webhook.id, event.id, event.type, letter))


def letter_of(instance: Instance, org: bytes, webhook: Webhook, event: bytes) -> Letter:
    """The letter that carries an event to a webhook. It names both, and what is sent is written when it is sent."""
    content = {"org": org.hex(), "webhook": webhook.id.hex(), "event": event.hex()}
    return write_letter(instance, WEBHOOK, render_id("whk", webhook.id), content)


async def send_event(instance: Instance, target: str, content: Content) -> tuple[Letter, ...]:
    """Send one event to one webhook; to one that is gone or disabled meanwhile, nothing is sent."""
    org, id, event_id = (bytes.fromhex(content[name]) for name in ("org", "webhook", "event"))
    webhook = await instance.store.read(find_webhook(org, id))
    delivery = await instance.store.read(find_delivery(org, id, event_id))
    if webhook is None or webhook.disabled_at is not None or delivery is None:
        return ()
    attempt = await deliver(instance, org, webhook, delivery)
    if not attempt.is_ok:
        raise UndeliveredError(attempt.error or f"it answered {attempt.status}", final=attempt.status == _GONE)
    return ()


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


def sign(id: str, at: int, body: bytes, signers: list[Signer]) -> dict[str, str]:
    """The headers that say whose message it is, one signature to a secret. Standard Webhooks, "Signature scheme"."""
    signed = f"{id}.{at}.".encode() + body
    signatures = [
        base64.b64encode(hmac.digest(_key(signer.secret), signed, hashlib.sha256)).decode()
        for signer in signers
        if signer.until is None or at < signer.until
    ]
    return {
        "webhook-id": id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def _key(secret: Secret) -> bytes:
    return base64.b64decode(secret.reveal().removeprefix(SECRET))


def seal_signers(instance: Instance, webhook: bytes, signers: list[Signer]) -> bytes:
    """The secrets of a webhook as they are kept."""
    content = [(signer.secret.reveal(), signer.until) for signer in signers]
    return instance.keyring.seal(_SEALED, orjson.dumps(content), webhook)


def signers_of(instance: Instance, webhook: Webhook) -> list[Signer]:
    """The secrets of a webhook; none when the instance key does not open them."""
    plain = instance.keyring.unseal(_SEALED, webhook.secrets, webhook.id)
    return [Signer(Secret(secret), until) for secret, until in orjson.loads(plain or b"[]")]
