"""Questions about people and their memberships. E-mails are kept in one canonical form."""

from gatepost.light import replace
from gatepost.records import Member, User
from gatepost.secrets import render_id
from gatepost.store.events import Act, record
from gatepost.store.orgs import claim_name
from gatepost.store.question import INSTANCE, SQL, Steps, question
from gatepost.store.revocations import DISABLED, tell

_MEMBER = """select u.id, u.email, m.role, u.disabled_at, m.created_at from memberships m
    join users u on u.org = ? and u.id = m.user_id where m.org = ?"""

_OWNED = """(role <> 'owner' or ? = 'owner' or exists
    (select 1 from memberships o where o.org = ? and o.role = 'owner' and o.user_id <> ?))"""
"""Whether the organization still has an owner afterwards."""


@question
def make_member(
    org: bytes,
    candidate: bytes,
    email: str,
    password_hash: str | None,
    role: str,
    epoch: int,
    act: Act,
    *,
    keeps_role: bool = False,
) -> Steps[tuple[bytes, bool]]:
    """Make the person if the e-mail is new, and a member of the organization. Answers their id and whether they are new.

    A person who exists keeps their password; a member keeps their place and gets the role, unless they are to keep theirs.
    """
    user_id = yield from claim_name("email", email, candidate)
    is_new = user_id == candidate
    if is_new:
        yield SQL(
            "insert into users (org, id, email, password_hash, disabled_at, created_at) values (?, ?, ?, ?, null, ?)",
            (INSTANCE, user_id, email, password_hash, act.at),
        )
    yield SQL(
        """insert into memberships (org, user_id, role, epoch, created_at) values (?, ?, ?, ?, ?)
            on conflict (org, user_id) do update
                set role = case when ? = 1 then memberships.role else excluded.role end""",
        (org, user_id, role, epoch, act.at, int(keeps_role)),
    )
    yield from record(org, "user.made" if is_new else "user.joined", replace(act, user_id=user_id))
    return user_id, is_new


@question
def bring_people(org: bytes, people: tuple[tuple[User, str | None], ...], epoch: int, act: Act) -> Steps[None]:
    """Make people, each with the hash of their password, members of the organization.

    Whoever is known already keeps what they have, and a member their role.
    """
    for user, password_hash in people:
        known = yield SQL(
            "select owner from names where org = ? and kind = 'email' and name = ?", (INSTANCE, user.email)
        )
        if known and (yield from find_member(org, known[0][0])):
            continue
        _, is_new = yield from make_member(org, user.id, user.email, password_hash, "member", epoch, act)
        if is_new:
            yield SQL(
                "update users set name = ?, profile = ?, email_verified_at = ?, disabled_at = ? where org = ? and id = ?",
                (user.name, user.profile, user.email_verified_at, user.disabled_at, INSTANCE, user.id),
            )


@question
def replace_password_hash(user_id: bytes, before: str, after: str) -> Steps[None]:
    """Keep a better hash of the same password, unless the password was changed meanwhile."""
    yield SQL(
        "update users set password_hash = ? where org = ? and id = ? and password_hash = ?",
        (after, INSTANCE, user_id, before),
    )


@question
def find_member(org: bytes, user_id: bytes) -> Steps[Member | None]:
    """The person with this id, as a member of the organization."""
    rows = yield SQL(_MEMBER + " and m.user_id = ?", (INSTANCE, org, user_id))
    return Member._make(rows[0]) if rows else None


@question
def change_role(org: bytes, user_id: bytes, old: str, new: str, act: Act) -> Steps[bool]:
    """Give a member another role. False when theirs is not `old` (any more), or they are the last owner."""
    yield from _one_at_a_time(org)
    rows = yield SQL(
        f"update memberships set role = ? where org = ? and user_id = ? and role = ? and {_OWNED} returning user_id",
        (new, org, user_id, old, new, org, user_id),
    )
    if rows:
        detail = f'{{"role":"{new}","before":"{old}"}}'
        yield from record(org, "user.role_changed", replace(act, user_id=user_id), detail=detail)
    return bool(rows)


@question
def remove_member(org: bytes, user_id: bytes, role: str, act: Act) -> Steps[bool]:
    """End a membership, and with it every grant that the person has there.

    False when their role is not `role` (any more), or they are the last owner.
    """
    yield from _one_at_a_time(org)
    rows = yield SQL(
        f"delete from memberships where org = ? and user_id = ? and role = ? and {_OWNED} returning user_id",
        (org, user_id, role, "", org, user_id),
    )
    if rows:
        yield SQL("delete from consents where org = ? and user_id = ?", (org, user_id))
        yield from tell(org, "user", render_id("usr", user_id), act.at)
        yield from record(org, "user.removed", replace(act, user_id=user_id))
    return bool(rows)


@question
def _one_at_a_time(org: bytes) -> Steps[None]:
    """Whoever changes members holds the organization's row until the commit: of two owners, two do not leave at once."""
    yield SQL("update orgs set name = name where org = ?", (org,))


@question
def list_members(org: bytes, after: bytes = b"", limit: int = 1000) -> Steps[list[Member]]:
    """Up to `limit` members behind the id `after`, in the order in which they became known."""
    rows = yield SQL(_MEMBER + " and m.user_id > ? order by m.user_id limit ?", (INSTANCE, org, after, limit))
    return [Member._make(row) for row in rows]


@question
def list_active_as(org: bytes, roles: tuple[str, ...], limit: int) -> Steps[list[Member]]:
    """Up to `limit` active members with one of these roles, in the order in which they became known."""
    marks = ", ".join("?" * len(roles))
    rows = yield SQL(
        f"{_MEMBER} and u.disabled_at is null and m.role in ({marks}) order by m.user_id limit ?",
        (INSTANCE, org, *roles, limit),
    )
    return [Member._make(row) for row in rows]


@question
def find_user(user_id: bytes) -> Steps[User | None]:
    """The person with this id."""
    rows = yield SQL(
        """select id, email, disabled_at, created_at, name, email_verified_at, profile, epoch from users
            where org = ? and id = ?""",
        (INSTANCE, user_id),
    )
    return User._make(rows[0]) if rows else None


@question
def find_password_hash(user_id: bytes) -> Steps[str | None]:
    """The hash of a person's password; None without a person or a password."""
    rows = yield SQL("select password_hash from users where org = ? and id = ?", (INSTANCE, user_id))
    return rows[0][0] if rows else None


@question
def list_organizations_of(user_id: bytes) -> Steps[list[tuple[bytes, str]]]:
    """Where a person is a member, and as what."""
    rows = yield SQL("select org, role from memberships where user_id = ? order by org", (user_id,))
    return [(org, role) for org, role in rows]


@question
def list_memberships(user_id: bytes) -> Steps[list[tuple[bytes, str, int | None]]]:
    """Where a person is a member: the organization, its name, and since when it is disabled."""
    rows = yield SQL(
        """select o.org, o.name, o.disabled_at from memberships m join orgs o on o.org = m.org where m.user_id = ?
            order by o.org""",
        (user_id,),
    )
    return [(org, name, disabled_at) for org, name, disabled_at in rows]


@question
def replace_profile(before: User, after: User, act: Act, own_epoch: int | None = None) -> Steps[bool]:
    """Say other things of a person; with `own_epoch`, they do so themselves, in a session that had this one.

    False when there is none, when what was said is not as `before` has it (any more), or when their ways in were ended.
    The event does not say what was said.
    """
    rows = yield SQL(
        """update users set name = ?, profile = ?, own_profile = case when ? = 1 then 1 else own_profile end
            where org = ? and id = ? and coalesce(name, '') = ? and profile = ? and epoch = coalesce(?, epoch)
            returning id""",
        (
            *(after.name, after.profile, int(own_epoch is not None)),
            *(INSTANCE, before.id, before.name or "", before.profile, own_epoch),
        ),
    )
    if rows:
        yield from record(INSTANCE, "user.profile_changed", replace(act, user_id=before.id))
    return bool(rows)


@question
def set_user_disabled(user_id: bytes, disabled: bool, act: Act) -> Steps[bool]:
    """Disable or enable a person everywhere. False when there is none."""
    rows = yield SQL(
        "update users set disabled_at = ? where org = ? and id = ? returning id",
        (act.at if disabled else None, INSTANCE, user_id),
    )
    if rows:
        if disabled:
            yield from tell(INSTANCE, "user" + DISABLED, render_id("usr", user_id), act.at)
        yield from record(INSTANCE, "user.disabled" if disabled else "user.enabled", replace(act, user_id=user_id))
    return bool(rows)


@question
def hold_ways_in(user_id: bytes, epoch: int) -> Steps[bool]:
    """Whether a person's ways into the account are as they were at this `epoch`, and stay so until the commit.

    Whoever ends them waits for what is done here, and finds it; or came first, and then the answer is False.
    """
    rows = yield SQL(
        "update users set epoch = epoch where org = ? and id = ? and epoch = ? returning id", (INSTANCE, user_id, epoch)
    )
    return bool(rows)


@question
def set_password(user_id: bytes, password_hash: str, act: Act, epoch: int | None = None) -> Steps[bool]:
    """Give a person a new password. False when there is none, or their ways in were ended since they had this `epoch`."""
    rows = yield SQL(
        """update users set password_hash = ?, epoch = epoch + 1 where org = ? and id = ? and epoch = coalesce(?, epoch)
            returning id""",
        (password_hash, INSTANCE, user_id, epoch),
    )
    if rows:
        yield from record(INSTANCE, "user.password_set", replace(act, user_id=user_id))
    return bool(rows)
