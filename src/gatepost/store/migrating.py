"""Questions that bring the schema to a version: which migrations were applied, and the next ones."""

from typing import NamedTuple, NoReturn

from gatepost.store import migrations
from gatepost.store.question import INSTANCE, SQL, Steps, question


class Applied(NamedTuple):
    """A migration that the database has, and since when."""

    version: int
    name: str
    applied_at: int


class RehearsedError(Exception):
    """A rehearsal went well to its end. Raised so that the engine undoes all of it; says what the database has."""

    def __init__(self, applied: list[Applied]) -> None:
        super().__init__()
        self.applied = applied


@question
def schema_version() -> Steps[int]:
    """The number of the newest migration that was applied; 0 for a database without one."""
    rows = yield SQL("select max(version) from schema_version where org = ?", (INSTANCE,))
    return rows[0][0] or 0


@question
def prepare(dialect: dict[str, str]) -> Steps[int]:
    """Make the table that records migrations, if it is missing, and answer the version the schema has."""
    yield SQL(
        """create table if not exists schema_version (org {bytes} not null, version bigint not null, name {text} not null,
            applied_at bigint not null, primary key (org, version)){table}""".format(**dialect)
    )
    return (yield from schema_version())


@question
def apply_next(dialect: dict[str, str], now: int) -> Steps[int]:
    """Apply the next missing migration and record it, in one transaction; answer the version the schema has then.

    It is recorded before it is applied: of two processes at once the second waits there for the first, and finds it done.
    """
    version = yield from schema_version()
    for migration in migrations.MIGRATIONS[version : version + 1]:
        recorded = yield SQL(
            """insert into schema_version (org, version, name, applied_at) values (?, ?, ?, ?)
                on conflict do nothing returning version""",
            (INSTANCE, migration.number, migration.name, now),
        )
        for statement in migration.statements if recorded else ():
            yield SQL(statement.format(**dialect))
        for index in migration.indexes if recorded else ():
            yield SQL(f"create index if not exists {index}")
        return migration.number
    return version


@question
def apply_all(dialect: dict[str, str], now: int) -> Steps[int]:
    """Give a database without a schema the newest one, in one transaction: nobody ever finds it half made."""
    version = yield from schema_version()
    while version < migrations.NEWEST:
        version = yield from apply_next(dialect, now)
    return version


@question
def list_applied() -> Steps[list[Applied]]:
    """The migrations that were applied, oldest first."""
    rows = yield SQL("select version, name, applied_at from schema_version where org = ? order by version", (INSTANCE,))
    return [Applied._make(row) for row in rows]


@question
def rehearse(dialect: dict[str, str], now: int) -> Steps[NoReturn]:
    """Apply every missing migration in one transaction of which nothing stays. Raises `RehearsedError` at the end."""
    version = yield from prepare(dialect)
    applied = yield from list_applied()
    while version < migrations.NEWEST:
        version = yield from apply_next(dialect, now)
    raise RehearsedError(applied)
