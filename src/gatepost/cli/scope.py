"""Plain words for scopes: what people read when an app asks them for something."""

import argparse
from typing import Any

from gatepost.cli.options import Parser, add_verb, add_verbs, named, wants_json
from gatepost.cli.output import show, show_list
from gatepost.cli.running import run_verb
from gatepost.flows.instance import Instance
from gatepost.flows.organizations import get_org
from gatepost.flows.roles import Actor
from gatepost.flows.scopes import ScopeText, describe_scope, drop_scope_texts, list_scope_texts


def add_arguments(parser: Parser) -> None:
    verbs = add_verbs(parser)
    example = 'gatepost scope describe agents:read "See your agents" --org Acme --locale en'
    describe = add_verb(verbs, "describe", _describe, "say what a scope means", example)
    describe.add_argument("scope", metavar="SCOPE")
    describe.add_argument("text", metavar="TEXT")
    describe.add_argument("--locale", metavar="LANGUAGE", default="en", help="the language of the text (en)")
    texts = add_verb(verbs, "list", _list, "list what is said of scopes", "gatepost scope list --org Acme")
    example = "gatepost scope delete agents:read --org Acme"
    delete = add_verb(verbs, "delete", _delete, "take back what was said of a scope", example)
    delete.add_argument("scope", metavar="SCOPE")
    delete.add_argument("--locale", metavar="LANGUAGE", help="the language to take back (all)")
    for verb in (describe, texts, delete):
        verb.add_argument("--org", metavar="ORG", type=named, required=True, help="the organization's id or name")


def _describe(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> ScopeText:
        org = (await get_org(instance, options.org)).id
        return await describe_scope(instance, org, ScopeText(options.scope, options.locale, options.text), actor)

    words = run_verb(options, verb)
    show(wants_json(options), words._asdict(), f"People read for {words.scope}: {words.text}")
    return 0


def _list(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> list[ScopeText]:
        return await list_scope_texts(instance, (await get_org(instance, options.org)).id, actor)

    rows: list[dict[str, Any]] = [words._asdict() for words in run_verb(options, verb)]
    show_list(wants_json(options), rows, "No words for scopes yet: gatepost scope describe SCOPE TEXT --org ORG")
    return 0


def _delete(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> list[ScopeText]:
        org = (await get_org(instance, options.org)).id
        return await drop_scope_texts(instance, org, options.scope, options.locale, actor)

    dropped = run_verb(options, verb)
    locales = [words.locale for words in dropped]
    document = {"scope": options.scope, "locales": locales, "deleted": True}
    show(wants_json(options), document, f"Deleted what was said of {options.scope} ({', '.join(locales)}).")
    return 0
