"""APIs that tokens are for (RFC 8707): an access token names one as its audience."""

import argparse
from typing import Any

from gatepost.cli.options import Parser, add_verb, add_verbs, named, wants_json
from gatepost.cli.output import instant, show, show_list
from gatepost.cli.running import run_verb
from gatepost.flows.instance import Instance
from gatepost.flows.organizations import get_org
from gatepost.flows.resources import create_resource, drop_resource, registered_resources
from gatepost.flows.roles import Actor
from gatepost.records import Resource


def add_arguments(parser: Parser) -> None:
    verbs = add_verbs(parser)
    example = 'gatepost resource create https://api.acme.dev --org Acme --scopes "agents:read agents:write"'
    create = add_verb(verbs, "create", _create, "register an API", example)
    create.add_argument("uri", metavar="URI")
    create.add_argument("--scopes", metavar='"…"', default="", help="the scopes it knows")
    create.add_argument(
        "--served-by", metavar="CLIENT_ID", help="the app that is this API, and may introspect its tokens"
    )
    resources = add_verb(verbs, "list", _list, "list APIs", "gatepost resource list --org Acme")
    example = "gatepost resource delete https://api.acme.dev --org Acme"
    delete = add_verb(verbs, "delete", _delete, "delete an API; grants for it stop at once", example)
    delete.add_argument("uri", metavar="URI")
    for verb in (create, resources, delete):
        verb.add_argument("--org", metavar="ORG", type=named, required=True, help="the organization's id or name")


def _create(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> Resource:
        org = await get_org(instance, options.org)
        return await create_resource(instance, org.id, options.uri, options.scopes, options.served_by, actor)

    resource = run_verb(options, verb)
    show(wants_json(options), _render(resource), f"Registered {resource.uri}.")
    return 0


def _list(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> list[Resource]:
        return await registered_resources(instance, (await get_org(instance, options.org)).id, actor)

    rows = [_render(resource) for resource in run_verb(options, verb)]
    show_list(wants_json(options), rows, "No resources yet: gatepost resource create URI --org ORG")
    return 0


def _delete(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> str:
        return await drop_resource(instance, (await get_org(instance, options.org)).id, options.uri, actor)

    uri = run_verb(options, verb)
    show(wants_json(options), {"uri": uri, "deleted": True}, f"Deleted {uri}.")
    return 0


def _render(resource: Resource) -> dict[str, Any]:
    return {
        "uri": resource.uri,
        "scopes": resource.scopes.split(),
        "served_by": resource.served_by,
        "created_at": instant(resource.created_at),
    }
