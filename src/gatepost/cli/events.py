"""What happened: connections made and ended, refusals, administrative acts. Refreshes are counted on their grant instead."""

import argparse
import contextlib
import io
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from gatepost.cli import events_verify
from gatepost.cli.options import Parser, add_verb, add_verbs, named, parse_instant, wants_json
from gatepost.cli.output import printable, progress, say, show
from gatepost.cli.running import run_verb
from gatepost.errors import GatepostError
from gatepost.files import whole_file
from gatepost.flows.event_words import FIELDS, render_event, render_sentence
from gatepost.flows.events import Filter, Told, check_type, each_event, event_of, newest_events, tail_events
from gatepost.flows.instance import Instance
from gatepost.flows.organizations import get_org
from gatepost.flows.people import get_user
from gatepost.flows.roles import Actor
from gatepost.settings import parse_duration
from gatepost.spreadsheet import render_line
from gatepost.store.orgs import find_org, find_owner
from gatepost.store.question import INSTANCE

TAIL = 10
LIST = 100


def add_arguments(parser: Parser) -> None:
    verbs = add_verbs(parser)
    tail = add_verb(verbs, "tail", _tail, "show the newest events, and go on as they happen", "gatepost events tail")
    shown = add_verb(
        verbs, "list", _list, "list the newest events, newest last", "gatepost events list --type grant --since 24h"
    )
    one = add_verb(verbs, "show", _show, "show one event", "gatepost events show evt_0193… --org Acme")
    one.add_argument("event", metavar="EVENT_ID")
    one.add_argument("--org", metavar="ORG", type=named, required=True, help="the organization's id or name")
    export = add_verb(
        verbs,
        "export",
        _export,
        "write all events, as JSON lines or CSV",
        "gatepost events export july.csv --since 30d",
    )
    for verb in (tail, shown, export):
        _add_filters(verb)
    for verb, limit in ((tail, TAIL), (shown, LIST)):
        verb.add_argument("--limit", metavar="N", type=_count, default=limit, help=f"the newest N ({limit})")
    export.add_argument("file", metavar="FILE", nargs="?", type=Path, help="a file, 0600 (standard output)")
    export.add_argument("--format", choices=FORMATS, help="(csv for a FILE that ends so, else jsonl)")
    export.add_argument("--force", action="store_true", help="replace the file if there is one")
    events_verify.add_arguments(verbs)


def _show(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> Told:
        org = (await get_org(instance, options.org)).id
        return Told(org, await event_of(instance, org, options.event, actor))

    told = run_verb(options, verb)
    show(wants_json(options), render_event(told.org, told.event), printable(render_sentence(told.event)))
    return 0


def _add_filters(verb: Parser) -> None:
    whose = verb.add_mutually_exclusive_group()
    whose.add_argument("--org", metavar="ORG", type=named, help="of this organization, by id or name (of all)")
    whose.add_argument("--instance", action="store_true", help="of no organization: signing keys, people, restores")
    verb.add_argument("--app", metavar="CLIENT_ID", type=named, help="about this app; it may be deleted")
    verb.add_argument("--user", metavar="USER", type=named, help="about or by this person: id or e-mail")
    verb.add_argument("--type", metavar="TYPE", help="as in grant.revoked, or a whole family, as in grant")
    verb.add_argument("--result", metavar="RESULT", help="ok, refused, or an error code")
    verb.add_argument("--since", metavar="WHEN", help="from this instant (ISO 8601), or from so long ago (24h)")
    verb.add_argument("--until", metavar="WHEN", help="before this instant, or before so long ago")


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 8):
        raise argparse.ArgumentTypeError("it is a whole number, not negative")
    return int(text)


async def _chosen(instance: Instance, options: argparse.Namespace, now: int) -> tuple[bytes | None, Filter]:
    """Which organization, and the filter that the options name. Raises `invalid_request`, `not_found`."""
    org = INSTANCE if options.instance else None
    if options.org:
        org = (await get_org(instance, options.org)).id
    elif options.app:
        org = await instance.store.read(find_owner("client_id", options.app))
        if org is None:
            raise GatepostError("not_found", f"There never was an app {options.app}.", fix="gatepost app list")
    user = await get_user(instance, options.user) if options.user else None
    return org, Filter(
        client_id=options.app,
        user_id=user.id if user else None,
        type=check_type(options.type) if options.type else None,
        result=options.result,
        since=_instant(options.since, "--since", now),
        until=_instant(options.until, "--until", now),
    )


def _instant(text: str | None, option: str, now: int) -> int | None:
    """Epoch seconds of an ISO 8601 instant, UTC unless it says otherwise, or of a duration before now."""
    if text is None:
        return None
    with contextlib.suppress(ValueError):
        return now - parse_duration(text)
    return parse_instant(text, option)


def _list(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> list[str]:
        org, filter = await _chosen(instance, options, actor.act.at)
        found = await newest_events(instance, org, filter, options.limit)
        if wants_json(options):
            return [json.dumps([render_event(*told) for told in found])]
        names = _Names(instance, options)
        return [await names.line(told) for told in found]

    lines = run_verb(options, verb)
    for line in lines:
        print(line)
    if not lines:
        say("No such events.")
    return 0


def _tail(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> None:
        org, filter = await _chosen(instance, options, actor.act.at)
        names = _Names(instance, options)
        async for told in tail_events(instance, org, filter, options.limit):
            print(json.dumps(render_event(*told)) if wants_json(options) else await names.line(told), flush=True)

    run_verb(options, verb)
    return 0


class _Names:
    """Events as lines for people, with the names of their organizations, each looked up once."""

    def __init__(self, instance: Instance, options: argparse.Namespace) -> None:
        self._instance = instance
        self._known = {INSTANCE: "–"}
        self._is_one = bool(options.org or options.instance)

    async def line(self, told: Told) -> str:
        at = datetime.fromtimestamp(told.event.at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        where = "" if self._is_one else f"{await self._name(told.org)}  "
        return printable(f"{at}  {where}{render_sentence(told.event)}")

    async def _name(self, org: bytes) -> str:
        if org not in self._known:
            found = await self._instance.store.read(find_org(org))
            self._known[org] = found.name if found else "–"
        return self._known[org]


def _jsonl(out: TextIO, row: dict[str, Any]) -> None:
    out.write(json.dumps(row) + "\n")


def _csv(out: TextIO, row: dict[str, Any]) -> None:
    cells = (row[field] for field in FIELDS)
    out.write(render_line([json.dumps(each) if isinstance(each, dict) else each for each in cells]))


FORMATS = {"jsonl": _jsonl, "csv": _csv}


def _export(options: argparse.Namespace) -> int:
    format = options.format or ("csv" if options.file and options.file.suffix == ".csv" else "jsonl")
    write = FORMATS[format]

    async def verb(instance: Instance, actor: Actor) -> int:
        org, filter = await _chosen(instance, options, actor.act.at)
        count = 0
        with _output(options) as out, progress("Exporting", is_hidden=out.isatty()) as advance:
            if format == "csv":
                out.write(render_line(FIELDS))
            async for told in each_event(instance, org, filter):
                write(out, render_event(*told))
                count += 1
                advance(count, None)
        return count

    count = run_verb(options, verb)
    if options.file:
        show(
            wants_json(options), {"file": str(options.file), "events": count}, f"{count} events are in {options.file}."
        )
    return 0


@contextlib.contextmanager
def _output(options: argparse.Namespace) -> Iterator[TextIO]:
    """Where the export goes: standard output, or a file that is there whole or not at all."""
    if options.file is None:
        yield sys.stdout
        return
    with whole_file(options.file, replace=options.force) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        yield text
        text.detach()
