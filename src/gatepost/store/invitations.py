"""Questions about invitations: an e-mail, a role in an organization, and whether anybody came."""

from gatepost.records import Invitation
from gatepost.store.events import Act, detail_of, record
from gatepost.store.people import make_member
from gatepost.store.question import SQL, Steps, question
from gatepost.store.recovery import prove_email

_COLUMNS = "id, email, role, created_at, expires_at, ended_at"


@question
def make_invitation(org: bytes, invitation: Invitation, act: Act) -> Steps[int | None]:
    """Keep a new invitation. An open one for the same e-mail ends with it; answers when the last one before it was made."""
    [(last_at,)] = yield SQL(
        "select max(created_at) from invitations where org = ? and email = ?", (org, invitation.email)
    )
    yield SQL(
        "update invitations set ended_at = ? where org = ? and email = ? and ended_at is null",
        (act.at, org, invitation.email),
    )
    yield SQL(f"insert into invitations (org, {_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?)", (org, *invitation))
    yield from record(org, "invitation.made", act, detail=detail_of("inv", invitation.id))
    at: int | None = last_at
    return at


@question
def find_invitation(org: bytes, id: bytes) -> Steps[Invitation | None]:
    """The invitation with this id, open or not."""
    rows = yield SQL(f"select {_COLUMNS} from invitations where org = ? and id = ?", (org, id))
    return Invitation._make(rows[0]) if rows else None


@question
def list_invitations(org: bytes, now: int, *, after: bytes = b"", limit: int = 1000) -> Steps[list[Invitation]]:
    """Up to `limit` open invitations of an organization behind the id `after`, oldest first."""
    rows = yield SQL(
        f"""select {_COLUMNS} from invitations where org = ? and id > ? and ended_at is null and expires_at > ?
            order by id limit ?""",
        (org, after, now, limit),
    )
    return [Invitation._make(row) for row in rows]


@question
def withdraw_invitation(org: bytes, id: bytes, act: Act) -> Steps[bool]:
    """End an invitation. False when there is no open one."""
    rows = yield SQL(
        "update invitations set ended_at = ? where org = ? and id = ? and ended_at is null returning id",
        (act.at, org, id),
    )
    if rows:
        yield from record(org, "invitation.withdrawn", act, detail=detail_of("inv", id))
    return bool(rows)


@question
def accept_invitation(
    org: bytes, id: bytes, candidate: bytes, password_hash: str | None, epoch: int, act: Act, *, is_mailed: bool = False
) -> Steps[tuple[bytes, bool] | None]:
    """Make whom an invitation is for a member; answers their id and whether they are new. None when it is no longer open.

    Somebody new brings a password; without one it is whoever the account belongs to, signed in to it. An invitation that
    came by mail proves the address, see `recovery`.
    """
    rows = yield SQL(
        """update invitations set ended_at = ? where org = ? and id = ? and ended_at is null and expires_at > ?
            returning email, role""",
        (act.at, org, id, act.at),
    )
    if not rows:
        return None
    email, role = rows[0]
    # Whoever became a member meanwhile, perhaps the one owner, does not become less by accepting.
    user_id, is_new = yield from make_member(org, candidate, email, password_hash, role, epoch, act, keeps_role=True)
    if is_mailed:
        yield from prove_email(user_id, act, is_here=is_new or password_hash is None)
    return user_id, is_new
