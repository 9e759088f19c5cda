"""The proof that no sealed event was changed, removed or added, and if one was: which."""

import json
from collections.abc import AsyncIterator, Iterable
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple, Protocol

from gatepost.errors import GatepostError
from gatepost.flows.event_chain import Entry, agrees, digest_of, entries_of, entry_of, origin_of
from gatepost.flows.instance import Instance
from gatepost.flows.roles import Actor, Deed
from gatepost.flows.sealing import SEAL_KEY
from gatepost.jose import VerifyingKey
from gatepost.records import Seal
from gatepost.secrets import parse_id
from gatepost.store.browsing import NEWEST
from gatepost.store.question import INSTANCE
from gatepost.store.seals import events_between, list_seal_keys, list_seals

PAGE = 1000

FAULTS = {
    "changed": "the event {event} was changed",
    "removed": "the event {event} was removed",
    "added": "the event {event} was added after its time was sealed",
    "seal_missing": "seal {seq} is missing",
    "seal_broken": "seal {seq} is not as it was signed",
    "cut_off": "the chain does not have the head of seal {seq} that was noted: its end was cut off or replaced",
}


class Fault(NamedTuple):
    """What is wrong with a chain, one of FAULTS; of which seal, and of which event if it is one."""

    what: str
    seq: int
    event: bytes | None = None


class Head(NamedTuple):
    """The end of a chain, as it can be noted elsewhere: the number of the seal, and its hash."""

    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"


class Proof(NamedTuple):
    """What was found of one organization. `unsealed_since` is the id of the oldest event that no seal has yet."""

    org: bytes
    head: Head
    events: int
    faults: list[Fault]
    unsealed: int
    unsealed_since: bytes | None


class Events(Protocol):
    """Where the events are read that are held against the seals: all of an organization from one id to another."""

    def between(self, org: bytes, after: bytes, until: bytes) -> AsyncIterator[Entry]: ...

    def covers(self, org: bytes, event: bytes) -> bool:
        """Whether an event of this id would be here."""
        ...


class StoredEvents:
    """The events in the database."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def between(self, org: bytes, after: bytes, until: bytes) -> AsyncIterator[Entry]:
        while events := await self._instance.store.read(events_between(org, after, until + b"\0", PAGE)):
            for event in events:
                yield entry_of(org, event)
            after = events[-1].id

    def covers(self, org: bytes, event: bytes) -> bool:
        return True


class ExportedEvents:
    """The events of an export in JSON lines, from its first to its last one of each organization."""

    def __init__(self, lines: Iterable[str]) -> None:
        entries = sorted(_parse_line(number, line) for number, line in enumerate(lines, 1) if line.strip())
        self._entries = {org: [entry for _, entry in some] for org, some in groupby(entries, itemgetter(0))}

    @property
    def orgs(self) -> list[bytes]:
        """The organizations whose events are there."""
        return list(self._entries)

    async def between(self, org: bytes, after: bytes, until: bytes) -> AsyncIterator[Entry]:
        for entry in self._entries[org]:
            if after < entry.id <= until:
                yield entry

    def covers(self, org: bytes, event: bytes) -> bool:
        entries = self._entries[org]
        return entries[0].id <= event <= entries[-1].id


def _parse_line(number: int, line: str) -> tuple[bytes, Entry]:
    try:
        document = json.loads(line)
        org = INSTANCE if document["org"] is None else parse_id("org", document["org"])
        id = parse_id("evt", document["id"])
        if org is None or id is None:
            raise ValueError("no id of ours")
        return org, Entry(id, digest_of(document))
    except (AttributeError, KeyError, TypeError, ValueError):
        raise GatepostError(
            "invalid_request", f"Line {number} of the file is not an event.", fix="gatepost events export FILE.jsonl"
        ) from None


def parse_head(text: str) -> Head:
    """A head that was noted, as in `12:9f86d0…`. Raises `invalid_request`."""
    seq, _, hash = text.partition(":")
    if not (seq.isascii() and seq.isdigit() and len(seq) < 16 and len(hash) == 64):
        raise GatepostError("invalid_request", "A head is a number, a colon and 64 hex digits.", field="head")
    return Head(int(seq), hash.lower())


class Prover:
    """Holds events against their seals."""

    def __init__(self, instance: Instance, events: Events, actor: Actor, keys: dict[bytes, VerifyingKey]) -> None:
        self._instance = instance
        self._events = events
        self._actor = actor
        self._keys = keys

    @classmethod
    async def open(cls, instance: Instance, events: Events, actor: Actor) -> "Prover":
        """With every key that ever signed a seal and that the instance key vouches for."""
        keys: dict[bytes, VerifyingKey] = {}
        for kid, sealed in await instance.store.read(list_seal_keys()):
            der = instance.keyring.unseal(SEAL_KEY, sealed, kid.encode())
            key = VerifyingKey.load(der) if der else None
            keys |= dict.fromkeys(key.heads.values(), key) if key else {}
        return cls(instance, events, actor, keys)

    async def prove(self, org: bytes, noted: Head | None = None) -> Proof:
        """What is wrong with an organization's chain, seal by seal; and that it has the head that was noted, if one was.

        Raises as `Actor.check` does.
        """
        self._actor.check(Deed.EVENTS_READ, org)
        faults: list[Fault] = []
        end, after, events = Head(0, origin_of(org).hex()), b"", 0
        joint: tuple[str, str] | None = (end.hash, "")
        heads = {end.seq: end.hash} if noted else {}
        while seals := await self._instance.store.read(list_seals(org, end.seq)):
            for seal in seals:
                holes = [Fault("seal_missing", seq) for seq in range(end.seq + 1, seal.seq)]
                statement = agrees(org, seal, self._open(seal.statement))
                # Behind a hole, or a seal that is broken itself, nobody knows where this one had to begin.
                begins = (statement.previous, statement.after) if statement else None
                if begins is None or (not holes and joint not in (None, begins)):
                    holes.append(Fault("seal_broken", seal.seq))
                after = bytes.fromhex(statement.after) if statement else after
                faults += holes + await self._compare(org, seal, after)
                end, after = Head(seal.seq, seal.head.hex()), seal.last_id
                joint = (end.hash, after.hex()) if statement else None
                events += statement.events if statement else 0
                if noted and seal.seq == noted.seq:
                    heads[seal.seq] = end.hash
        if noted and heads.get(noted.seq) != noted.hash:
            faults.append(Fault("cut_off", noted.seq))
        unsealed = [entry.id async for entry in self._events.between(org, after, NEWEST)]
        return Proof(org, end, events, faults, len(unsealed), min(unsealed, default=None))

    async def _compare(self, org: bytes, seal: Seal, after: bytes) -> list[Fault]:
        """Which events behind `after` are not those that this seal was made over."""
        sealed, faults = dict(entries_of(seal)), []
        async for entry in self._events.between(org, after, seal.last_id):
            digest = sealed.pop(entry.id, None)
            if digest != entry.digest:
                faults.append(Fault("added" if digest is None else "changed", seal.seq, entry.id))
        return faults + [Fault("removed", seal.seq, id) for id in sealed if self._events.covers(org, id)]

    def _open(self, statement: str) -> dict[str, object] | None:
        raw = statement.encode()
        key = self._keys.get(raw.partition(b".")[0])
        try:
            return key.open(raw) if key else None
        except ValueError:
            return None
