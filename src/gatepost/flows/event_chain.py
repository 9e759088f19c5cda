"""The chain of an organization's events: what a seal says, and what it proves. Pure.

# How it holds

Each event has a digest: SHA-256 over its document, the one that is exported, with the members of `SEALED` in the order of
their names. The chain is h' = SHA-256(h ‖ id ‖ digest), event after event in order of their ids, which is that of time; it
begins with the organization's id. A seal takes up a piece of the chain: it keeps the ids and digests of the piece, so a
check can say *which* event is not what it was, and a statement that the instance's active signing key signed: from which
head to which, over how many events, under which number.

So whoever changes, removes or adds a sealed event has to change the seal too, and cannot sign it. Whoever removes a
seal leaves a hole in the numbers. Only the end can be cut off unseen, events and seals together: whoever keeps a head
(its number and its hash) somewhere else can look for it, and notices.

What is too new is not sealed yet: a transaction that commits late must not slip under a seal. See `flows.sealing`.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import orjson

from gatepost.flows.event_words import render_event
from gatepost.jose import SEAL_TYPE, SigningKey
from gatepost.records import Event, Seal
from gatepost.secrets import render_id

SEALED = ("actor", "address", "at", "client_id", "detail", "grant_id", "id", "org", "result", "type", "user_id")
"""The members of an event's document that its digest is over. What a later version adds to the document is not in it."""

_ID_BYTES = 16
_ENTRY_BYTES = _ID_BYTES + hashlib.sha256().digest_size


class Entry(NamedTuple):
    """An event as the chain knows it."""

    id: bytes
    digest: bytes


class Statement(NamedTuple):
    """What a seal's signature is over. `after` and `last` are ids of events, `previous` and `head` hashes, all in hex."""

    org: str
    seq: int
    events: int
    after: str
    last: str
    previous: str
    head: str
    at: int


def digest_of(document: dict[str, Any]) -> bytes:
    """The digest of an event's document. Raises KeyError when a member is missing."""
    return hashlib.sha256(orjson.dumps({name: document[name] for name in SEALED}, option=orjson.OPT_SORT_KEYS)).digest()


def entry_of(org: bytes, event: Event) -> Entry:
    """An event's place in the chain."""
    return Entry(event.id, digest_of(render_event(org, event)))


def origin_of(org: bytes) -> bytes:
    """Where an organization's chain begins."""
    return hashlib.sha256(b"gatepost events " + org).digest()


def extend(head: bytes, entries: Iterable[Entry]) -> bytes:
    """The head of the chain behind these entries."""
    for entry in entries:
        head = hashlib.sha256(head + entry.id + entry.digest).digest()
    return head


def make_seal(org: bytes, previous: Seal | None, entries: list[Entry], key: SigningKey, now: int) -> Seal:
    """The seal of the events that follow the previous seal's."""
    start, after = (previous.head, previous.last_id) if previous else (origin_of(org), b"")
    head, last, seq = extend(start, entries), entries[-1].id, previous.seq + 1 if previous else 1
    statement = Statement(
        render_id("org", org), seq, len(entries), after.hex(), last.hex(), start.hex(), head.hex(), now
    )
    signed = key.mint(statement._asdict(), SEAL_TYPE)
    return Seal(seq, last, head, b"".join(entry.id + entry.digest for entry in entries), signed, now)


def entries_of(seal: Seal) -> Iterator[Entry]:
    """The events that a seal was made over."""
    for start in range(0, len(seal.entries), _ENTRY_BYTES):
        entry = seal.entries[start : start + _ENTRY_BYTES]
        yield Entry(entry[:_ID_BYTES], entry[_ID_BYTES:])


def agrees(org: bytes, seal: Seal, claims: dict[str, Any] | None) -> Statement | None:
    """The statement of a seal whose row says what was signed, from the first entry to the last; None when it does not."""
    try:
        statement = Statement(**claims or {})
        rows = (render_id("org", org), seal.seq, seal.last_id.hex(), seal.head.hex())
        signed = (statement.org, statement.seq, statement.last, statement.head)
        entries = list(entries_of(seal))
        head = extend(bytes.fromhex(statement.previous), entries).hex()
    except (TypeError, ValueError):
        return None
    is_whole = rows == signed and len(entries) == statement.events and head == statement.head
    return statement if is_whole else None
