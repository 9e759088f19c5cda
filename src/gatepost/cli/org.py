"""Organizations: the boundary of everything that apps, keys and people can see."""

import argparse
from functools import partial
from typing import Any

from gatepost.cli.options import Parser, add_verb, add_verbs, wants_json
from gatepost.cli.org_settings import add_settings_options, settings_changes
from gatepost.cli.output import instant, render_fields, show, show_list
from gatepost.cli.rate_limit import add_limit, describe_rate, rate_of
from gatepost.cli.running import run_verb
from gatepost.errors import GatepostError
from gatepost.flows.instance import Instance
from gatepost.flows.limits import set_org_limit
from gatepost.flows.organizations import change_org, create_org, every_org, get_org, set_disabled
from gatepost.flows.roles import Actor
from gatepost.oauth.org_settings import parse_settings
from gatepost.records import Org
from gatepost.secrets import render_id


def add_arguments(parser: Parser) -> None:
    verbs = add_verbs(parser)
    create = add_verb(verbs, "create", _create, "make an organization", "gatepost org create Acme")
    create.add_argument("name", metavar="NAME")
    add_verb(verbs, "list", _list, "list organizations", "gatepost org list")
    edit = add_verb(verbs, "edit", _edit, "change an organization", 'gatepost org edit Acme --name "Acme Ltd"')
    edit.add_argument("org", metavar="ORG", help="its id or name")
    edit.add_argument("--name", metavar="NAME", help="its new name")
    edit.add_argument(
        "--apps-need-approval",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="have an admin approve apps of others before people connect them",
    )
    add_settings_options(edit)
    for name, run, summary in (
        ("show", _show, "show one organization"),
        ("disable", partial(_set_disabled, True), "refuse everything of an organization, at once, until it is enabled"),
        ("enable", partial(_set_disabled, False), "answer a disabled organization again"),
    ):
        verb = add_verb(verbs, name, run, summary, f"gatepost org {name} Acme")
        verb.add_argument("org", metavar="ORG", help="its id or name")
    add_limit(verbs, "org", "ORG", _limit)


def _create(options: argparse.Namespace) -> int:
    org = run_verb(options, lambda instance, actor: create_org(instance, options.name, actor), must_exist=False)
    document = _render(org)
    next_step = f"Next: gatepost key create --org {document['id']}"
    show(wants_json(options), document, f"Made {org.name}: {document['id']}\n{next_step}")
    return 0


def _list(options: argparse.Namespace) -> int:
    orgs = run_verb(options, lambda instance, _: every_org(instance))
    rows = [_render(org) if wants_json(options) else _plain(_render(org)) for org in orgs]
    show_list(wants_json(options), rows, "No organizations yet: gatepost org create NAME")
    return 0


def _show(options: argparse.Namespace) -> int:
    return _show_whole(options, run_verb(options, lambda instance, _: get_org(instance, options.org)))


def _edit(options: argparse.Namespace) -> int:
    own = {"name": options.name, "apps_need_approval": options.apps_need_approval}
    changes = settings_changes(options) | {name: value for name, value in own.items() if value is not None}
    if not changes:
        raise GatepostError("invalid_request", "There is nothing to change.", fix="gatepost org edit --help")

    async def verb(instance: Instance, actor: Actor) -> Org:
        return await change_org(instance, await get_org(instance, options.org), changes, actor)

    return _show_whole(options, run_verb(options, verb))


def _show_whole(options: argparse.Namespace, org: Org) -> int:
    document = _render(org)
    show(wants_json(options), document, render_fields(_plain(document) | document["settings"]))
    return 0


def _set_disabled(disabled: bool, options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> Org:
        org = await get_org(instance, options.org)
        await set_disabled(instance, org, disabled, actor)
        return await get_org(instance, options.org)

    document = _render(run_verb(options, verb))
    show(wants_json(options), document, f"{document['name']} is {'disabled' if disabled else 'enabled'}.")
    return 0


def _limit(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> Org:
        org = await get_org(instance, options.limited)
        await set_org_limit(instance, org, rate_of(options), actor)
        return await get_org(instance, options.limited)

    org = run_verb(options, verb)
    show(wants_json(options), _render(org), f"{org.name} {describe_rate(org.rate_limit)}.")
    return 0


def _render(org: Org) -> dict[str, Any]:
    return {
        "id": render_id("org", org.id),
        "name": org.name,
        "auth_token": org.auth_token,
        "rate_limit": org.rate_limit,
        "apps_need_approval": bool(org.apps_need_approval),
        "settings": parse_settings(org.settings)._asdict(),
        "disabled": org.disabled_at is not None,
        "created_at": instant(org.created_at),
    }


def _plain(document: dict[str, Any]) -> dict[str, Any]:
    """The document without what is a document of its own."""
    return {name: value for name, value in document.items() if name != "settings"}
