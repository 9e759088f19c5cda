"""Questions about grants, the only rows that traffic touches.

# How a refresh decides, in one statement

A refresh token names a generation of its grant. `rotate` moves the grant from the presented generation to the next with
one conditional update. The database runs it once for each request, in some order, and the update's own `where` says who
won: no lock, no read before the write, no window between finding and marking.

- The update matched: this request won. The grant has moved on; the answer is the token of the new generation.
- It did not match because the grant stands exactly one further: somebody presented the same token before. Either the
  answer was lost on its way, or two processes share the token. The successor is not a new secret, it is computed from
  the grant; so while the retry policy allows, this caller gets the *same* successor and there is still one live token.
- It stands further than that: the presented token's successor has been used, so whoever holds it is not the one who
  went on. That is a replay. The grant ends here, in the same transaction, whoever of the two was the thief.

The first use of the successor ends the retry by itself, because the generation moves on. A clock is needed only for apps
whose policy names a number of seconds.

A generation *ahead* of the row is one that we signed and then forgot: the database was restored from a backup. The grant
catches up with it, so restoring logs nobody out. What else a restore must not do stands in `restored`.

# How a revocation of many is one write

An organization, an app, a membership and an API key each count their revocations in `epoch`. A grant stores the sum of
the four counts it was born with and lives while the sum is still the same. Revoking everything of an app is then one
increment, however many grants there are, and a grant made while the revocation ran is on one side of it or the other. A
code, or a device's yes, takes the sum along from when it was approved: what was approved before a revocation of many becomes
no grant after it.

# What is over clears itself away

Grants that expired long ago are deleted a few at a time by the new ones that pass by: more than are made, so none pile up,
and few, so nobody waits for it. The order by their end is what keeps that so: with it every database takes them out of the
index from the front, also when nearly all of a table has expired; without it, one that finds them anywhere would rather walk
through the table, past all that it deleted before.

# What a wrong clock may not do

A clock that ran ahead for a while must not have cleared away what had not expired, so sweeping waits another while. One that
fell back must not have made every grant look unused once it is right again, so `last_used_at` never goes back.
"""

from gatepost.light import Light
from gatepost.records import UNTIL_USED, Grant
from gatepost.store.events import Act, record
from gatepost.store.question import INSTANCE, SQL, Steps, Value, question
from gatepost.store.restored import restored_at
from gatepost.store.revocations import revoke_grant

ALWAYS = 1 << 62
"""Later than any restore: for a grant that nobody approved beforehand."""

SWEEP_AFTER = 7 * 86_400
"""Seconds that a grant is kept after its end."""

SWEEP = 16
"""How many expired grants one in eight new ones clears away."""

_USED = "last_used_at = case when last_used_at > ? then last_used_at else ? end, uses = uses + 1"

EPOCH = "o.epoch + a.epoch + coalesce(m.epoch, 0) + coalesce(k.epoch, 0)"

_GRANT = f"""select g.org, g.id, g.client_id, g.user_id, g.key_id, g.scope, g.resource, g.generation, g.salt, g.created_at,
    g.rotated_at, g.last_used_at, g.uses, g.idle_ttl, g.expires_at, g.revoked_at, g.epoch = {EPOCH},
    o.disabled_at, coalesce(a.disabled_at, p.disabled_at), a.scope, a.retry_window, a.auth_method, a.access_ttl, u.disabled_at,
    g.user_id is null or m.user_id is not null, g.resource is null or r.uri is not null or g.resource like '% %',
    g.app_org, g.session_id, g.authentication, g.jkt, g.rate_limit, a.rate_limit, o.rate_limit"""

_BESIDE = """join orgs o on o.org = g.org
    join apps a on a.org = coalesce(g.app_org, g.org) and a.client_id = g.client_id left join orgs p on p.org = a.org
    left join memberships m on m.org = g.org and m.user_id = g.user_id
    left join users u on u.org = ? and u.id = g.user_id
    left join api_keys k on k.org = g.org and k.id = g.key_id
    left join resources r on r.org = coalesce(p.org, g.org) and r.uri = g.resource
    where g.org = ?"""

LIVE = f"{_GRANT} from grants g {_BESIDE}"


def live_of(ids: str) -> str:
    """LIVE for the grants whose ids a statement finds, which has its parameters first; and app and member by their names.

    They are joined: of ids that are asked `in`, PostgreSQL expects as many as there are grants, and reads all of them.
    """
    names = "a.name, case when m.user_id is not null then u.email end"
    return f"{_GRANT}, {names} from ({ids}) found cross join grants g {_BESIDE} and g.id = found.id"


# Statements of the hot path are whole: an engine finds what it prepared by the text.
_FIND = LIVE + " and g.id = ?"

_ROTATE = f"""update grants set generation = ? + 1, rotated_at = ?, {_USED}
    where org = ? and id = ? and generation <= ? and revoked_at is null returning 1"""

_RETRY = f"""update grants set {_USED}
    where org = ? and id = ? and generation = ? + 1 and rotated_at >= ? and revoked_at is null returning 1"""

_MAKE = f"""insert into grants (org, id, client_id, user_id, key_id, scope, resource, generation, salt, epoch,
    created_at, rotated_at, last_used_at, uses, idle_ttl, expires_at, app_org, session_id, ends_with_session, authentication,
    jkt) select o.org, ?, a.client_id, ?, ?, ?, ?, 1, ?, {EPOCH}, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?
    from orgs o join apps a on a.org = ? and a.client_id = ? left join orgs p on p.org = a.org
    left join memberships m on m.org = o.org and m.user_id = ?
    left join users u on u.org = ? and u.id = m.user_id
    left join api_keys k on k.org = o.org and k.id = ?
    left join sessions s on s.org = ? and s.id = ?
    left join versions v on v.org = ? and v.name = 'restored'
    left join app_requests w on w.org = o.org and w.client_id = a.client_id
    left join consents c on c.org = o.org and c.user_id = ? and c.client_id = a.client_id
    where o.org = ? and coalesce(v.version, 0) <= ? and o.disabled_at is null and a.disabled_at is null and p.disabled_at is null
    and u.disabled_at is null and k.revoked_at is null and s.ended_at is null
    and (o.apps_need_approval = 0 or a.org = o.org or w.agreed_digest is not null)
    and (m.user_id is not null or ? = 1) and (k.id is not null or ? = 1) and (c.user_id is not null or ? = 1)
    and ({EPOCH} = ? or ? = 1)
    on conflict do nothing returning 1"""


class NewGrant(Light, frozen=True):
    """What a grant is made of. Its id decides who makes it: a second one with the same id is refused."""

    id: bytes
    client_id: str
    user_id: bytes | None
    key_id: bytes | None
    scope: str
    resource: str | None
    salt: bytes
    idle_ttl: int
    expires_at: int
    app_org: bytes | None = None
    session_id: bytes | None = None
    ends_with_session: bool = False
    authentication: str = "{}"
    jkt: str | None = None
    needs_consent: bool = False
    """Whether it is not made once the person has taken back that they let the app connect."""
    epoch: int | None = None
    """What the counts of revocations have to be still; None for what nobody approved beforehand."""


class Rotated(Light, frozen=True):
    """The grant moved to `generation`."""

    generation: int


class Retried(Light, frozen=True):
    """Somebody was here before; `generation` is the live one, to be answered again."""

    generation: int


class Replayed(Light, frozen=True):
    """An older generation was presented, and the grant is revoked for it; `event` tells of it."""

    event: bytes


class Made(Light, frozen=True):
    """The grant was made, and this request made it."""


class Gone(Light, frozen=True):
    """There is no such live grant."""


@question
def find_grant(org: bytes, grant: bytes) -> Steps[Grant | None]:
    """The grant with the live state around it; None when it, its app or its organization does not exist."""
    rows = yield SQL(_FIND, (INSTANCE, org, grant))
    return Grant(*rows[0]) if rows else None


@question
def epoch_of(org: bytes, app_org: bytes, client_id: str, user_id: bytes) -> Steps[int]:
    """The counts of revocations that a grant of this person to this app stands on now; 0 where there is none to be made."""
    rows = yield SQL(
        """select o.epoch + a.epoch + m.epoch from orgs o join apps a on a.org = ? and a.client_id = ?
            join memberships m on m.org = o.org and m.user_id = ? where o.org = ?""",
        (app_org, client_id, user_id, org),
    )
    return rows[0][0] if rows else 0


@question
def make_grant(org: bytes, new: NewGrant, act: Act, approved_at: int = ALWAYS) -> Steps[bool]:
    """Make a grant for a live app, member, API key and session, at generation 1. False when one is not live (any more).

    Nor is one made of an app of others that the organization wants to approve first, and has not; nor of one whose consent
    was taken back, where it needs one; nor of one whose organization, app or person has had all their grants ended since.

    One that was approved before the database was restored is not made: see `restored`.

    Passing by, it clears away a few of the organization's expired grants.
    """
    made = yield SQL(
        _MAKE,
        (
            *(new.id, new.user_id, new.key_id, new.scope, new.resource, new.salt, act.at, act.at, act.at, new.idle_ttl),
            *(new.expires_at, new.app_org, new.session_id, int(new.ends_with_session), new.authentication, new.jkt),
            *(new.app_org or org, new.client_id, new.user_id, INSTANCE, new.key_id, INSTANCE, new.session_id),
            *(INSTANCE, new.user_id, org, approved_at),
            *(int(new.user_id is None), int(new.key_id is None), int(not new.needs_consent)),
            *(new.epoch or 0, int(new.epoch is None)),
        ),
    )
    if not made:
        return False
    if new.id[-1] % 8 == 0:
        yield SQL(
            """delete from grants where org = ? and id in
                (select id from grants where org = ? and expires_at < ? order by expires_at limit ?)""",
            (org, org, act.at - SWEEP_AFTER, SWEEP),
        )
    yield from record(org, "grant.made", act)
    return True


@question
def redeem(org: bytes, new: NewGrant, approved_at: int, act: Act) -> Steps[Made | Replayed | Gone]:
    """Make the grant that was approved. The id of an approval is its grant's, so it can become one grant only.

    One from before the database was restored from a backup becomes none: whether it did already, nobody knows any more.

    Whoever comes second with the same approval replays it, and that ends the grant: one of the two is a thief.
    """
    if (yield from make_grant(org, new, act, approved_at)):
        return Made()
    if approved_at < (yield from restored_at()):
        return Gone()
    event = yield from revoke_grant(org, new.id, act, type="grant.replayed")
    return Replayed(event) if event else Gone()


@question
def rotate(
    org: bytes, grant: bytes, generation: int, retry_window: int, act: Act
) -> Steps[Rotated | Retried | Replayed | Gone]:
    """Move a grant to the generation after the presented one, or say why not; see the essay above.

    `retry_window` is in seconds, or UNTIL_USED. Events tell of the first use of a grant and of a replay, not of others.
    """
    now = act.at
    rows = yield SQL(
        _ROTATE,
        (generation, now, now, now, org, grant, generation),
    )
    if rows:
        if generation == 1:
            yield from record(org, "grant.first_used", act)
        return Rotated(generation + 1)
    oldest_rotation = 0 if retry_window == UNTIL_USED else now - retry_window
    rows = yield SQL(
        _RETRY,
        (now, now, org, grant, generation, oldest_rotation),
    )
    if rows:
        return Retried(generation + 1)
    event = yield from revoke_grant(org, grant, act, type="grant.replayed")
    return Replayed(event) if event else Gone()


@question
def list_grants(
    org: bytes, *, client_id: str | None = None, user_id: bytes | None = None, after: bytes = b"", limit: int = 1000
) -> Steps[list[Grant]]:
    """Up to `limit` grants behind the id `after`, oldest first: of the organization, of one app, of one person."""
    where = " and g.id > ?"
    params: list[Value] = [INSTANCE, org, after]
    for column, wanted in (("client_id", client_id), ("user_id", user_id)):
        if wanted is not None:
            where += f" and g.{column} = ?"
            params.append(wanted)
    rows = yield SQL(f"{LIVE}{where} order by g.id limit ?", (*params, limit))
    return [Grant(*row) for row in rows]
