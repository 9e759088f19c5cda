"""Questions that page through what an organization has, as people look through it: by name, or the newest first.

A page costs the same however much there is. An index leads to where it begins; filters that no index knows look at a bounded
number of rows, and when these did not fill the page, it says that it is cut and where to go on.
"""

from collections.abc import Sequence
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from gatepost.records import App, Event, Grant
from gatepost.secrets import first_id_at
from gatepost.store.apps import APP_COLUMNS
from gatepost.store.events import EVENT_COLUMNS, matching
from gatepost.store.grants import EPOCH, live_of
from gatepost.store.question import INSTANCE, SQL, Steps, Value, question

T = TypeVar("T")

SCAN = 2500
"""Rows that one page looks at, at most."""

LOOKED_UP = 500
"""Rows of them, at most, where each has to be looked up by itself."""

LOOK_BACK = 60
"""Seconds by which the clock in an event's id may be off from the instant that it tells."""

_LAST = "\U0010ffff"
"""Behind every text that begins with what stands before it."""

NEWEST = b"\xff" * 16
"""Behind every id."""

Condition: TypeAlias = tuple[str, tuple[Value, ...]]


class Page(NamedTuple, Generic[T]):
    """Some rows, and the cursor of what comes behind them; None at the end. `is_cut` says that rows were left unseen."""

    rows: list[T]
    next: Any
    is_cut: bool = False


class Named(NamedTuple):
    """A grant, with the names of its app and its person; the person's is None once they are no longer a member."""

    grant: Grant
    app: str
    email: str | None


@question
def browse_apps(
    org: bytes,
    after: tuple[str, str] | None,
    limit: int,
    *,
    name: str = "",
    kind: str = "",
    created_by: bytes | None = None,
    disabled: bool | None = None,
) -> Steps[Page[App]]:
    """Apps by name, however its letters are written: all whose name begins so, of this kind, whose maker is this person.

    The cursor is a name, in the lower case of the index, and a client_id.
    """
    begin, behind = after or (name, "")
    # All of it is in the index, so that a page that finds little reads little.
    keys = """select lower(name) as name, client_id, kind, disabled_at, created_by from apps
        where org = ? and lower(name) >= lower(?) and lower(name) < lower(?) || ? and (lower(name), client_id) > (lower(?), ?)
        order by lower(name), client_id limit ?"""
    params = (org, begin, name, _LAST, begin, behind)
    conditions: list[Condition] = [("kind = ?", (kind,))] if kind else []
    if created_by is not None:
        conditions.append(("created_by = ?", (created_by,)))
    if disabled is not None:
        conditions.append((f"disabled_at is {'not ' if disabled else ''}null", ()))
    where, values = _where(conditions)
    reach = SCAN if conditions else limit + 1
    rows = yield SQL(
        f"""select {APP_COLUMNS}, found.name from
            (select * from ({keys}) seen where 1 = 1{where} order by name, client_id limit ?) found
            cross join apps a left join orgs o on o.org = a.org where a.org = ? and a.client_id = found.client_id
            order by found.name, found.client_id""",
        (*params, reach, *values, limit + 1, org),
    )
    apps = [App(*row[:-1]) for row in rows[:limit]]
    if len(rows) > limit:
        return Page(apps, (rows[limit - 1][-1], apps[-1].client_id))
    last = (yield SQL(f"{keys} offset ?", (*params, 1, SCAN - 1))) if conditions else []
    return Page(apps, tuple(last[0][:2]) if last else None, bool(last))


class AppUse(NamedTuple):
    """How an app is used in an organization: its live connections, as far as they were looked for, and when it last was."""

    connections: int
    is_more: bool
    used_at: int | None


@question
def uses_of_apps(org: bytes, client_ids: tuple[str, ...], now: int, most: int) -> Steps[dict[str, AppUse]]:
    """How apps are used here. Of each no more than `most` connections are looked at, the newest; there may be more then."""
    if not client_ids:
        return {}
    # A count over all connections would cost as much as there are; an index leads to the newest few of each app.
    newest = "select id from grants where org = ? and client_id = w.client_id order by id desc limit ?"
    live = f"""select count(*) from ({newest}) found cross join grants g
        join orgs o on o.org = g.org join apps a on a.org = coalesce(g.app_org, g.org) and a.client_id = g.client_id
        left join memberships m on m.org = g.org and m.user_id = g.user_id
        left join api_keys k on k.org = g.org and k.id = g.key_id
        where g.org = ? and g.id = found.id and g.revoked_at is null and g.expires_at > ?
        and g.last_used_at + g.idle_ttl > ? and g.epoch = {EPOCH} and (g.user_id is null or m.user_id is not null)"""
    wanted = ", ".join(["(cast(? as text))"] * len(client_ids))
    rows = yield SQL(
        f"""with w (client_id) as (values {wanted})
            select w.client_id, ({live}), (select count(*) from ({newest}) seen), u.used_at
            from w left join app_uses u on u.org = ? and u.client_id = w.client_id""",
        (*client_ids, org, most, org, now, now, org, most, org),
    )
    return {client_id: AppUse(count, seen == most, used_at) for client_id, count, seen, used_at in rows}


@question
def browse_grants(
    org: bytes, before: bytes | None, limit: int, *, client_id: str | None = None, user_id: bytes | None = None
) -> Steps[Page[Named]]:
    """Grants, the newest first: of the organization, of one app, of one person, of both together."""
    mine: list[Condition] = [("id < ?", (before or NEWEST,))]
    if user_id is not None:
        mine.append(("user_id = ?", (user_id,)))
    elif client_id is not None:
        mine.append(("client_id = ?", (client_id,)))
    where, values = _where(mine)
    # The ids alone are in an index of the app's and of the person's; asked for whole rows, SQLite walks through all.
    ids, params = f"select id from grants where org = ?{where} order by id desc limit ?", (org, *values)
    wanted, own = ids, (*params, limit + 1)
    is_cut = user_id is not None and client_id is not None
    if is_cut:
        # No index has both together, but a person has few.
        wanted = f"select id from grants where org = ? and id in ({ids}) and client_id = ? order by id desc limit ?"
        own = (org, *params, LOOKED_UP, client_id, limit + 1)
    rows = yield SQL(f"{live_of(wanted)} order by g.id desc", (*own, INSTANCE, org))
    found = [Named(Grant(*row[:-2]), *row[-2:]) for row in rows[:limit]]
    if len(rows) > limit:
        return Page(found, found[-1].grant.id)
    last = (yield SQL(f"{ids} offset ?", (*params, 1, LOOKED_UP - 1))) if is_cut else []
    return Page(found, last[0][0] if last else None, bool(last))


@question
def browse_events(
    org: bytes,
    before: bytes | None,
    limit: int,
    *,
    client_id: str | None = None,
    user_id: bytes | None = None,
    type: str | None = None,
    result: str | None = None,
    since: int | None = None,
    until: int | None = None,
) -> Steps[Page[Event]]:
    """Events, the newest first: of the organization or of one app. The filters are `list_events`'s."""
    where, values = matching(None, user_id, type, result, since, until)
    within = "org = ? and id < ? and id >= ?"
    params: tuple[Value, ...] = (org, before or NEWEST, first_id_at((since or LOOK_BACK) - LOOK_BACK))
    if client_id is not None:
        within, params = f"{within} and client_id = ?", (*params, client_id)
    ids = f"select id from events where {within} order by id desc limit ?"
    reach = (SCAN if client_id is None else LOOKED_UP) if where else limit + 1
    if client_id is None:
        seen, own = ids.replace("id", EVENT_COLUMNS, 1), (*params, reach)
    else:
        # The ids alone are in the app's index; asked for whole rows, SQLite walks through all.
        seen, own = f"select {EVENT_COLUMNS} from events where org = ? and id in ({ids})", (org, *params, reach)
    rows = yield SQL(
        f"select {EVENT_COLUMNS} from ({seen}) seen where 1 = 1{where} order by id desc limit ?",
        (*own, *values, limit + 1),
    )
    events = [Event._make(row) for row in rows[:limit]]
    if len(rows) > limit:
        return Page(events, events[-1].id)
    last = (yield SQL(f"{ids} offset ?", (*params, 1, reach - 1))) if where else []
    return Page(events, last[0][0] if last else None, bool(last))


@question
def find_names(
    org: bytes, client_ids: Sequence[str], user_ids: Sequence[bytes], key_ids: Sequence[bytes] = ()
) -> Steps[dict[str | bytes, str]]:
    """What apps, members and API keys of an organization are called; what is none of its own is left out."""
    apps = "select client_id, name from apps where org = ? and client_id in"
    people = """select m.user_id, u.email from memberships m join users u on u.org = ? and u.id = m.user_id
        where m.org = ? and m.user_id in"""
    keys = "select id, name from api_keys where org = ? and id in"
    names: dict[str | bytes, str] = {}
    for select, params, ids in (
        (apps, (org,), client_ids),
        (people, (INSTANCE, org), user_ids),
        (keys, (org,), key_ids),
    ):
        if ids:
            names |= yield SQL(f"{select} ({', '.join('?' * len(ids))})", (*params, *ids))
    return names


class Expiring(NamedTuple):
    """A credential that has an end: the app whose secret it is, or an API key by its name."""

    client_id: str
    name: str
    expires_at: int


@question
def list_expiring_of(org: bytes, before: int, limit: int) -> Steps[list[Expiring]]:
    """Up to `limit` API keys and secrets of an organization that end, or ended, before this instant; the first to end first."""
    keys = yield SQL(
        """select name, expires_at from api_keys where org = ? and expires_at < ? and revoked_at is null
            order by expires_at limit ?""",
        (org, before, limit),
    )
    secrets = yield SQL(
        """select client_id, hint, expires_at from app_secrets where org = ? and expires_at < ?
            order by expires_at limit ?""",
        (org, before, limit),
    )
    found = [Expiring("", name, end) for name, end in keys] + [Expiring._make(row) for row in secrets]
    return sorted(found, key=lambda each: each.expires_at)[:limit]


def _where(conditions: Sequence[Condition]) -> tuple[str, list[Value]]:
    text = "".join(f" and {condition}" for condition, _ in conditions)
    return text, [value for _, values in conditions for value in values]
