"""What a restored database must be told, because it went back in time and does not know.

What was written after the backup is forgotten. Three things must not follow from that:

- That anyone is logged out whose refresh token has moved on since. A token of a later generation than the row's is one we
  signed, and the grant catches up with it: see `grants`.
- That anyone is logged out for not having come by: the time between backup and restore does not count as idle, as the
  visits in it are among what was forgotten.
- That what was used up since can be used again. Which ids those were is forgotten; but all of them were made before the
  restore, so the moment of the restore is kept, and nothing that was made before it can be spent any more: see
  `spent.spend`. Whoever holds such a thing gets a new one.

Two things do follow, and only the operator can mend them: whoever connected since must connect again, and what was
revoked since is live again. `gatepost restore` says so.
"""

from gatepost.store.events import Act, record
from gatepost.store.question import INSTANCE, SQL, Steps, question


@question
def note_restored(made_at: int, act: Act) -> Steps[None]:
    """Tell the database that it is the backup of `made_at`, restored now. Asked by `gatepost restore` alone, of all grants."""
    yield SQL(
        """insert into versions (org, name, version) values (?, 'restored', ?)
            on conflict (org, name) do update set version = excluded.version""",
        (INSTANCE, act.at),
    )
    yield SQL(
        "update grants set last_used_at = last_used_at + ? where revoked_at is null and last_used_at + idle_ttl > ?",
        (max(0, act.at - made_at), made_at),
    )
    yield from record(INSTANCE, "instance.restored", act, detail=f'{{"made_at":{made_at}}}')


@question
def restored_at() -> Steps[int]:
    """When this database was last restored from a backup; 0 for never."""
    rows = yield SQL("select version from versions where org = ? and name = 'restored'", (INSTANCE,))
    return rows[0][0] if rows else 0
