"""Rates of the hot operations on this machine, beside a bare server measured in the same run.

`gatepost serve` runs on one core and the load comes from another. A bare uvicorn that answers the same bytes takes its
turns on the server's core: what it does not reach, no Python server does. Every answer is checked; one that is wrong
makes the exit code 1. The data is made for the run and removed afterwards: on a disk, or, with --database, in a schema of
its own there.
"""

import argparse
import json
import sys
from pathlib import Path

from gatepost.bench.machine import place_for_data
from gatepost.bench.report import render_document, render_report
from gatepost.bench.revocations import measure_revocations, render_latency, render_latency_document
from gatepost.bench.run import Database, Plan, run_bench
from gatepost.bench.work import OPERATIONS
from gatepost.cli.options import Parser, wants_json
from gatepost.cli.output import say
from gatepost.errors import GatepostError

GROWN_GRANTS = 1_000_000
GROWN_ORGS = 10_000
ASKING = 4096
REVOCATIONS = 300
"""How many are measured."""


def add_arguments(parser: Parser) -> None:
    parser.add_argument("--seconds", type=float, default=6, metavar="S", help="for each operation on each server (6)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="turns that the servers take by (3)")
    parser.add_argument("--connections", type=int, default=64, metavar="N", help="connections kept busy (64)")
    parser.add_argument(
        "--nodes", type=int, default=1, metavar="N", help="servers on the database, with --database (1)"
    )
    parser.add_argument("--grants", type=int, default=1000, metavar="N", help="grants in the database before (1000)")
    parser.add_argument("--orgs", type=int, default=1, metavar="N", help="organizations in it (1)")
    parser.add_argument("--only", metavar="NAMES", help=f"operations, with commas between: {','.join(OPERATIONS)}")
    parser.add_argument(
        "--growth",
        action="store_true",
        help=f"also with {GROWN_GRANTS:,} grants, and with {GROWN_ORGS:,} organizations, of which one asks, and then "
        f"{ASKING:,} in turn; all beside the first database",
    )
    parser.add_argument(
        "--revocations",
        type=int,
        metavar="N",
        help="instead: how soon a verifier in another process refuses what is revoked, with N entries in the feed before",
    )
    parser.epilog = "example:\n  gatepost bench --only refresh,verify --seconds 10"
    parser.set_defaults(verb=_bench)


def _bench(options: argparse.Namespace) -> int:
    plan = _plan(options)
    place = Path(options.data) if hasattr(options, "data") else place_for_data()
    place.mkdir(parents=True, exist_ok=True)
    if options.revocations is not None:
        return _bench_revocations(options, place)
    report = run_bench(plan, place)
    for warning in report.warnings:
        say(f"warning: {warning}")
    if wants_json(options):
        print(json.dumps(render_document(report)))
    else:
        print(render_report(report, chart=sys.stdout.isatty()))
    return 1 if report.errors else 0


def _bench_revocations(options: argparse.Namespace, place: Path) -> int:
    latency = measure_revocations(options.revocations, REVOCATIONS, place)
    print(json.dumps(render_latency_document(latency)) if wants_json(options) else render_latency(latency))
    return 0


def _plan(options: argparse.Namespace) -> Plan:
    """What to measure. Raises `invalid_request` for an unknown operation, or a count that is not one."""
    operations = tuple(options.only.split(",")) if options.only else tuple(OPERATIONS)
    for name in operations:
        if name not in OPERATIONS:
            raise GatepostError(
                "invalid_request", f"There is no operation {name}.", fix=f"--only {','.join(OPERATIONS)}"
            )
    if options.revocations is not None and options.revocations < 0:
        raise GatepostError("invalid_request", "--revocations must not be negative.")
    for name in ("seconds", "rounds", "connections", "grants", "orgs", "nodes"):
        if getattr(options, name) <= 0:
            raise GatepostError("invalid_request", f"--{name} must be more than 0.")
    databases = [Database("first", options.grants, options.orgs)]
    if options.growth:
        databases += [
            Database("grants", GROWN_GRANTS, options.orgs),
            Database("organizations", max(GROWN_ORGS, options.grants), GROWN_ORGS),
            Database("all asking", max(GROWN_ORGS, options.grants), GROWN_ORGS, ASKING),
        ]
    url = getattr(options, "database", "")
    if options.nodes > 1 and not url:
        raise GatepostError(
            "invalid_request",
            "SQLite serves one process.",
            fix="--database postgresql://user@host/name for several nodes",
        )
    return Plan(tuple(databases), operations, options.connections, options.seconds, options.rounds, options.nodes, url)
