"""The database's schema, brought up to this version's or tried out; and what of it was applied when."""

from typing import NamedTuple

from gatepost.errors import GatepostError, StoreUnavailableError
from gatepost.progress import Progress
from gatepost.store.engines import Database
from gatepost.store.migrating import Applied, RehearsedError, apply_next, list_applied, prepare, rehearse
from gatepost.store.migrations import MIGRATIONS, NEWEST, Migration
from gatepost.store.question import Store


class Schema(NamedTuple):
    """What a database has now, and what it lacked when it was looked at."""

    applied: list[Applied]
    missing: tuple[Migration, ...]


async def migrate(database: Database, store: Store, now: int, on_progress: Progress) -> Schema:
    """Apply every missing migration, each in a transaction of its own: those before one that fails stay.

    Servers of the version before go on meanwhile: what would hold them up is built ahead, where the database can.

    Raises `invalid_configuration` for the schema of a newer Gatepost, `server_error` for a migration that fails.
    """
    missing = _missing(await store.ask(prepare(database.dialect)))
    for count, migration in enumerate(missing):
        on_progress(count, len(missing))
        try:
            database.build(migration)
            await store.ask(apply_next(database.dialect, now))
        except StoreUnavailableError:
            raise
        except Exception as fault:
            raise _failed(f"Migration {migration.number} ({migration.name}) failed: {fault}") from fault
    return Schema(await store.read(list_applied()), missing)


async def rehearse_migration(store: Store, dialect: dict[str, str], now: int) -> Schema:
    """Apply every missing migration in one transaction and undo it: a fault shows, and nothing is changed.

    Raises as `migrate` does.
    """
    try:
        await store.ask(rehearse(dialect, now))
    except RehearsedError as over:
        return Schema(over.applied, _missing(over.applied[-1].version if over.applied else 0))
    except StoreUnavailableError:
        raise
    except Exception as fault:
        raise _failed(f"A migration would fail: {fault}") from fault
    raise AssertionError("a rehearsal ends with an exception")


def _missing(version: int) -> tuple[Migration, ...]:
    if version > NEWEST:
        raise GatepostError(
            "invalid_configuration",
            f"The schema has version {version} and is a newer Gatepost's; this one knows {NEWEST}.",
            fix="use the newer Gatepost, or restore a backup from before it",
        )
    return tuple(migration for migration in MIGRATIONS if migration.number > version)


def _failed(why: str) -> GatepostError:
    return GatepostError("server_error", f"{why}. Nothing of it was kept.", fix="restore a backup, or report this")
