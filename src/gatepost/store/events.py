"""Questions about events: what an auditor asks about, one row each, in the transaction of the act it tells of."""

from typing import NamedTuple

from gatepost.records import Event
from gatepost.secrets import new_id
from gatepost.store.question import INSTANCE, SQL, Steps, Value, question

_COLUMNS = "id, at, type, result, actor, client_id, user_id, grant_id, address, detail"


class Act(NamedTuple):
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

    An event that tells of neither a grant nor a refusal tells of a change of policy, and moves the policy version.
    """
    event = id or new_id()
    yield SQL(
        f"insert into events (org, {_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (org, event, act.at, type, result, act.actor, act.client_id, act.user_id, act.grant_id, act.address, detail),
    )
    if not type.startswith(("grant.", "request.")):
        yield SQL(
            """insert into versions (org, name, version) values (?, 'policy', 1)
                on conflict (org, name) do update set version = versions.version + 1""",
            (INSTANCE,),
        )
    return event


@question
def policy_version() -> Steps[int]:
    """A number that is never the same again once an organization, key, app, resource or person has changed."""
    rows = yield SQL("select version from versions where org = ? and name = 'policy'", (INSTANCE,))
    return rows[0][0] if rows else 0


@question
def list_events(
    org: bytes,
    limit: int,
    *,
    after: bytes = b"",
    newest_first: bool = False,
    client_id: str | None = None,
    type: str | None = None,
) -> Steps[list[Event]]:
    """Up to `limit` events behind the id `after`, in order of time; or the newest ones first."""
    where = "org = ? and id > ?"
    params: list[Value] = [org, after]
    for column, wanted in (("client_id", client_id), ("type", type)):
        if wanted is not None:
            where += f" and {column} = ?"
            params.append(wanted)
    order = "desc" if newest_first else "asc"
    rows = yield SQL(f"select {_COLUMNS} from events where {where} order by id {order} limit ?", (*params, limit))
    return [Event._make(row) for row in rows]
