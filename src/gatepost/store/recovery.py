"""Questions that spend a mailed link: a new password, a proved e-mail, somebody new.

# Whose an account is before its address is proved

Whoever was handed an invitation, or was made by the operator, has an account without having shown that they read the mails
of its address. It may be somebody else's address: then what they set up waits for its owner, who would share the account
with them. So the first proof of the address ends all that was set up before it, in its own transaction: the password, the
passkeys, the second step, what somebody in the account had apps told of its person, every session, consent and grant. Only
what the account's own person proves from a session of the account stays: whoever is signed in to it and reads its mails has
shown both.

What is under way meanwhile, with a password that was looked at a moment before, must not come to its end after it. So a
person has an `epoch`, which every such end moves on; and what signs in, or adds a way in, is held against the one that it
began with.
"""

from gatepost.light import replace
from gatepost.store.events import Act, record
from gatepost.store.orgs import find_owner, make_org
from gatepost.store.people import list_organizations_of, make_member
from gatepost.store.question import INSTANCE, SQL, Steps, question
from gatepost.store.revocations import revoke_user_grants
from gatepost.store.sessions import change_password, end_sessions
from gatepost.store.spent import spend


@question
def reset_password(
    user_id: bytes, password_hash: str, link: bytes, made_at: int, expires_at: int, act: Act, *, is_here: bool = False
) -> Steps[bool]:
    """Give a person a new password by a link, and end their sessions and grants: whoever knew the old one is out.

    False when the link was used. Whoever follows it reads the mails, so the e-mail is proved too: see `prove_email`.
    """
    if not (yield from spend("mail", link, made_at, expires_at, act.at)):
        return False
    yield from prove_email(user_id, act, is_here=is_here)
    yield from change_password(user_id, password_hash, b"", act)
    yield from _end_grants(user_id, act)
    return True


@question
def prove_email(user_id: bytes, act: Act, *, is_here: bool = False) -> Steps[None]:
    """Note that a person reads their mails; the first time, end what was set up before that. See the essay above.

    `is_here` when they prove it where they are signed in: then it is theirs, and stays.
    """
    rows = yield SQL(
        "update users set email_verified_at = ? where org = ? and id = ? and email_verified_at is null returning id",
        (act.at, INSTANCE, user_id),
    )
    if not rows:
        return
    yield from record(INSTANCE, "user.email_verified", replace(act, user_id=user_id))
    if not is_here:
        yield from _begin_anew(user_id, act)


@question
def verify_email(user_id: bytes, email: str, act: Act, *, is_here: bool = False) -> Steps[bool]:
    """Prove an address by a link that was mailed to it, see `prove_email`. False when it is no longer theirs."""
    rows = yield SQL("select id from users where org = ? and id = ? and email = ?", (INSTANCE, user_id, email))
    if rows:
        yield from prove_email(user_id, act, is_here=is_here)
    return bool(rows)


@question
def enter_by_mail(
    user_id: bytes, link: bytes, made_at: int, expires_at: int, act: Act, *, is_here: bool = False
) -> Steps[bool]:
    """Spend a sign-in link that was mailed, which proves the address, see `prove_email`. False when it was used."""
    if not (yield from spend("link", link, made_at, expires_at, act.at)):
        return False
    yield from prove_email(user_id, act, is_here=is_here)
    return True


@question
def sign_up(
    place: tuple[bytes, str], person: tuple[bytes, str, str], epoch: int, link: tuple[bytes, int, int], act: Act
) -> Steps[bytes | None]:
    """Make a person (id, e-mail, password hash) by a link, and an organization (id, name) that they own.

    None when the link (id, made at, expires at) was used, or the e-mail is somebody's already.
    """
    (org, name), (candidate, email, password_hash), (id, made_at, expires_at) = place, person, link
    if not (yield from spend("mail", id, made_at, expires_at, act.at)):
        return None
    if (yield from find_owner("email", email)) is not None:
        return None
    yield from make_org(org, name, epoch, act)
    user_id, _ = yield from make_member(org, candidate, email, password_hash, "owner", epoch, act)
    yield from prove_email(user_id, act, is_here=True)
    return user_id


@question
def _begin_anew(user_id: bytes, act: Act) -> Steps[None]:
    yield SQL(
        "update users set password_hash = null, totp = null, epoch = epoch + 1 where org = ? and id = ?",
        (INSTANCE, user_id),
    )
    yield SQL(
        "update users set name = null, profile = '{}', own_profile = 0 where org = ? and id = ? and own_profile = 1",
        (INSTANCE, user_id),
    )
    yield SQL("delete from recovery_codes where org = ? and user_id = ?", (INSTANCE, user_id))
    yield SQL("delete from passkeys where org = ? and user_id = ?", (INSTANCE, user_id))
    yield from end_sessions(user_id, b"", act)
    for org in (yield from _end_grants(user_id, act)):
        yield SQL("delete from consents where org = ? and user_id = ?", (org, user_id))
    yield from record(INSTANCE, "user.begun_anew", replace(act, user_id=user_id))


@question
def _end_grants(user_id: bytes, act: Act) -> Steps[list[bytes]]:
    """End all grants of a person; answers the organizations that they belong to."""
    orgs = [org for org, _ in (yield from list_organizations_of(user_id))]
    for org in orgs:
        yield from revoke_user_grants(org, user_id, act)
    return orgs
