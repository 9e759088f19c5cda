"""Move to another database: copy all there is, compare, and only then let a server open the copy.

A run that was cut short is gone on with by running the same command again. The source is only read. The instance key is
not touched: give the server on the copy the same one, and every token that was issued goes on working."""

import argparse
import asyncio
import contextlib
import time
from typing import Any

from gatepost.cli.options import Parser, named, settings_of, wants_json
from gatepost.cli.output import progress, say, show
from gatepost.cli.running import ACTOR
from gatepost.cli.serving import sole_server_of
from gatepost.errors import GatepostError
from gatepost.flows.upkeep.copy import Copied, copy_instance
from gatepost.opening import database_of, make_file
from gatepost.settings import Settings
from gatepost.store.engines import Database, find_database
from gatepost.store.events import Act


def add_arguments(parser: Parser) -> None:
    parser.add_argument("--from", dest="source", metavar="URL", type=named, help="the database to copy (the one set)")
    parser.add_argument("--to", dest="target", metavar="URL", type=named, help="an empty database (the one set)")
    parser.add_argument(
        "--live", action="store_true", help="while servers use the source: copies most of it, and finishes nothing"
    )
    parser.epilog = "example:\n  gatepost copy --from sqlite:////var/lib/gatepost/gatepost.db --to postgresql://gatepost@db/gatepost"
    parser.set_defaults(verb=_copy)


def _copy(options: argparse.Namespace) -> int:
    source, target = _databases(options, settings_of(options))
    act = Act(int(time.time()), ACTOR)
    with contextlib.ExitStack() as stack:
        if source.file and not options.live:
            stack.enter_context(sole_server_of(source.file))
        if target.file:
            make_file(target.file)
        target.upgrade(act.at, migrate=False)
        on_copied = stack.enter_context(progress("Copying"))
        on_compared = stack.enter_context(progress("Comparing"))
        copied = asyncio.run(
            copy_instance(source, target, act, is_live=options.live, on_copied=on_copied, on_compared=on_compared)
        )
    show(wants_json(options), _render(source, target, copied), _sentence(source, target, copied))
    if copied.counts is None:
        say("Next: stop every server, and run this again without --live. Until then no server opens the copy.")
    return 0


def _databases(options: argparse.Namespace, settings: Settings) -> tuple[Database, Database]:
    """The source and the target; the one that is not named is the one that is set, which may hold a password."""
    if not options.source and not options.target:
        raise GatepostError("invalid_request", "Where from, and where to?", fix="gatepost copy --help")
    source, target = (find_database(url) if url else database_of(settings) for url in (options.source, options.target))
    if source.shown == target.shown:
        raise GatepostError("invalid_request", f"{source.shown} is both source and target.", fix="gatepost copy --help")
    if not source.exists():
        raise GatepostError("not_found", f"There is no database of Gatepost at {source.shown}.", fix="--from URL")
    return source, target


def _render(source: Database, target: Database, copied: Copied) -> dict[str, Any]:
    return {
        "from": source.shown,
        "to": target.shown,
        "whole": copied.counts is not None,
        "resumed": copied.is_resumed,
        "written": copied.written,
        "counts": copied.counts,
    }


def _sentence(source: Database, target: Database, copied: Copied) -> str:
    if copied.counts is None:
        return f"{copied.written} rows were copied from {source.shown} to {target.shown}."
    counts = ", ".join(f"{copied.counts[name]} {name}" for name in ("orgs", "apps", "users", "grants"))
    return (
        f"{target.shown} holds all that {source.shown} holds: {counts}. Every row was compared.\n"
        "Start the servers on it with the same instance key, and on the old one no more."
    )
