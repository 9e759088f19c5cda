"""What this server sends on its own: mails, logout tokens, events. Kept in the database first, sent by whichever node comes.

A letter is put in the same transaction as the act that it tells of, or right behind it, so nobody waits for another's
server and nothing is lost with a process. Its content is sealed: a dump of the database gives no link away. It is sent
at least once; a server that could not be reached is tried again ever more rarely, and then an event says that it was
given up. Each kind of letter has a loop of its own: webhooks that hang, however many, keep no mail back.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

import orjson

from gatepost.errors import StoreUnavailableError
from gatepost.flows.duties import Duties
from gatepost.flows.instance import Instance
from gatepost.records import Letter
from gatepost.secrets import new_id
from gatepost.store.events import Act
from gatepost.store.outbox import claim_letters, drop_letter, give_up_letter, next_due_at, postpone_letter
from gatepost.store.question import INSTANCE

POLL_SECONDS = 2
AT_ONCE = 50
"""How many letters of a kind one node sends at the same time."""

SEND_SECONDS = 20
"""How long one try may take."""

LEASE_SECONDS = 60
"""How long a letter is one node's: longer than a try, so that another node takes it only from one that died."""

STOP_SECONDS = 5
"""How long a stopping server waits for the tries under way."""

WAITS = (5, 30, 120, 600, 3600, 4 * 3600, 12 * 3600)
"""Seconds until the next try, one for each failed one; the try after the last of them is the last."""

ACTOR = "outbox"

_SEALED = b"letter"

_log = logging.getLogger(__name__)

Content: TypeAlias = dict[str, Any]
Deliver: TypeAlias = Callable[[Instance, str, Content], Awaitable[tuple[Letter, ...]]]
"""Sends the content of a letter to its target, and answers the letters that follow from it. Raises `UndeliveredError`."""


class UndeliveredError(Exception):
    """A letter did not arrive. `why` is for the operator; no further try would help when it is `final`."""

    def __init__(self, why: str, *, final: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.final = final


def write_letter(instance: Instance, kind: str, target: str, content: Content) -> Letter:
    """A letter, sealed, to be put into the outbox by the question that it belongs to.

    `content` may say which organization it is about, in hex, and which app: `org` and `client_id`.
    """
    id, now = new_id(), instance.clock()
    return Letter(id, kind, target, instance.keyring.seal(_SEALED, orjson.dumps(content), id), 0, now, now)


class Outbox:
    """Sends what is due, for as long as the server runs; `deliveries` says how, one row to a kind of letter."""

    def __init__(self, instance: Instance, deliveries: Mapping[str, Deliver]) -> None:
        self._instance = instance
        self._deliveries = deliveries

    async def run(self) -> None:
        """Send until cancelled; then let the tries under way end, for a while."""
        await Duties(*(partial(self._run, kind) for kind in self._deliveries)).run()

    async def _run(self, kind: str) -> None:
        under_way: set[asyncio.Task[None]] = set()
        try:
            while True:
                under_way |= {asyncio.create_task(self._send(each)) for each in await self._claim(kind, len(under_way))}
                if under_way:
                    # One that is sent may have left others, and makes room.
                    await asyncio.wait(under_way, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                else:
                    await asyncio.sleep(POLL_SECONDS)
                under_way = {each for each in under_way if not each.done()}
        finally:
            if under_way:
                await asyncio.wait(under_way, timeout=STOP_SECONDS)
            for each in under_way:
                each.cancel()

    async def send_due(self) -> int:
        """Send what is due now, and answer how many letters that was."""
        letters = [letter for kind in self._deliveries for letter in await self._claim(kind, 0)]
        await asyncio.gather(*map(self._send, letters))
        return len(letters)

    async def _claim(self, kind: str, busy: int) -> list[Letter]:
        store, now = self._instance.store, self._instance.clock()
        try:
            due_at = await store.read(next_due_at(kind))
            if due_at is None or due_at > now or busy >= AT_ONCE:
                return []
            return await store.ask(claim_letters(kind, now, LEASE_SECONDS, AT_ONCE - busy))
        except StoreUnavailableError as fault:
            _log.warning("the outbox cannot be read", extra={"detail": fault.detail})
            return []

    async def _send(self, letter: Letter) -> None:
        try:
            await self._try(letter)
        except StoreUnavailableError as fault:
            # It stays claimed, and is tried again when the lease ends.
            _log.warning("a letter's outcome cannot be kept", extra={"detail": fault.detail})

    async def _try(self, letter: Letter) -> None:
        # One that the store itself left says all in its kind and target, and has nothing sealed.
        plain = self._instance.keyring.unseal(_SEALED, letter.sealed, letter.id) if letter.sealed else b"{}"
        content: Content = orjson.loads(plain or b"{}")
        try:
            if plain is None:
                raise UndeliveredError("the instance key does not open it", final=True)
            async with asyncio.timeout(SEND_SECONDS):
                then = await self._deliveries[letter.kind](self._instance, letter.target, content)
        except UndeliveredError as error:
            await self._failed(letter, content, error)
        except TimeoutError:
            await self._failed(letter, content, UndeliveredError(f"no answer within {SEND_SECONDS} s"))
        except Exception:
            _log.exception("a letter could not be sent")
            await self._failed(letter, content, UndeliveredError("a fault of ours; the log has it"))
        else:
            await self._instance.store.ask(drop_letter(letter, then))

    async def _failed(self, letter: Letter, content: Content, error: UndeliveredError) -> None:
        now = self._instance.clock()
        if not error.final and letter.tries <= len(WAITS):
            await self._instance.store.ask(postpone_letter(letter, now + WAITS[letter.tries - 1]))
            return
        org = bytes.fromhex(content["org"]) if "org" in content else INSTANCE
        detail = {"kind": letter.kind, "target": letter.target, "tries": letter.tries, "why": error.why}
        act = Act(now, ACTOR, client_id=content.get("client_id"))
        await self._instance.store.ask(give_up_letter(org, letter, act, orjson.dumps(detail).decode()))
