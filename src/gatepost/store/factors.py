"""Questions about second factors: the key of an authenticator app, its codes, and the recovery codes for when it is lost."""

from typing import NamedTuple

from gatepost.light import replace
from gatepost.store.events import Act, record
from gatepost.store.question import INSTANCE, SQL, Steps, question
from gatepost.store.restored import restored_at


class TotpKey(NamedTuple):
    """A person's key, sealed, and the step of the last code that was used."""

    sealed: bytes
    step: int


@question
def find_totp(user_id: bytes) -> Steps[TotpKey | None]:
    """A person's key; None while the second step is off."""
    rows = yield SQL(
        "select totp, totp_step from users where org = ? and id = ? and totp is not null", (INSTANCE, user_id)
    )
    return TotpKey._make(rows[0]) if rows else None


@question
def turn_totp_on(
    user_id: bytes, sealed: bytes, step: int, code_hashes: tuple[bytes, ...], act: Act, epoch: int = 0
) -> Steps[bool]:
    """Keep a key, the step of the code that proved it, and recovery codes. False when the second step is on already.

    Nor is it turned on when the person's ways in were ended since they had this `epoch`.
    """
    rows = yield SQL(
        "update users set totp = ?, totp_step = ? where org = ? and id = ? and totp is null and epoch = ? returning id",
        (sealed, step, INSTANCE, user_id, epoch),
    )
    if rows:
        yield from _keep_recovery_codes(user_id, code_hashes)
        yield from record(INSTANCE, "user.totp_on", replace(act, user_id=user_id))
    return bool(rows)


@question
def turn_totp_off(user_id: bytes, act: Act) -> Steps[bool]:
    """Forget the key and the recovery codes. False when the second step is off already."""
    rows = yield SQL(
        "update users set totp = null where org = ? and id = ? and totp is not null returning id", (INSTANCE, user_id)
    )
    if rows:
        yield from _keep_recovery_codes(user_id, ())
        yield from record(INSTANCE, "user.totp_off", replace(act, user_id=user_id))
    return bool(rows)


@question
def spend_totp(user_id: bytes, step: int, made_at: int) -> Steps[bool]:
    """Use up the code of a step, made at `made_at`, and all before it. False when it was used: each is good once.

    False too when it was made before the database was restored from a backup: then nobody knows (see `restored`).
    """
    if made_at < (yield from restored_at()):
        return False
    rows = yield SQL(
        """update users set totp_step = ? where org = ? and id = ? and totp is not null and totp_step < ? returning id""",
        (step, INSTANCE, user_id, step),
    )
    return bool(rows)


@question
def list_recovery_codes(user_id: bytes) -> Steps[list[bytes]]:
    """The hashes of a person's recovery codes that are left."""
    rows = yield SQL("select code_hash from recovery_codes where org = ? and user_id = ?", (INSTANCE, user_id))
    return [code_hash for (code_hash,) in rows]


@question
def spend_recovery_code(user_id: bytes, code_hash: bytes, act: Act) -> Steps[bool]:
    """Use a recovery code up. False when it is not one, or was used."""
    rows = yield SQL(
        "delete from recovery_codes where org = ? and user_id = ? and code_hash = ? returning code_hash",
        (INSTANCE, user_id, code_hash),
    )
    if rows:
        yield from record(INSTANCE, "user.recovery_code_used", replace(act, user_id=user_id))
    return bool(rows)


@question
def replace_recovery_codes(user_id: bytes, code_hashes: tuple[bytes, ...], act: Act, epoch: int = 0) -> Steps[bool]:
    """Give a person new recovery codes in place of all old ones.

    False when the second step is off, or their ways in were ended since they had this `epoch`.
    """
    rows = yield SQL(
        "update users set totp_step = totp_step where org = ? and id = ? and totp is not null and epoch = ? returning id",
        (INSTANCE, user_id, epoch),
    )
    if rows:
        yield from _keep_recovery_codes(user_id, code_hashes)
        yield from record(INSTANCE, "user.recovery_codes_replaced", replace(act, user_id=user_id))
    return bool(rows)


def _keep_recovery_codes(user_id: bytes, code_hashes: tuple[bytes, ...]) -> Steps[None]:
    yield SQL("delete from recovery_codes where org = ? and user_id = ?", (INSTANCE, user_id))
    for code_hash in code_hashes:
        yield SQL(
            "insert into recovery_codes (org, user_id, code_hash) values (?, ?, ?)", (INSTANCE, user_id, code_hash)
        )
