"""Questions about sessions: people signed in at browsers. Ending one ends the grants that hang on it."""

from gatepost.light import replace
from gatepost.records import Letter, Session
from gatepost.secrets import new_id, render_id
from gatepost.store.events import Act, record
from gatepost.store.outbox import put_letter
from gatepost.store.people import hold_ways_in, set_password
from gatepost.store.question import INSTANCE, SQL, Steps, question
from gatepost.store.revocations import tell

SWEEP = 16
"""How many expired sessions one new one clears away."""

SESSION_ENDED = "session_ended"
"""The kind of the letter that a session leaves behind; its target is the session."""

_SESSION = """select s.id, s.user_id, s.salt, s.generation, s.rotated_at, s.created_at, s.last_seen_at, s.expires_at, s.auth_time,
    s.amr, s.address, s.agent, s.ended_at, u.email, u.name, u.disabled_at, s.longest_rest, u.epoch
    from sessions s join users u on u.org = s.org and u.id = s.user_id where s.org = ?"""


@question
def make_session(session: Session, act: Act) -> Steps[bool]:
    """Keep a new session. Passing by, it clears away a few that expired.

    False when its person's ways in were ended since the sign-in began: then nobody is signed in by one of them.
    """
    if not (yield from hold_ways_in(session.user_id, session.user_epoch)):
        return False
    yield SQL(
        """delete from sessions where org = ? and id in
            (select id from sessions where org = ? and expires_at < ? order by expires_at limit ?)""",
        (INSTANCE, INSTANCE, act.at, SWEEP),
    )
    yield SQL(
        """insert into sessions (org, id, user_id, salt, generation, rotated_at, created_at, last_seen_at, expires_at,
            auth_time, amr, address, agent, ended_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, null)""",
        (INSTANCE, *session[:12]),
    )
    yield from record(INSTANCE, "request.signed_in", replace(act, user_id=session.user_id), detail=_named(session.id))
    return True


@question
def find_session(session: bytes) -> Steps[Session | None]:
    """The session with this id, ended or not."""
    rows = yield SQL(_SESSION + " and s.id = ?", (INSTANCE, session))
    return Session._make(rows[0]) if rows else None


@question
def list_sessions(user_id: bytes, now: int) -> Steps[list[Session]]:
    """A person's live sessions, newest first."""
    rows = yield SQL(
        _SESSION + " and s.user_id = ? and s.ended_at is null and s.expires_at > ? order by s.id desc limit 100",
        (INSTANCE, user_id, now),
    )
    return [Session._make(row) for row in rows]


@question
def touch_session(session: bytes, generation: int, now: int, *, rotate: bool) -> Steps[bool]:
    """Note that a session is in use, and move it to its next generation if asked. False when somebody else moved it."""
    step = 1 if rotate else 0
    rows = yield SQL(
        """update sessions set last_seen_at = ?, generation = generation + ?,
            longest_rest = case when ? - last_seen_at > longest_rest then ? - last_seen_at else longest_rest end,
            rotated_at = case when ? = 1 then ? else rotated_at end
            where org = ? and id = ? and generation = ? and ended_at is null returning generation""",
        (now, step, now, now, step, now, INSTANCE, session, generation),
    )
    return bool(rows)


@question
def renew_session(session: Session, act: Act) -> Steps[int]:
    """Let a session go on with the salt and the sign-in given here: every cookie of before is dead.

    Answers its generation, or 0 when it has ended.
    """
    rows = yield SQL(
        """update sessions set salt = ?, generation = generation + 1, rotated_at = ?, last_seen_at = ?, expires_at = ?,
            auth_time = ?, amr = ?, longest_rest = ? where org = ? and id = ? and ended_at is null returning generation""",
        (
            session.salt,
            act.at,
            act.at,
            session.expires_at,
            session.auth_time,
            session.amr,
            session.longest_rest,
            INSTANCE,
            session.id,
        ),
    )
    if rows:
        yield from record(
            INSTANCE, "request.signed_in", replace(act, user_id=session.user_id), detail=_named(session.id)
        )
    return rows[0][0] if rows else 0


@question
def end_session(session: bytes, act: Act) -> Steps[list[tuple[bytes, str]]]:
    """End a session and the grants that hang on it. Answers the apps that took part in it: their organization and name.

    A letter is left to tell them. One that has ended before is left as it is, and has nobody to tell.
    """
    rows = yield SQL(
        "update sessions set ended_at = ? where org = ? and id = ? and ended_at is null returning user_id",
        (act.at, INSTANCE, session),
    )
    if not rows:
        return []
    apps = yield from list_apps_of_session(session)
    if apps:
        # Nothing in it is secret, and whom to tell is known from the session.
        yield from put_letter(Letter(new_id(), SESSION_ENDED, render_id("ses", session), b"", 0, act.at, act.at))
    ended = yield SQL(
        """update grants set revoked_at = ? where session_id = ? and ends_with_session = 1 and revoked_at is null
            returning org, id""",
        (act.at, session),
    )
    for org, grant in ended:
        yield from tell(org, "grant", render_id("gnt", grant), act.at)
    yield from record(INSTANCE, "request.signed_out", replace(act, user_id=rows[0][0]), detail=_named(session))
    return [(org, client_id) for org, client_id, _ in apps]


@question
def list_apps_of_session(session: bytes) -> Steps[list[tuple[bytes, str, bytes]]]:
    """The apps that took part in a session: organization, client_id, and the person they know from it."""
    rows = yield SQL(
        """select distinct coalesce(app_org, org), client_id, user_id from grants
            where session_id = ? and user_id is not null order by client_id""",
        (session,),
    )
    return [(org, client_id, user_id) for org, client_id, user_id in rows]


@question
def end_sessions(user_id: bytes, keep: bytes, act: Act) -> Steps[None]:
    """End a person's sessions, all but `keep`, each with the grants that hang on it."""
    rows = yield SQL(
        "select id from sessions where org = ? and user_id = ? and id <> ? and ended_at is null order by id",
        (INSTANCE, user_id, keep),
    )
    for (session,) in rows:
        yield from end_session(session, act)


@question
def change_password(user_id: bytes, password_hash: str, keep: bytes, act: Act, epoch: int | None = None) -> Steps[bool]:
    """Give a person a new password, and end their sessions but `keep`: whoever else knew the old one is out with it.

    False as `set_password`; then nothing has changed.
    """
    if not (yield from set_password(user_id, password_hash, act, epoch)):
        return False
    yield from end_sessions(user_id, keep, act)
    return True


def _named(session: bytes) -> str:
    return f'{{"session":"{render_id("ses", session)}"}}'
