"""Questions about passkeys: the public halves that people's devices keep the private ones of."""

from gatepost.light import replace
from gatepost.records import Passkey
from gatepost.store.events import Act, record
from gatepost.store.people import hold_ways_in
from gatepost.store.question import INSTANCE, SQL, Steps, question

_COLUMNS = "id, user_id, name, public_key, sign_count, created_at, last_used_at"


@question
def keep_passkey(passkey: Passkey, act: Act, epoch: int = 0) -> Steps[bool]:
    """Keep a new passkey. False when one with this id is there already, whosever it is.

    Nor is it kept when the person's ways in were ended since they had this `epoch`.
    """
    if not (yield from hold_ways_in(passkey.user_id, epoch)):
        return False
    rows = yield SQL(
        f"insert into passkeys (org, {_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing returning id",
        (INSTANCE, *passkey),
    )
    if rows:
        yield from record(INSTANCE, "user.passkey_added", replace(act, user_id=passkey.user_id))
    return bool(rows)


@question
def find_passkey(id: bytes) -> Steps[Passkey | None]:
    """The passkey with this id."""
    rows = yield SQL(f"select {_COLUMNS} from passkeys where org = ? and id = ?", (INSTANCE, id))
    return Passkey._make(rows[0]) if rows else None


@question
def list_passkeys(user_id: bytes) -> Steps[list[Passkey]]:
    """A person's passkeys, oldest first."""
    rows = yield SQL(
        f"select {_COLUMNS} from passkeys where org = ? and user_id = ? order by created_at, id", (INSTANCE, user_id)
    )
    return [Passkey._make(row) for row in rows]


@question
def use_passkey(id: bytes, sign_count: int, act: Act) -> Steps[bool]:
    """Note that a passkey was used and how often it says it was. False when it has not counted on: then it may be a copy.

    One that always says 0 does not count at all. WebAuthn §6.1.1.
    """
    rows = yield SQL(
        """update passkeys set sign_count = ?, last_used_at = ?
            where org = ? and id = ? and (sign_count < ? or sign_count + ? = 0) returning id""",
        (sign_count, act.at, INSTANCE, id, sign_count, sign_count),
    )
    if not rows:
        yield from record(INSTANCE, "request.passkey_refused", act, result="refused")
    return bool(rows)


@question
def remove_passkey(user_id: bytes, id: bytes, act: Act) -> Steps[bool]:
    """Forget one of a person's passkeys. False when they have no such passkey."""
    rows = yield SQL(
        "delete from passkeys where org = ? and user_id = ? and id = ? returning id", (INSTANCE, user_id, id)
    )
    if rows:
        yield from record(INSTANCE, "user.passkey_removed", replace(act, user_id=user_id))
    return bool(rows)
