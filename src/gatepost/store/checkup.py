"""Questions that look across all organizations for what may be wrong with an instance. Only `gatepost doctor` asks them."""

from typing import NamedTuple

from gatepost.secrets import render_id
from gatepost.store.question import SQL, Steps, question


class Expiring(NamedTuple):
    """A credential that has an end: an API key or an app's secret, and whose."""

    name: str
    expires_at: int


@question
def list_expiring(before: int, limit: int) -> Steps[list[Expiring]]:
    """Up to `limit` API keys and secrets in force that end, or ended, before this instant; the first to end first."""
    keys = yield SQL(
        """select id, name, expires_at from api_keys where expires_at < ? and revoked_at is null
            order by expires_at limit ?""",
        (before, limit),
    )
    secrets = yield SQL(
        "select id, client_id, expires_at from app_secrets where expires_at < ? order by expires_at limit ?",
        (before, limit),
    )
    found = [Expiring(f"{render_id('key', id)} ({name})", end) for id, name, end in keys]
    found += [Expiring(f"{render_id('sec', id)} of the app {client_id}", end) for id, client_id, end in secrets]
    return sorted(found, key=lambda each: each.expires_at)[:limit]


@question
def newest_instant() -> Steps[int]:
    """The latest instant at which anything is said to have happened; 0 when nothing has."""
    events = yield SQL("select max(at) from events")
    grants = yield SQL("select max(last_used_at) from grants")
    return max(events[0][0] or 0, grants[0][0] or 0)
