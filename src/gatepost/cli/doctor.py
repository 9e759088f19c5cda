"""What is wrong with this deployment, and how to mend it. Looks, and changes nothing; exit code 1 when there is a problem."""

import argparse
import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gatepost.cli.options import Parser, settings_of, wants_json
from gatepost.cli.output import printable, progress, show
from gatepost.cli.running import DEV_FILE, check_exists, run_verb
from gatepost.cli.serve import check_issuer
from gatepost.cli.serving import check_tls
from gatepost.errors import GatepostError
from gatepost.flows.health import examine, tell
from gatepost.flows.instance import Instance
from gatepost.flows.organizations import get_org
from gatepost.flows.roles import Actor
from gatepost.flows.signing import check_opens
from gatepost.flows.upkeep.deployment import Facts, Known, ask_database, look
from gatepost.flows.upkeep.doctor import CHECKS
from gatepost.opening import KEY_FILE, database_of, open_bare_store, open_keyring
from gatepost.settings import Settings


def add_arguments(parser: Parser) -> None:
    parser.add_argument(
        "--org", metavar="ORG", help="look at an organization, as its people see it, not at the machine"
    )
    parser.add_argument("--deep", action="store_true", help="read the whole database; takes long when it is large")
    parser.epilog = "example:\n  gatepost doctor --json | jq '.checks[] | select(.status != \"ok\")'"
    parser.set_defaults(verb=_doctor)


def _doctor(options: argparse.Namespace) -> int:
    return _report(options, _of_org(options) if options.org else _of_machine(options))


def _of_org(options: argparse.Namespace) -> list[dict[str, Any]]:
    async def verb(instance: Instance, actor: Actor) -> list[dict[str, Any]]:
        org = await get_org(instance, options.org)
        return [each._asdict() for each in tell(await examine(instance, org.id, actor))]

    return run_verb(options, verb)


def _of_machine(options: argparse.Namespace) -> list[dict[str, Any]]:
    settings = settings_of(options)
    check_exists(settings)
    now = int(time.time())
    known = asyncio.run(ask_database(lambda: open_bare_store(settings), now))
    dev_file, database = settings.data_dir / DEV_FILE, database_of(settings).file
    with progress("Looking") as advance:
        facts = look(
            settings,
            known,
            now,
            database=database,
            files=_secret_files(settings, database),
            is_dev=dev_file.exists(),
            key_fault=_key_fault(settings, known),
            refusals=tuple(_refusals(settings)),
            deep=options.deep,
            on_progress=advance,
        )
    return list(_rows(facts))


def _report(options: argparse.Namespace, rows: list[dict[str, Any]]) -> int:
    counts = {status: sum(row["status"] == status for row in rows) for status in ("problem", "advice")}
    document = {"problems": counts["problem"], "advice": counts["advice"], "checks": rows}
    show(wants_json(options), document, "\n".join([*map(_line, rows), "", _verdict(**counts)]))
    return 1 if counts["problem"] else 0


def _secret_files(settings: Settings, database: Path | None) -> tuple[Path, ...]:
    """The files that nobody else may read."""
    own = (settings.data_dir / KEY_FILE, settings.data_dir / DEV_FILE)
    given = (Path(settings.server.tls_key),) if settings.server.tls_key else ()
    return (*own, *given, *((database,) if database else ()))


def _key_fault(settings: Settings, known: Known) -> str:
    """Why the instance key is of no use; empty when it is."""
    try:
        check_opens(open_keyring(settings, make=False), list(known.signing_keys))
    except GatepostError as refusal:
        return refusal.description
    return ""


def _refusals(settings: Settings) -> Iterator[tuple[str, str]]:
    """What `serve` would say to the settings, but for an issuer that may come by option."""
    try:
        if settings.issuer:
            check_issuer(settings.issuer)
        check_tls(settings)
    except GatepostError as refusal:
        yield refusal.description, refusal.fix


def _rows(facts: Facts) -> Iterator[dict[str, Any]]:
    for check in CHECKS:
        found = list(check.judge(facts))
        for status, why, fix in found:
            yield {"name": check.name, "status": status, "what": check.what, "why": why, "fix": fix}
        if not found:
            yield {"name": check.name, "status": "ok", "what": check.what, "why": None, "fix": None}


def _line(row: dict[str, Any]) -> str:
    text = f"{row['status']:<8} {row['name']:<13} {row['why'] or row['what']}"
    return printable(text) + (f"\n         {'':<13} fix: {printable(row['fix'])}" if row["fix"] else "")


def _verdict(problem: int, advice: int) -> str:
    if not problem and not advice:
        return "Nothing is wrong."
    return f"{problem} problem{'s' * (problem != 1)}, {advice} piece{'s' * (advice != 1)} of advice."
