"""Questions about events: what an auditor asks about, one row each, in the transaction of the act it tells of."""

from gatepost.light import Light
from gatepost.records import Event
from gatepost.secrets import new_id, render_id
from gatepost.store.question import INSTANCE, SQL, Steps, Value, question

EVENT_COLUMNS = "id, at, type, result, actor, client_id, user_id, grant_id, address, detail"

_RECORD = f"insert into events (org, {EVENT_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


class Act(Light, frozen=True):
    """The frame of an event: when, who, from which address, and what it was about."""

    at: int
    actor: str
    address: str | None = None
    client_id: str | None = None
    user_id: bytes | None = None
    grant_id: bytes | None = None


@question
def record(org: bytes, type: str, act: Act, *, result: str = "ok", detail: str = "{}", id: bytes = b"") -> Steps[bytes]:
    """Append one event and answer its id. `detail` is a JSON object without secrets.

    An event that tells of no grant, request, delivery or webhook tells of a change of policy, and moves its version.
    """
    event = id or new_id()
    yield SQL(
        _RECORD,
        (org, event, act.at, type, result, act.actor, act.client_id, act.user_id, act.grant_id, act.address, detail),
    )
    if not type.startswith(("grant.", "request.", "delivery.", "webhook.")):
        yield SQL(
            """insert into versions (org, name, version) values (?, 'policy', 1)
                on conflict (org, name) do update set version = versions.version + 1""",
            (INSTANCE,),
        )
    return event


def detail_of(prefix: str, id: bytes) -> str:
    """The detail of an event about a thing that has an id of its own, and no column for it."""
    return f'{{"id":"{render_id(prefix, id)}"}}'


@question
def policy_version() -> Steps[int]:
    """A number that is never the same again once an organization, key, app, resource or person has changed."""
    rows = yield SQL("select version from versions where org = ? and name = 'policy'", (INSTANCE,))
    return rows[0][0] if rows else 0


@question
def find_event(org: bytes, id: bytes) -> Steps[Event | None]:
    """The event with this id."""
    rows = yield SQL(f"select {EVENT_COLUMNS} from events where org = ? and id = ?", (org, id))
    return Event._make(rows[0]) if rows else None


@question
def list_events(
    org: bytes,
    limit: int,
    *,
    after: bytes = b"",
    before: bytes | None = None,
    newest_first: bool = False,
    client_id: str | None = None,
    user_id: bytes | None = None,
    type: str | None = None,
    result: str | None = None,
    since: int | None = None,
    until: int | None = None,
) -> Steps[list[Event]]:
    """Up to `limit` events between the ids `after` and `before`, in order of time; or the newest ones first.

    `user_id` is whom an event is about or who acted. `type` without a dot is a whole family, as in `grant`; `result`
    "refused" is whatever is not "ok". `since` is inclusive, `until` is not.
    """
    where, params = matching(client_id, user_id, type, result, since, until)
    reach, end = ("", ()) if before is None else (" and id < ?", (before,))
    order = "desc" if newest_first else "asc"
    rows = yield SQL(
        f"select {EVENT_COLUMNS} from events where org = ? and id > ?{reach}{where} order by id {order} limit ?",
        (org, after, *end, *params, limit),
    )
    return [Event._make(row) for row in rows]


def matching(
    client_id: str | None,
    user_id: bytes | None,
    type: str | None,
    result: str | None,
    since: int | None,
    until: int | None,
) -> tuple[str, list[Value]]:
    """What goes behind a `where` for events that match, with its parameters; see `list_events`."""
    family = None if type is None or "." in type else f"{type}.%"
    is_refused = result == "refused"
    conditions: tuple[tuple[str, tuple[Value, ...]], ...] = (
        ("client_id = ?", (client_id,)),
        ("(user_id = ? or actor = ?)", (user_id, user_id and render_id("usr", user_id))),
        ("type = ?", (None if family else type,)),
        ("type like ?", (family,)),
        ("result = ?", (None if is_refused else result,)),
        ("result <> ?", ("ok" if is_refused else None,)),
        ("at >= ?", (since,)),
        ("at < ?", (until,)),
    )
    chosen = [each for each in conditions if each[1][0] is not None]
    where = "".join(f" and {condition}" for condition, _ in chosen)
    return where, [value for _, values in chosen for value in values]
