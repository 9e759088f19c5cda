"""The feeding of webhooks: what they want of the events is put into the outbox, for as long as the server runs.

Nothing of this is on the way of a request: see `store.webhooks`. An event may be committed a little after others whose ids
are later than its own, so the last minute is looked at again now and then, and the cursor stays behind it.
"""

import asyncio
import logging
import time

from gatepost.errors import StoreUnavailableError
from gatepost.flows.instance import Instance
from gatepost.flows.webhook_sending import letter_of
from gatepost.records import Event, Webhook
from gatepost.secrets import first_id_at
from gatepost.store.browsing import NEWEST
from gatepost.store.seals import events_between
from gatepost.store.webhooks import feed, list_listening, list_webhooks, note_fed

POLL_SECONDS = 1
LOOK_BACK_SECONDS = 15
"""How often what has not settled is looked at again."""
SETTLE_SECONDS = 60
PAGE = 250

_log = logging.getLogger(__name__)


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
        while events := await store.read(events_between(org, after, NEWEST, PAGE)):
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
