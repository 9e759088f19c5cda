"""The engines there are, by the scheme of the database's URL. Each is imported only when its scheme is met."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol

from gatepost.errors import GatepostError
from gatepost.store.migrations import Migration
from gatepost.store.question import Store

MIGRATION_SECONDS = 86_400.0


class Upgrade(Protocol):
    """Brings the schema up and answers its version: a database without any gets all of it, others only if `migrate` says so."""

    def __call__(self, now: int, *, migrate: bool) -> int: ...


class Database(NamedTuple):
    """A database by its place, and what is asked of it before it is used.

    `shown` is how people see it, without a secret. `file` is the file that it is; None where a server keeps it, which then
    serves any number of processes and has backups of its own. `dialect` are the words its migrations are written in.
    `build` does ahead of a migration what would hold up writers. `open_patiently` opens a store for work without a deadline,
    such as migrations. `is_in_use` says whether servers on other machines have it open, as far as the database knows; those
    of a file are on this machine, and hold a lock.
    """

    shown: str
    file: Path | None
    dialect: dict[str, str]
    exists: Callable[[], bool]
    upgrade: Upgrade
    build: Callable[[Migration], None]
    open: Callable[[], Store]
    open_patiently: Callable[[], Store]
    is_in_use: Callable[[], bool]


def find_database(url: str) -> Database:
    """The database behind a URL. Raises `invalid_configuration`."""
    engine = ENGINES.get(url.partition("://")[0])
    if engine is None:
        raise _unknown()
    return engine(url)


def _sqlite(url: str) -> Database:
    from gatepost.store.sqlite import DIALECT, SqliteStore, upgrade

    place = url.removeprefix("sqlite:///")
    if place in ("", url):
        raise _unknown()
    path = Path(place)
    opened = partial(SqliteStore, path)
    return Database(
        shown=str(path),
        file=path,
        dialect=DIALECT,
        exists=path.exists,
        upgrade=partial(upgrade, path),
        build=lambda _: None,
        open=opened,
        open_patiently=opened,
        is_in_use=lambda: False,
    )


def _postgres(url: str) -> Database:
    from gatepost.store.postgres import PostgresStore
    from gatepost.store.postgres.opening import shown
    from gatepost.store.postgres.schema import DIALECT, build, exists, is_in_use, upgrade

    return Database(
        shown=shown(url),
        file=None,
        dialect=DIALECT,
        exists=partial(exists, url),
        upgrade=partial(upgrade, url),
        build=partial(build, url),
        open=partial(PostgresStore, url),
        open_patiently=partial(PostgresStore, url, deadline=MIGRATION_SECONDS),
        is_in_use=partial(is_in_use, url),
    )


ENGINES: dict[str, Callable[[str], Database]] = {"sqlite": _sqlite, "postgresql": _postgres, "postgres": _postgres}


def _unknown() -> GatepostError:
    return GatepostError(
        "invalid_configuration",
        "The database's URL must be sqlite:///path or postgresql://user@host/name.",
        fix="--database sqlite:////var/lib/gatepost/gatepost.db, or leave it out",
    )
