"""Copy database and instance key into one file, while the server runs. Whoever has the file can open every token."""

import argparse
import asyncio
import json
import time
from pathlib import Path

from gatepost.cli.options import Parser, settings_of, wants_json
from gatepost.cli.output import instant, progress, say, show
from gatepost.cli.running import ACTOR, check_exists
from gatepost.errors import GatepostError, StoreUnavailableError
from gatepost.flows.upkeep.archive import Manifest
from gatepost.flows.upkeep.backup import back_up
from gatepost.flows.upkeep.restore import Place
from gatepost.opening import open_bare_store, place_of
from gatepost.secrets import Secret
from gatepost.settings import Settings
from gatepost.store.events import Act, record
from gatepost.store.migrations import NEWEST
from gatepost.store.question import INSTANCE


def add_arguments(parser: Parser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="the archive to make, 0600")
    parser.add_argument("--without-key", action="store_true", help="leave the instance key out; keep it elsewhere")
    parser.add_argument("--force", action="store_true", help="replace the file if there is one")
    parser.epilog = "example:\n  gatepost backup /var/backups/gatepost-$(date +%F).tar"
    parser.set_defaults(verb=_backup)


def _backup(options: argparse.Namespace) -> int:
    settings = settings_of(options)
    place = place_of(settings)
    check_exists(settings)
    key = None if options.without_key else _key(place)
    now = int(time.time())
    with progress("Backing up") as advance:
        manifest = back_up(place.database, key, options.file, now, replace=options.force, on_progress=advance)
    if manifest.schema == NEWEST:
        asyncio.run(_tell(settings, manifest))
    document = {
        "file": str(options.file),
        "bytes": options.file.stat().st_size,
        "made_at": instant(manifest.made_at),
        "gatepost": manifest.gatepost,
        "schema": manifest.schema,
        "instance_key": manifest.has_key,
        "counts": manifest.counts,
    }
    show(wants_json(options), document, _sentence(options.file, manifest))
    return 0


def _key(place: Place) -> Secret:
    """The instance key as it is: by setting, else in the data directory."""
    if place.given:
        return place.given
    try:
        return Secret(place.key.read_text())
    except (OSError, UnicodeDecodeError) as fault:
        raise GatepostError(
            "invalid_configuration",
            f"The instance key {place.key} cannot be read: {fault.strerror if isinstance(fault, OSError) else 'it is not text'}.",
            fix="--without-key makes a backup of the database alone",
        ) from None


async def _tell(settings: Settings, manifest: Manifest) -> None:
    """Record that somebody took a copy. A database that cannot be written, on a full disk perhaps, was copied all the same."""
    store = open_bare_store(settings)
    detail = json.dumps({"with_key": manifest.has_key})
    try:
        await store.ask(record(INSTANCE, "instance.backed_up", Act(manifest.made_at, ACTOR), detail=detail))
    except StoreUnavailableError:
        say("The database cannot be written now, so the events do not tell of this backup.")
    finally:
        store.close()


def _sentence(file: Path, manifest: Manifest) -> str:
    counts = ", ".join(f"{manifest.counts[name]} {name}" for name in ("orgs", "apps", "users", "grants"))
    content = f"{file} holds the database as of {instant(manifest.made_at)}: {counts}. It was verified."
    if manifest.has_key:
        return f"{content}\nThe instance key is in it too: whoever has this file can make every token. Keep it secret."
    return f"{content}\nThe instance key is not: without it, nobody can use the backup. Keep that elsewhere."
