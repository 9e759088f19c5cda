"""Apps and people from another server. Passwords go on working; each becomes argon2id when its person first signs in."""

import argparse
import json
from functools import partial
from typing import Any

from gatepost.cli.options import Parser, add_verb, add_verbs, named, wants_json
from gatepost.cli.output import printable, render_table, say, show
from gatepost.cli.reading import read_text, unfit
from gatepost.cli.running import run_verb
from gatepost.flows.foreign_exports import READERS
from gatepost.flows.foreign_import import Brought, import_export
from gatepost.flows.instance import Instance
from gatepost.flows.organizations import get_org
from gatepost.flows.roles import Actor

EXPORTS = {
    "keycloak": "a realm's export, with its users: kc.sh export --users same_file",
    "auth0": "apps (auth0 apps list --json) and users (bulk export): {clients, users}, an array, or JSON lines",
    "hydra": "hydra list clients --format json",
    "django-oauth-toolkit": "manage.py dumpdata oauth2_provider.application auth.user",
}


def add_arguments(parser: Parser) -> None:
    verbs = add_verbs(parser)
    for server in READERS:
        example = f"gatepost import {server} export.json --org Acme --dry-run"
        verb = add_verb(verbs, server, partial(_import, server), EXPORTS[server], example)
        verb.add_argument("file", metavar="FILE", help="- for standard input")
        verb.add_argument("--org", metavar="ORG", type=named, required=True, help="the organization's id or name")
        verb.add_argument("--dry-run", action="store_true", help="write nothing, and say what would be")


def _import(server: str, options: argparse.Namespace) -> int:
    document = _parse(options.file)

    async def verb(instance: Instance, actor: Actor) -> Brought:
        org = (await get_org(instance, options.org)).id
        return await import_export(instance, org, server, document, actor, is_rehearsal=options.dry_run)

    brought = run_verb(options, verb)
    for warning in brought.warnings:
        say(printable(f"warning: {warning}"))
    apps = [_render(each, is_rehearsal=options.dry_run) for each in brought.apps]
    people = {"new": brought.new_people, "known": brought.known_people, "with_password": brought.with_password}
    report = {"dry_run": options.dry_run, "apps": apps, "people": people, "warnings": brought.warnings}
    show(wants_json(options), report, _sentence(apps, people, is_rehearsal=options.dry_run))
    return 0


def _parse(name: str) -> Any:
    """The JSON in a file, whole or in lines. Raises `not_found`, `invalid_request`."""
    text = read_text(name, fix="gatepost import --help")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _parse_lines(name, text)


def _parse_lines(name: str, text: str) -> list[Any]:
    try:
        entries = [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError):
        raise unfit(name, "is not JSON") from None
    if not entries:
        raise unfit(name, "is empty")
    return entries


def _render(imported: Any, *, is_rehearsal: bool) -> dict[str, Any]:
    secret = imported.secret
    return {
        "client_id": imported.app.client_id,
        "name": imported.app.name,
        "kind": imported.app.kind,
        "client_secret": secret.reveal() if secret and not is_rehearsal else None,
    }


def _sentence(apps: list[dict[str, Any]], people: dict[str, int], *, is_rehearsal: bool) -> str:
    head = "Nothing was written. It would be:" if is_rehearsal else "Imported:"
    table = f"\n\n{render_table(apps)}" if apps else ""
    return (
        f"{head} {len(apps)} apps, {people['new']} new people ({people['with_password']} with a password),"
        f" {people['known']} known ones.{table}"
    )
