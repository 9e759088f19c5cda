"""Questions about requests that may be sent again: whoever repeats one under the same key gets the answer of the first."""

from typing import NamedTuple

from gatepost.store.question import SQL, Steps, question

SWEEP = 16
"""How many expired rows a new one clears away."""


class Kept(NamedTuple):
    """A request that came before: the digest of what it asked, and its answer, sealed; empty while it is being worked on."""

    digest: bytes
    sealed: bytes


@question
def claim_request(org: bytes, key: bytes, digest: bytes, now: int, expires_at: int) -> Steps[Kept | None]:
    """Take a request on, or find the one that came before under this key. The insert decides who is first."""
    yield SQL(
        """delete from requests where org = ? and key in
            (select key from requests where org = ? and expires_at <= ? order by expires_at limit ?)""",
        (org, org, now, SWEEP),
    )
    won = yield SQL(
        """insert into requests (org, key, digest, sealed, expires_at) values (?, ?, ?, ?, ?)
            on conflict (org, key) do update set digest = excluded.digest, sealed = excluded.sealed,
                expires_at = excluded.expires_at where requests.expires_at <= ? returning key""",
        (org, key, digest, b"", expires_at, now),
    )
    if won:
        return None
    rows = yield SQL("select digest, sealed from requests where org = ? and key = ?", (org, key))
    return Kept._make(rows[0]) if rows else Kept(digest, b"")


@question
def keep_answer(org: bytes, key: bytes, sealed: bytes) -> Steps[None]:
    """Keep what a request was answered."""
    yield SQL("update requests set sealed = ? where org = ? and key = ?", (sealed, org, key))


@question
def forget_request(org: bytes, key: bytes) -> Steps[None]:
    """Let a request that was refused be sent again: nothing was done."""
    yield SQL("delete from requests where org = ? and key = ? and sealed = ?", (org, key, b""))
