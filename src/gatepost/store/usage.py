"""Questions about usage: how often what happened, in minutes, hours and days, per organization and app.

Every node adds its own counts to the same rows, so no node needs to know of another. A count goes at once into its minute,
its hour and its day: nothing is rolled up later, and to forget what is old is all that remains to do. It is swept a little
by every writing that passes by.

What an organization has in all is counted beside what its apps have. So whoever draws a chart reads as many rows as it has
points, a few for each, however many apps there are.
"""

from collections.abc import Iterator
from typing import NamedTuple

from gatepost.store.question import SQL, Steps, Value, question

MINUTE = 60
HOUR = 3600
DAY = 24 * HOUR

KEPT = {MINUTE: 12 * HOUR, HOUR: 10 * DAY, DAY: 90 * DAY}
"""How long the rows of each width are kept, in seconds: as long as somebody may ask for them, and a little."""

ALL = "*"
"""Stands where a client_id does for all that an organization has, of apps and of none. No app can be called so."""

NEVER = 1 << 62
"""Behind every instant."""

ROWS = 64
"""Rows in one statement: enough for a node with many apps, and little for the writer to hold anybody up with."""

_ROW = "(?, ?, ?, ?, ?, ?, ?)"

_SWEEP = """delete from counts where (org, width, client_id, kind, at, name) in
    (select org, width, client_id, kind, at, name from counts where width = ? and at < ? order by at limit ?)"""


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
    """Add counts, each of which is there once, to what was counted at `at`; sweep twice as many old rows."""
    for width in KEPT:
        # In one order on every node, so that two who add the same never wait for each other in a circle.
        rows = [(org, width, app, kind, at - at % width, name, n) for org, app, kind, name, n in sorted(counts)]
        for start in range(0, len(rows), ROWS):
            some = rows[start : start + ROWS]
            values: tuple[Value, ...] = tuple(value for row in some for value in row)
            yield SQL(
                f"""insert into counts (org, width, client_id, kind, at, name, times) values {", ".join([_ROW] * len(some))}
                    on conflict (org, width, client_id, kind, at, name) do update set times = counts.times + excluded.times""",
                values,
            )
        yield SQL(_SWEEP, (width, at - KEPT[width], 2 * len(rows)))
    yield from _note_uses(
        sorted({(each.org, each.client_id) for each in counts if each.client_id not in ("", ALL)}), at
    )


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
    org: bytes, kinds: tuple[str, ...], width: int, since: int, until: int, step: int, client_id: str = ALL
) -> Steps[list[Point]]:
    """What happened in an organization, or to one app of it, by steps: multiples of `width`. Those without are left out."""
    rows = yield SQL(
        f"""select at - at % ? as step, kind, name, cast(sum(times) as bigint) from counts
            where org = ? and width = ? and client_id = ? and kind in ({_marks(kinds)}) and at >= ? and at < ?
            group by step, kind, name order by step, kind, name""",
        (step, org, width, client_id, *kinds, since, until),
    )
    return [Point._make(row) for row in rows]


@question
def usage_sums(
    org: bytes, kinds: tuple[str, ...], since: int, client_ids: tuple[str, ...] = (ALL,)
) -> Steps[list[Share]]:
    """What happened to each of these apps from an instant on, at which a row has to begin."""
    apart = f"""select client_id, kind, name, times from counts where org = ? and width = ?
        and client_id in ({_marks(client_ids)}) and kind in ({_marks(kinds)}) and at >= ? and at < ?"""
    parts: list[str] = []
    params: list[Value] = []
    for width, begin, end in _parts(since):
        parts.append(apart)
        params += (org, width, *client_ids, *kinds, begin, end)
    rows = yield SQL(
        f"""select client_id, kind, name, cast(sum(times) as bigint) from ({" union all ".join(parts)}) parts
            group by client_id, kind, name order by client_id, kind, name""",
        tuple(params),
    )
    return [Share._make(row) for row in rows]


def _parts(since: int) -> Iterator[tuple[int, int, int]]:
    """All time from an instant on in rows that are as wide as may be: their width, and between which instants they begin."""
    for width, wider in ((MINUTE, HOUR), (HOUR, DAY)):
        begun = -(-since // wider) * wider
        if begun > since:
            yield width, since, begun
        since = begun
    yield DAY, since, NEVER


@question
def list_used_apps(org: bytes, since: int, after: str, limit: int) -> Steps[list[str]]:
    """The client_ids of up to `limit` apps that were in use from an instant on, in order, behind one of them."""
    rows = yield SQL(
        "select client_id from app_uses where org = ? and client_id > ? and used_at >= ? order by client_id limit ?",
        (org, after, since, limit),
    )
    return [client_id for (client_id,) in rows]


def _marks(values: tuple[str, ...]) -> str:
    return ", ".join("?" * len(values))
