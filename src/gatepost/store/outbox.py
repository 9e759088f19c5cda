"""Questions about the outbox: what is to be sent to other servers, kept until it arrived or is given up.

Each kind of letter is a queue of its own, and all are the instance's: whichever node comes first sends a letter, and
`claim_letters` is a lease on it. A node that dies with a letter in its hands loses it to another one when the lease ends, so
a letter is sent at least once, and never twice at a time.
"""

from gatepost.records import Letter
from gatepost.store.events import Act, record
from gatepost.store.question import INSTANCE, SQL, Steps, question

_COLUMNS = "id, kind, target, sealed, tries, next_at, created_at"


@question
def put_letter(letter: Letter) -> Steps[bool]:
    """Keep a letter to be sent. False when one with this id is there already."""
    rows = yield SQL(
        f"insert into outbox (org, {_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing returning id",
        (INSTANCE, *letter),
    )
    return bool(rows)


@question
def next_due_at(kind: str) -> Steps[int | None]:
    """When the next letter of a kind is due; None when there is none. Asked often, and writes nothing."""
    rows = yield SQL("select min(next_at) from outbox where org = ? and kind = ?", (INSTANCE, kind))
    due: int | None = rows[0][0]
    return due


@question
def claim_letters(kind: str, now: int, lease: int, limit: int) -> Steps[list[Letter]]:
    """Up to `limit` letters of a kind that are due, each handed to one caller alone until `lease` seconds from now.

    What the inner select found may be another's by now, so the update looks at `next_at` again.
    """
    rows = yield SQL(
        f"""update outbox set tries = tries + 1, next_at = ? where org = ? and next_at <= ? and id in
            (select id from outbox where org = ? and kind = ? and next_at <= ? order by next_at limit ?)
            returning {_COLUMNS}""",
        (now + lease, INSTANCE, now, INSTANCE, kind, now, limit),
    )
    return [Letter._make(row) for row in rows]


@question
def drop_letter(letter: Letter, then: tuple[Letter, ...] = ()) -> Steps[None]:
    """Forget a letter that has arrived; keep those that follow from it, in the same transaction."""
    yield SQL("delete from outbox where org = ? and id = ?", (INSTANCE, letter.id))
    for each in then:
        yield from put_letter(each)


@question
def postpone_letter(letter: Letter, next_at: int) -> Steps[bool]:
    """Try a letter again later. False when somebody else has claimed it since."""
    rows = yield SQL(
        "update outbox set next_at = ? where org = ? and id = ? and tries = ? returning id",
        (next_at, INSTANCE, letter.id, letter.tries),
    )
    return bool(rows)


@question
def give_up_letter(org: bytes, letter: Letter, act: Act, detail: str) -> Steps[bool]:
    """Forget a letter that will not arrive, and tell the organization it is about. False when somebody else has it now."""
    rows = yield SQL(
        "delete from outbox where org = ? and id = ? and tries = ? returning id", (INSTANCE, letter.id, letter.tries)
    )
    if rows:
        yield from record(org, "delivery.given_up", act, result="failed", detail=detail)
    return bool(rows)
