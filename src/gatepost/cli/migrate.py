"""Bring the database's schema up to this version. Back up first; try it with --dry-run."""

import argparse
import asyncio
import time
from typing import Any

from gatepost.cli.options import Parser, settings_of, wants_json
from gatepost.cli.output import instant, progress, show
from gatepost.cli.running import check_exists
from gatepost.flows.upkeep.schema import Schema, migrate, rehearse_migration
from gatepost.opening import database_of
from gatepost.settings import Settings
from gatepost.store.migrations import NEWEST


def add_arguments(parser: Parser) -> None:
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="run what is missing in a transaction that is rolled back: changes nothing, but holds up a running server's "
        "writes meanwhile; where there is much, try it on a restored backup",
    )
    parser.epilog = "example:\n  gatepost backup before.tar && gatepost migrate --dry-run && gatepost migrate"
    parser.set_defaults(verb=_migrate)


def _migrate(options: argparse.Namespace) -> int:
    settings = settings_of(options)
    check_exists(settings)
    schema = asyncio.run(_run(settings, options.dry_run))
    show(wants_json(options), _render(schema, options.dry_run), _sentence(schema, options.dry_run))
    return 0


async def _run(settings: Settings, dry_run: bool) -> Schema:
    database = database_of(settings)
    store = database.open_patiently()
    now = int(time.time())
    try:
        with progress("Migrating") as advance:
            if dry_run:
                return await rehearse_migration(store, database.dialect, now)
            return await migrate(database, store, now, advance)
    finally:
        store.close()


def _render(schema: Schema, dry_run: bool) -> dict[str, Any]:
    return {
        "version": schema.applied[-1].version if schema.applied else 0,
        "newest": NEWEST,
        "dry_run": dry_run,
        "missing": [{"version": each.number, "name": each.name} for each in schema.missing],
        "applied": [
            {"version": each.version, "name": each.name, "applied_at": instant(each.applied_at)}
            for each in schema.applied
        ],
    }


def _sentence(schema: Schema, dry_run: bool) -> str:
    if not schema.missing:
        return f"The schema has version {NEWEST}, the newest. There is nothing to do."
    names = "\n".join(f"  {each.number}  {each.name}" for each in schema.missing)
    if dry_run:
        return f"Missing:\n\n{names}\n\nAll of it ran without a fault and was rolled back: nothing was changed."
    return f"Applied:\n\n{names}\n\nThe schema has version {NEWEST}, the newest."
