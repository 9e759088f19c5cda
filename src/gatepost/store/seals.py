"""Questions about the chain of events: what is not sealed yet, the seals, and the keys that signed them.

A seal is only ever added, under the number after the newest one. So of two nodes that seal the same events at the same time
one finds the number taken, and nothing of it is kept.
"""

from gatepost.records import Event, Seal
from gatepost.store.events import EVENT_COLUMNS
from gatepost.store.question import INSTANCE, SQL, Steps, question

_COLUMNS = "seq, last_id, head, entries, statement, created_at"

_UNSEALED = """select o.org from orgs o where o.org > ? and o.org <= ? and exists
    (select 1 from events e where e.org = o.org and e.id < ? and e.id > coalesce(
        (select s.last_id from event_seals s where s.org = o.org order by s.seq desc limit 1), ?)) order by o.org"""


@question
def list_unsealed(after: bytes, limit: int, before: bytes) -> Steps[tuple[list[bytes], bytes | None]]:
    """Of the next `limit` organizations those with unsealed events older than the id `before`, and where to go on.

    None says that there are no more organizations. It looks an index up for each of them and reads nothing else.
    """
    rows = yield SQL("select org from orgs where org > ? order by org limit ?", (after, limit))
    if not rows:
        return [], None
    last: bytes = rows[-1][0]
    found = yield SQL(_UNSEALED, (after, last, before, b""))
    return [org for (org,) in found], last


@question
def list_seals(org: bytes, after: int = 0, limit: int = 50) -> Steps[list[Seal]]:
    """Up to `limit` seals behind the number `after`, in order."""
    rows = yield SQL(
        f"select {_COLUMNS} from event_seals where org = ? and seq > ? order by seq limit ?", (org, after, limit)
    )
    return [Seal._make(row) for row in rows]


@question
def newest_seal(org: bytes) -> Steps[Seal | None]:
    """The seal that the next one takes the chain up from."""
    rows = yield SQL(f"select {_COLUMNS} from event_seals where org = ? order by seq desc limit 1", (org,))
    return Seal._make(rows[0]) if rows else None


@question
def events_between(org: bytes, after: bytes, before: bytes, limit: int) -> Steps[list[Event]]:
    """Up to `limit` events behind one id and ahead of another, in order of time."""
    rows = yield SQL(
        f"select {EVENT_COLUMNS} from events where org = ? and id > ? and id < ? order by id limit ?",
        (org, after, before, limit),
    )
    return [Event._make(row) for row in rows]


@question
def keep_seal(org: bytes, seal: Seal, kid: str, key: bytes) -> Steps[bool]:
    """Add a seal, and the key that signed it. False when there is one of its number."""
    rows = yield SQL(
        f"""insert into event_seals (org, {_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?) on conflict do nothing returning seq""",
        (org, *seal),
    )
    if rows:
        yield SQL(
            "insert into seal_keys (org, kid, sealed) values (?, ?, ?) on conflict do nothing", (INSTANCE, kid, key)
        )
    return bool(rows)


@question
def list_seal_keys() -> Steps[list[tuple[str, bytes]]]:
    """Every key that ever signed a seal: its kid, and its public half as it was sealed."""
    rows = yield SQL("select kid, sealed from seal_keys where org = ? order by kid", (INSTANCE,))
    return [(kid, sealed) for kid, sealed in rows]
