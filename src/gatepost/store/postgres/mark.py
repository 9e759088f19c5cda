"""How a transaction can be found again: each connection keeps one row, and each of its transactions writes its number there.

If the connection goes while a commit is on its way, the row tells what became of it. It is asked with a write: that waits
for the lost transaction if it is still under way, and once it is answered, what did not commit never will. PostgreSQL's own
`pg_xact_status` is no help here: after a crash the number of a transaction that was lost may be given to another one.

The rows are the engine's own business, so they are in no migration. Those of connections that are gone for long are
cleared away by new ones.
"""

from typing import NamedTuple

from gatepost.store.question import SQL, Steps, question

TABLE = SQL("create table if not exists commits (link bytea primary key, number bigint not null, at bigint not null)")

EXISTS = SQL("select to_regclass('commits') is not null")

FORGOTTEN = 86_400
"""Seconds after which nobody asks for a commit any more."""


class Mark(NamedTuple):
    """A transaction: the connection it ran on, its number there, and when it began, in seconds since the epoch."""

    link: bytes
    number: int
    at: int


def leave(mark: Mark) -> list[SQL]:
    """The statements that leave the mark, as a part of the transaction that it stands for."""
    statements = [
        SQL(
            """insert into commits (link, number, at) values (?, ?, ?)
                on conflict (link) do update set number = excluded.number, at = excluded.at""",
            mark,
        )
    ]
    if mark.number == 1:
        statements.append(SQL("delete from commits where at < ?", (mark.at - FORGOTTEN,)))
    return statements


@question
def did_commit(mark: Mark) -> Steps[bool]:
    """Whether the transaction was committed. If not, it never will be."""
    rows = yield SQL(
        """insert into commits (link, number, at) values (?, 0, ?)
            on conflict (link) do update set at = excluded.at returning number""",
        (mark.link, mark.at),
    )
    return bool(rows[0][0] == mark.number)
