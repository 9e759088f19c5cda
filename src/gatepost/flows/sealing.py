"""Sealing: every half minute each node takes the events that have settled, piece by piece, into the chain.

Nothing of this is on the way of a request. An event's id says when it was begun, and it is committed a little later, so an
event may appear with an id before others that are there. Events are sealed only when they are older than any transaction
may take and any two nodes' clocks may differ.
"""

import asyncio
import logging

from gatepost.errors import StoreUnavailableError
from gatepost.flows.event_chain import entry_of, make_seal
from gatepost.flows.instance import Instance
from gatepost.secrets import first_id_at
from gatepost.store.question import INSTANCE
from gatepost.store.seals import events_between, keep_seal, list_unsealed, newest_seal

SEAL_SECONDS = 30
SETTLE_SECONDS = 60
"""How old an event must be: far more than a transaction may take, and than clocks that are looked after differ."""

PIECE = 100
"""Events in one seal at most: a millisecond or two of work between which requests are answered."""

PAUSE_SECONDS = 0.01
"""How long a node that has much to seal, as after an import or an outage, leaves the loop to requests after each piece."""

ORGS = 500
"""Organizations that are looked at in one question."""

SEAL_KEY = b"seal key"

_log = logging.getLogger(__name__)


class Sealer:
    """Seals what has settled, for as long as the server runs."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def run(self) -> None:
        """Seal again and again until cancelled."""
        while True:
            await asyncio.sleep(SEAL_SECONDS)
            try:
                await self.seal_settled()
            except StoreUnavailableError as fault:
                _log.warning("events cannot be sealed", extra={"detail": fault.detail})

    async def seal_settled(self) -> int:
        """Seal what has settled of every organization and of the instance; answers how many seals this node made."""
        before = first_id_at(self._instance.clock() - SETTLE_SECONDS)
        made = await seal(self._instance, INSTANCE, before)
        after: bytes | None = b""
        while after is not None:
            orgs, after = await self._instance.store.read(list_unsealed(after, ORGS, before))
            for org in orgs:
                made += await seal(self._instance, org, before)
            await asyncio.sleep(0)
        return made


async def seal(instance: Instance, org: bytes, before: bytes) -> int:
    """Seal an organization's events with ids below `before`; answers how many seals were made here and not elsewhere."""
    made = 0
    while True:
        previous = await instance.store.read(newest_seal(org))
        after = previous.last_id if previous else b""
        events = await instance.store.read(events_between(org, after, before, PIECE))
        if not events:
            return made
        key = await instance.signing.active()
        entries = [entry_of(org, event) for event in events]
        sealed = make_seal(org, previous, entries, key, instance.clock())
        public = instance.keyring.seal(SEAL_KEY, key.public.dump(), key.kid.encode())
        if not await instance.store.ask(keep_seal(org, sealed, key.kid, public)):
            return made
        made += 1
        if len(events) == PIECE:
            await asyncio.sleep(PAUSE_SECONDS)
