"""Questions that take back. Each ends what it names for good, in one write, however many grants that covers.

A line in `revocations` tells verifiers, and is kept as long as an access token that was minted before it can live; and as
long again before it is cleared away, for a clock that ran ahead.

# Why a reader of the feed never misses a line

Lines are numbered, and readers go on behind the last number they saw. So a line must never become visible behind a number
that was visible before it. Ids made from clocks cannot promise that: the clocks of two nodes differ, and of two
transactions the one that began first may commit last. The number is one row of `versions`, moved in the transaction that
writes the line: whoever moves it holds the row until their commit, so the numbers become visible in their own order, on
whichever node. No sequence of the database does that, as those give numbers out before the commit.

The number is at least the instant of the revocation in microseconds. So after a restore from a backup it goes on above every
number that was given out before, and a reader can ask for the last minutes alone.

What is disabled may be enabled again, so its lines have kinds of their own: they tell verifiers, who hold tokens against
them once, but no token is dead for them here, where what is live is looked at itself.
"""

from gatepost.light import replace
from gatepost.records import MAX_ACCESS_TTL, Revocation
from gatepost.secrets import new_id, render_id
from gatepost.store.events import Act, detail_of, record
from gatepost.store.question import INSTANCE, SQL, Steps, question

DISABLED = ".disabled"
"""Behind a kind: what it names is only disabled."""

NUMBERS_A_SECOND = 1_000_000

SWEEP = 16
"""How many lines without a meaning a new one clears away."""


@question
def revoke_grant(org: bytes, grant: bytes, act: Act, *, type: str = "grant.revoked") -> Steps[bytes]:
    """End one grant. Answers the event that tells of it; empty when there was no live one, and then nothing is written."""
    rows = yield SQL(
        """update grants set revoked_at = ? where org = ? and id = ? and revoked_at is null
            returning client_id, user_id""",
        (act.at, org, grant),
    )
    if not rows:
        return b""
    client_id, user_id = rows[0]
    yield from tell(org, "grant", render_id("gnt", grant), act.at)
    return (
        yield from record(
            org,
            type,
            replace(act, client_id=client_id, user_id=user_id, grant_id=grant),
            result="refused" if type == "grant.replayed" else "ok",
        )
    )


@question
def revoke_app_grants(org: bytes, client_id: str, act: Act) -> Steps[bool]:
    """End all grants of an app, whoever made them. False when there is no such app."""
    rows = yield SQL(
        "update apps set epoch = epoch + 1 where org = ? and client_id = ? returning client_id", (org, client_id)
    )
    return (yield from _ended(org, "app", client_id, bool(rows), replace(act, client_id=client_id)))


@question
def revoke_user_grants(org: bytes, user_id: bytes, act: Act) -> Steps[bool]:
    """End all grants a person made or has in this organization. False when they are no member."""
    rows = yield SQL(
        "update memberships set epoch = epoch + 1 where org = ? and user_id = ? returning user_id", (org, user_id)
    )
    return (yield from _ended(org, "user", render_id("usr", user_id), bool(rows), replace(act, user_id=user_id)))


@question
def revoke_org_grants(org: bytes, act: Act) -> Steps[bool]:
    """End all grants of the organization. False when there is no such organization."""
    rows = yield SQL("update orgs set epoch = epoch + 1 where org = ? returning org", (org,))
    return (yield from _ended(org, "org", render_id("org", org), bool(rows), act))


@question
def revoke_key(org: bytes, key: bytes, act: Act, *, keep_grants: bool) -> Steps[bool]:
    """End an API key and, unless they are to be kept, the grants it made. False when there is no live one."""
    rows = yield SQL(
        "update api_keys set revoked_at = ?, epoch = epoch + ? where org = ? and id = ? and revoked_at is null returning id",
        (act.at, 0 if keep_grants else 1, org, key),
    )
    if rows and not keep_grants:
        yield from tell(org, "key", render_id("key", key), act.at)
    if rows:
        yield from record(org, "key.revoked", act, detail=detail_of("key", key))
    return bool(rows)


@question
def revoke_token(org: bytes, jti: str, act: Act) -> Steps[None]:
    """End a token that an app got for itself or in exchange. It has no row, so the line for verifiers is all there is."""
    yield from tell(org, "token", jti, act.at)
    yield from record(org, "grant.token_revoked", act)


@question
def is_token_revoked(org: bytes, links: tuple[tuple[str, str], ...], issued_at: int) -> Steps[bool]:
    """Whether such a token was revoked, by the `jti` and `client_id` of it and of those that it came from.

    Each of them may have been revoked itself, or with all of its app's or its organization's since the token was issued.
    """
    for jti, client_id in links:
        # Three look-ups by an index; with `or` it would be a walk through all that the organization revoked.
        rows = yield SQL(
            """select 1 from revocations where org = ? and kind = 'token' and target = ?
                union all select 1 from revocations where org = ? and kind = 'app' and target = ? and revoked_at >= ?
                union all select 1 from revocations where org = ? and kind = 'org' and target = ? and revoked_at >= ? limit 1""",
            (org, jti, org, client_id, issued_at, org, render_id("org", org), issued_at),
        )
        if rows:
            return True
    return False


@question
def _ended(org: bytes, kind: str, target: str, found: bool, act: Act) -> Steps[bool]:
    if found:
        yield from tell(org, kind, target, act.at)
        yield from record(org, f"{kind}.grants_revoked", act)
    return found


@question
def tell(org: bytes, kind: str, target: str, now: int) -> Steps[None]:
    """Leave a line for verifiers, under the next number."""
    yield SQL(
        """delete from revocations where org = ? and id in
            (select id from revocations where org = ? and expires_at < ? order by expires_at limit ?)""",
        (org, org, now - MAX_ACCESS_TTL, SWEEP),
    )
    rows = yield SQL(
        """insert into versions (org, name, version) values (?, 'revocations', ?) on conflict (org, name) do update
            set version = case when versions.version < excluded.version then excluded.version else versions.version + 1 end
            returning version""",
        (INSTANCE, now * NUMBERS_A_SECOND),
    )
    yield SQL(
        "insert into revocations (org, id, kind, target, revoked_at, expires_at, seq) values (?, ?, ?, ?, ?, ?, ?)",
        (org, new_id(), kind, target, now, now + MAX_ACCESS_TTL, rows[0][0]),
    )


@question
def list_revocations(after: int, limit: int) -> Steps[list[Revocation]]:
    """The lines behind a number, in order, of every organization: a verifier reads them all."""
    rows = yield SQL(
        "select seq, org, kind, target, revoked_at from revocations where seq > ? order by seq limit ?", (after, limit)
    )
    return [Revocation(seq, org, kind.removesuffix(DISABLED), target, at) for seq, org, kind, target, at in rows]


@question
def newest_revocation() -> Steps[int]:
    """The number of the newest line; 0 before there was any."""
    rows = yield SQL("select version from versions where org = ? and name = 'revocations'", (INSTANCE,))
    return rows[0][0] if rows else 0
