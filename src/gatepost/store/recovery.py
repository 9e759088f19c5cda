"""Questions that spend a mailed link: a new password, a proved e-mail, somebody new."""

from gatepost.store.events import Act, record
from gatepost.store.orgs import find_owner, make_org
from gatepost.store.passkeys import remove_passkey
from gatepost.store.people import make_member, spend
from gatepost.store.question import INSTANCE, SQL, Steps, question
from gatepost.store.revocations import revoke_user_grants
from gatepost.store.sessions import change_password


@question
def reset_password(
    user_id: bytes, password_hash: str, link: bytes, made_at: int, expires_at: int, act: Act
) -> Steps[bool]:
    """Give a person a new password by a link, and end their sessions and grants: whoever knew the old one is out.

    So is whoever took the address before its owner came: passkeys that are older than the proof of the e-mail end too.
    False when the link was used. Who follows it reads the mails, so the e-mail is proved too.
    """
    if not (yield from spend("mail", link, made_at, expires_at, act.at)):
        return False
    yield from change_password(user_id, password_hash, b"", act)
    rows = yield SQL("select org from memberships where user_id = ? order by org", (user_id,))
    for (org,) in rows:
        yield from revoke_user_grants(org, user_id, act)
    yield from _forget_unproved_passkeys(user_id, act)
    yield from _prove(user_id, act)
    return True


@question
def verify_email(user_id: bytes, email: str, act: Act) -> Steps[bool]:
    """Note that a person reads the mails of this address. False when it is theirs no more."""
    rows = yield SQL("select id from users where org = ? and id = ? and email = ?", (INSTANCE, user_id, email))
    if rows:
        yield from _prove(user_id, act)
    return bool(rows)


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
    yield from _prove(user_id, act)
    return user_id


@question
def _forget_unproved_passkeys(user_id: bytes, act: Act) -> Steps[None]:
    rows = yield SQL(
        """select k.id from passkeys k join users u on u.org = k.org and u.id = k.user_id where k.org = ? and k.user_id = ?
            and (u.email_verified_at is null or k.created_at < u.email_verified_at)""",
        (INSTANCE, user_id),
    )
    for (id,) in rows:
        yield from remove_passkey(user_id, id, act)


@question
def _prove(user_id: bytes, act: Act) -> Steps[None]:
    rows = yield SQL(
        "update users set email_verified_at = ? where org = ? and id = ? and email_verified_at is null returning id",
        (act.at, INSTANCE, user_id),
    )
    if rows:
        yield from record(INSTANCE, "user.email_verified", act._replace(user_id=user_id))
