"""Bring a backup back: all of it or nothing, even if this is cut short. Stop the server first."""

import argparse
from pathlib import Path
from typing import Any

from gatepost.cli.options import Parser, confirm, settings_of, wants_json
from gatepost.cli.output import instant, progress, say, show
from gatepost.cli.running import ACTOR
from gatepost.cli.serving import sole_server
from gatepost.flows.upkeep.restore import Restored, finish_restore, holds_data, restore
from gatepost.opening import place_of


def add_arguments(parser: Parser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="an archive that `gatepost backup` made")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--if-empty", action="store_true", help="do nothing, successfully, where there is data")
    how.add_argument("--force", action="store_true", help="replace the data that is there")
    parser.epilog = "example:\n  gatepost restore gatepost.tar --data /var/lib/gatepost"
    parser.set_defaults(verb=_restore)


def _restore(options: argparse.Namespace) -> int:
    settings = settings_of(options)
    place = place_of(settings)
    finish_restore(place)
    if options.if_empty and holds_data(place):
        show(wants_json(options), {"restored": False}, f"{place.database} holds data and was left as it is.")
        return 0
    if options.force and holds_data(place):
        confirm(options, f"Replace the data in {place.database.parent} with the backup, for good?")
    with sole_server(settings), progress("Restoring") as advance:
        outcome = restore(options.file, place, ACTOR, replace=options.force, on_progress=advance)
    show(wants_json(options), _render(outcome), _sentence(outcome))
    if outcome.key == "missing":
        say(f"The backup holds no instance key. Put it into {place.key}, mode 0600, before you start the server.")
    return 0


def _render(outcome: Restored) -> dict[str, Any]:
    return {
        "restored": True,
        "made_at": instant(outcome.manifest.made_at),
        "gatepost": outcome.manifest.gatepost,
        "instance_key": outcome.key,
        "counts": outcome.manifest.counts,
    }


def _sentence(outcome: Restored) -> str:
    made_at = instant(outcome.manifest.made_at)
    return f"""Restored the backup of {made_at}. Whoever was connected then is connected now.

What happened after it is forgotten, and two things are for you to mend:
  - what was revoked or disabled since {made_at} is live again: revoke it again
  - who connected since must connect again"""
