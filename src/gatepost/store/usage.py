"""Questions about usage: how often what happened, in minutes and in hours, per organization and app.

Every node adds its own counts to the same rows, so no node needs to know of another. A count goes into its minute and into
its hour at once: nothing is rolled up later, and to forget the minutes is all that remains to do. What is old is swept a
little by every writing that passes by.
"""

from typing import NamedTuple

from gatepost.store.question import SQL, Steps, Value, question

MINUTE = 60
HOUR = 3600

KEPT = {MINUTE: 48 * HOUR, HOUR: 90 * 24 * HOUR}
"""How long the rows of each width are kept, in seconds."""

ROWS = 64
"""Rows in one statement: enough for a node with many apps, and little for the writer to hold anybody up with."""

_ROW = "(?, ?, ?, ?, ?, ?, ?)"

_SWEEP = """delete from usage where (org, width, at, client_id, kind, name) in
    (select org, width, at, client_id, kind, name from usage where width = ? and at < ? order by at limit ?)"""


class Count(NamedTuple):
    """How often something happened. `client_id` is empty where no app is known; `kind` says what `name` names."""

    org: bytes
    client_id: str
    kind: str
    name: str
    times: int


class Point(NamedTuple):
    """How often something happened from the instant `at` on, until the next one."""

    at: int
    kind: str
    name: str
    times: int


class Share(NamedTuple):
    """What one app has of something."""

    client_id: str
    kind: str
    name: str
    times: int


@question
def add_usage(counts: tuple[Count, ...], at: int) -> Steps[None]:
    """Add counts, each of which is there once, to the minute and the hour of `at`; sweep twice as many old rows."""
    for width in (MINUTE, HOUR):
        # In one order on every node, so that two who add the same never wait for each other in a circle.
        rows = [(each[0], width, at - at % width, *each[1:]) for each in sorted(counts)]
        for start in range(0, len(rows), ROWS):
            some = rows[start : start + ROWS]
            values: tuple[Value, ...] = tuple(value for row in some for value in row)
            yield SQL(
                f"""insert into usage (org, width, at, client_id, kind, name, times) values {", ".join([_ROW] * len(some))}
                    on conflict (org, width, at, client_id, kind, name) do update set times = usage.times + excluded.times""",
                values,
            )
        yield SQL(_SWEEP, (width, at - KEPT[width], 2 * len(rows)))
    yield from _note_uses(sorted({(each.org, each.client_id) for each in counts if each.client_id}), at)


@question
def _note_uses(used: list[tuple[bytes, str]], at: int) -> Steps[None]:
    """Note that these apps were in use. A clock that fell back does not make them look unused."""
    for start in range(0, len(used), ROWS):
        some = used[start : start + ROWS]
        values: tuple[Value, ...] = tuple(value for pair in some for value in (*pair, at))
        yield SQL(
            f"""insert into app_uses (org, client_id, used_at) values {", ".join(["(?, ?, ?)"] * len(some))}
                on conflict (org, client_id) do update set used_at = case when app_uses.used_at > excluded.used_at
                then app_uses.used_at else excluded.used_at end""",
            values,
        )


@question
def usage_series(
    org: bytes, width: int, since: int, until: int, step: int, client_id: str | None = None
) -> Steps[list[Point]]:
    """What happened in an organization, or to one app of it, by steps: multiples of `width`. Those without are left out."""
    app, params = ("", ()) if client_id is None else (" and client_id = ?", (client_id,))
    rows = yield SQL(
        f"""select at - at % ? as step, kind, name, cast(sum(times) as bigint) from usage
            where org = ? and width = ? and at >= ? and at < ?{app} group by step, kind, name order by step, kind, name""",
        (step, org, width, since, until, *params),
    )
    return [Point._make(row) for row in rows]


@question
def usage_by_app(org: bytes, width: int, since: int, until: int) -> Steps[list[Share]]:
    """What each app of an organization has of it, by client_id."""
    rows = yield SQL(
        """select client_id, kind, name, cast(sum(times) as bigint) from usage
            where org = ? and width = ? and at >= ? and at < ? group by client_id, kind, name
            order by client_id, kind, name""",
        (org, width, since, until),
    )
    return [Share._make(row) for row in rows]
