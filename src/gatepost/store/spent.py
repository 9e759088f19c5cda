"""Questions about ids that may be used once: links, pages of consent, proofs, assertions. On all nodes one wins."""

from typing import NamedTuple

from gatepost.store.question import INSTANCE, SQL, Question, Steps, T, question

SWEEP = 16
"""How many expired ids one in eight new ones clears away."""


class Spent(NamedTuple):
    """The id was used before, so the question was not asked."""


@question
def spend(kind: str, id: bytes, made_at: int, expires_at: int, now: int) -> Steps[bool]:
    """Use up an id that may be used once. False when it was used before.

    False too when it was made before the database was restored from a backup: then nobody knows (see `restored`).

    Passing by, it clears away a few that expired.
    """
    # The id comes first: what nodes fight for at the same moment they lock in one order.
    won = yield SQL(
        """insert into spent (org, kind, id, expires_at) select ?, ?, ?, ? where ? >=
            coalesce((select version from versions where org = ? and name = 'restored'), 0) on conflict do nothing returning 1""",
        (INSTANCE, kind, id, expires_at, made_at, INSTANCE),
    )
    if won and id[-1] % 8 == 0:
        yield SQL(
            """delete from spent where org = ? and kind = ? and id in
                (select id from spent where org = ? and kind = ? and expires_at < ? order by expires_at limit ?)""",
            (INSTANCE, kind, INSTANCE, kind, now, SWEEP),
        )
    return bool(won)


@question
def spend_for(question: Question[T], kind: str, id: bytes, made_at: int, expires_at: int, now: int) -> Steps[T | Spent]:
    """A question that counts only if this id was not used before, in one transaction with it."""
    if not (yield from spend(kind, id, made_at, expires_at, now)):
        return Spent()
    return (yield from question)
