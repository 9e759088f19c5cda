"""An organization's API keys: what its back ends and its gateway call with. Each is shown once, when it is made."""

import argparse
from typing import Any

from gatepost.cli.options import Parser, add_verb, add_verbs, expiry, named, wants_json
from gatepost.cli.output import instant, render_fields, show, show_list
from gatepost.cli.running import run_verb
from gatepost.flows.api_keys import FreshKey, create_key, end_key, every_key, find_key_anywhere, key_of, keys_of
from gatepost.flows.callers import POWERS
from gatepost.flows.instance import Instance
from gatepost.flows.missing import missing
from gatepost.flows.organizations import get_org
from gatepost.flows.roles import Actor
from gatepost.records import ApiKey
from gatepost.secrets import render_id
from gatepost.store.question import INSTANCE


def add_arguments(parser: Parser) -> None:
    verbs = add_verbs(parser)
    create = add_verb(
        verbs, "create", _create, "make an API key", 'gatepost key create --org Acme --scope "tokens:introspect"'
    )
    whose = create.add_mutually_exclusive_group(required=True)
    whose.add_argument("--org", metavar="ORG", type=named, help="the organization's id or name")
    whose.add_argument("--all-orgs", action="store_true", help="a key for a gateway that serves every organization")
    create.add_argument("--name", metavar="NAME", default="API key", help="what it is for")
    create.add_argument("--scope", metavar='"…"', help=f"of {' '.join(POWERS)} (the first six)")
    create.add_argument("--expires", metavar="WHEN", help="as in 90d, or an instant as in 2030-12-31T00:00Z (never)")
    keys = add_verb(verbs, "list", _list, "list API keys", "gatepost key list --org Acme")
    keys.add_argument("--org", metavar="ORG", type=named, help="the organization's id or name (all organizations)")
    one = add_verb(verbs, "show", _show, "show one API key", "gatepost key show key_0193…")
    one.add_argument("key", metavar="KEY_ID")
    revoke = add_verb(
        verbs, "revoke", _revoke, "end an API key, and the grants it made", "gatepost key revoke key_0193…"
    )
    revoke.add_argument("key", metavar="KEY_ID")
    revoke.add_argument("--org", metavar="ORG", type=named, help="its organization, if you want it checked")
    revoke.add_argument(
        "--keep-grants", action="store_true", help="let the grants it made live: a planned change of keys"
    )


def _create(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> FreshKey:
        org = INSTANCE if options.all_orgs else (await get_org(instance, options.org)).id
        scopes = None if options.scope is None else tuple(options.scope.split())
        expires_at = expiry(options.expires, "--expires", actor.act.at)
        return await create_key(instance, org, options.name, scopes, expires_at, actor)

    fresh = run_verb(options, verb)
    document = {"api_key": fresh.text.reveal(), **_render(fresh.record)}
    show(
        wants_json(options),
        document,
        f"Made {document['id']}. This is the only time the key is shown; we keep a hash:\n\n  {document['api_key']}\n\n"
        f"It may: {' '.join(document['scopes'])}",
    )
    return 0


def _list(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> list[ApiKey]:
        if options.org:
            return await keys_of(instance, (await get_org(instance, options.org)).id, actor)
        return await every_key(instance)

    rows = [_render(key) for key in run_verb(options, verb)]
    columns = (
        ("id", "name", "scopes", "expires_at", "revoked") if options.org else ("id", "org", "name", "scopes", "revoked")
    )
    show_list(wants_json(options), rows, "No API keys yet: gatepost key create --org ORG", columns)
    return 0


def _show(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> ApiKey:
        return await key_of(instance, await find_key_anywhere(instance, options.key), options.key, actor)

    document = _render(run_verb(options, verb))
    show(wants_json(options), document, render_fields(document))
    return 0


def _revoke(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> None:
        org = await find_key_anywhere(instance, options.key)
        if options.org and org != (await get_org(instance, options.org)).id:
            raise missing("key", options.key, where=f" of {options.org}")
        await end_key(instance, org, options.key, actor, keep_grants=options.keep_grants)

    run_verb(options, verb)
    kept = "The grants it made live on." if options.keep_grants else "So are the grants it made."
    document = {"id": options.key, "revoked": True, "grants_kept": options.keep_grants}
    show(wants_json(options), document, f"{options.key} is revoked. {kept}")
    return 0


def _render(key: ApiKey) -> dict[str, Any]:
    return {
        "id": render_id("key", key.id),
        "org": None if key.org == INSTANCE else render_id("org", key.org),
        "name": key.name,
        "scopes": key.scopes.split(),
        "created_at": instant(key.created_at),
        "expires_at": instant(key.expires_at),
        "revoked": key.revoked_at is not None,
    }
