"""Questions that take back. Each ends what it names for good, in one write, however many grants that covers.

A line in `revocations` tells verifiers, and is kept as long as an access token that was minted before it can live; and as
long again before it is cleared away, for a clock that ran ahead.
"""

from gatepost.records import MAX_ACCESS_TTL
from gatepost.secrets import new_id, render_id
from gatepost.store.events import Act, record
from gatepost.store.question import SQL, Steps, question


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
            act._replace(client_id=client_id, user_id=user_id, grant_id=grant),
            result="refused" if type == "grant.replayed" else "ok",
        )
    )


@question
def revoke_app_grants(org: bytes, client_id: str, act: Act) -> Steps[bool]:
    """End all grants of an app, whoever made them. False when there is no such app."""
    rows = yield SQL(
        "update apps set epoch = epoch + 1 where org = ? and client_id = ? returning client_id", (org, client_id)
    )
    return (yield from _ended(org, "app", client_id, bool(rows), act._replace(client_id=client_id)))


@question
def revoke_user_grants(org: bytes, user_id: bytes, act: Act) -> Steps[bool]:
    """End all grants a person made or has in this organization. False when they are no member."""
    rows = yield SQL(
        "update memberships set epoch = epoch + 1 where org = ? and user_id = ? returning user_id", (org, user_id)
    )
    return (yield from _ended(org, "user", render_id("usr", user_id), bool(rows), act._replace(user_id=user_id)))


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
        yield from record(org, "key.revoked", act, detail=f'{{"id":"{render_id("key", key)}"}}')
    return bool(rows)


@question
def revoke_service_token(org: bytes, jti: str, act: Act) -> Steps[None]:
    """End a token that an app got for itself. No grant stands behind it, so the line for verifiers is all there is."""
    yield from tell(org, "token", jti, act.at)
    yield from record(org, "grant.token_revoked", act)


@question
def is_service_token_revoked(org: bytes, jti: str, client_id: str, issued_at: int) -> Steps[bool]:
    """Whether such a token was revoked: itself, or with all of its app's or its organization's since it was issued."""
    rows = yield SQL(
        """select 1 from revocations where org = ? and (kind = 'token' and target = ?
            or revoked_at >= ? and (kind = 'app' and target = ? or kind = 'org')) limit 1""",
        (org, jti, issued_at, client_id),
    )
    return bool(rows)


@question
def _ended(org: bytes, kind: str, target: str, found: bool, act: Act) -> Steps[bool]:
    if found:
        yield from tell(org, kind, target, act.at)
        yield from record(org, f"{kind}.grants_revoked", act)
    return found


@question
def tell(org: bytes, kind: str, target: str, now: int) -> Steps[None]:
    """Leave a line for verifiers."""
    yield SQL("delete from revocations where org = ? and expires_at < ?", (org, now - MAX_ACCESS_TTL))
    yield SQL(
        "insert into revocations (org, id, kind, target, revoked_at, expires_at) values (?, ?, ?, ?, ?, ?)",
        (org, new_id(), kind, target, now, now + MAX_ACCESS_TTL),
    )
