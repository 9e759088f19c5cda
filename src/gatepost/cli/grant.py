"""Connections: which app may do what for whom. Revoking one ends every token of it, for good."""

import argparse
from typing import Any

from gatepost.cli.options import Parser, add_verb, add_verbs, confirm, named, wants_json
from gatepost.cli.output import instant, render_fields, show, show_list
from gatepost.cli.rate_limit import add_limit, describe_rate, rate_of
from gatepost.cli.running import run_verb
from gatepost.errors import GatepostError
from gatepost.flows.apps import get_app
from gatepost.flows.grants import Place, each_grant, end_grant, end_grants, get_grant
from gatepost.flows.instance import Instance
from gatepost.flows.limits import set_grant_limit
from gatepost.flows.organizations import every_org, get_org
from gatepost.flows.people import get_user
from gatepost.flows.roles import Actor
from gatepost.oauth.access_token import subject
from gatepost.oauth.client_metadata import parse_metadata
from gatepost.records import Grant
from gatepost.secrets import render_id
from gatepost.store.apps import find_app
from gatepost.store.people import list_organizations_of


def add_arguments(parser: Parser) -> None:
    verbs = add_verbs(parser)
    grants = add_verb(verbs, "list", _list, "list grants", "gatepost grant list --org Acme")
    one = add_verb(verbs, "show", _show, "show one grant", "gatepost grant show GRANT_ID --org Acme")
    one.add_argument("grant", metavar="GRANT_ID")
    one.add_argument("--org", metavar="ORG", type=named, required=True, help="the organization's id or name")
    summary = "end one grant, or all of an app, a person, an organization"
    revoke = add_verb(verbs, "revoke", _revoke, summary, "gatepost grant revoke --app CLIENT_ID --user ana@acme.dev")
    revoke.add_argument("grant", metavar="GRANT_ID", nargs="?")
    for verb in (grants, revoke):
        verb.add_argument("--org", metavar="ORG", type=named, help="the organization's id or name")
        verb.add_argument("--app", metavar="CLIENT_ID", type=named, help="of this app")
        verb.add_argument("--user", metavar="USER", type=named, help="id or e-mail")
    add_limit(verbs, "grant", "GRANT_ID", _limit)


async def _places(instance: Instance, options: argparse.Namespace) -> list[Place]:
    """The organizations that the options name, each with the person in it that they name."""
    user = await get_user(instance, options.user, options.org) if options.user else None
    if options.org:
        orgs = [(await get_org(instance, options.org)).id]
    elif options.app and not (app := await get_app(instance, options.app)).is_free:
        orgs = [app.org]
    elif user:
        orgs = [org for org, _ in await instance.store.read(list_organizations_of(user.id))]
    else:
        orgs = [org.id for org in await every_org(instance)]
    return [(org, user.id if user else None) for org in orgs]


def _list(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, _: Actor) -> list[dict[str, Any]]:
        return [
            _render(grant, await _is_agent(instance, grant))
            for org, user_id in await _places(instance, options)
            async for grant in each_grant(instance, org, options.app, user_id)
        ]

    columns = ("id", "app", "agent", "subject", "scope", "last_used_at", "uses", "revoked")
    show_list(wants_json(options), run_verb(options, verb), "No grants: nothing is connected.", columns)
    return 0


def _show(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> dict[str, Any]:
        grant = await get_grant(instance, (await get_org(instance, options.org)).id, options.grant, actor)
        return _render(grant, await _is_agent(instance, grant))

    document = run_verb(options, verb)
    show(wants_json(options), document, render_fields(document))
    return 0


def _revoke(options: argparse.Namespace) -> int:
    if options.grant:
        return _revoke_one(options)
    if not (options.org or options.app or options.user):
        raise GatepostError(
            "invalid_request", "Say which: a GRANT_ID, --app, --user or --org.", fix="gatepost grant list"
        )
    confirm(options, "End all these grants for good?")

    async def verb(instance: Instance, actor: Actor) -> int:
        places = await _places(instance, options)
        return sum([await end_grants(instance, org, options.app, user_id, actor) for org, user_id in places])

    count = run_verb(options, verb)
    show(wants_json(options), {"revoked": count}, f"{count} live grants were revoked, and every token of them.")
    return 0


def _revoke_one(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> None:
        await end_grant(instance, options.grant, await _places(instance, options), options.app, actor)

    run_verb(options, verb)
    document = {"id": options.grant, "revoked": 1}
    show(wants_json(options), document, f"{options.grant} is revoked, and every token of it.")
    return 0


def _limit(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> tuple[Grant, bool]:
        orgs = [org.id for org in await every_org(instance)]
        grant = await set_grant_limit(instance, options.limited, orgs, rate_of(options), actor)
        return grant, await _is_agent(instance, grant)

    grant, is_agent = run_verb(options, verb)
    show(wants_json(options), _render(grant, is_agent), f"{options.limited} {describe_rate(grant.rate_limit)}.")
    return 0


async def _is_agent(instance: Instance, grant: Grant) -> bool:
    app = await instance.store.read(find_app(grant.app_org or grant.org, grant.client_id))
    return app is not None and parse_metadata(app.metadata).agent


def _render(grant: Grant, is_agent: bool) -> dict[str, Any]:
    return {
        "id": render_id("gnt", grant.id),
        "org": render_id("org", grant.org),
        "app": grant.client_id,
        "agent": is_agent,
        "subject": subject(grant),
        "scope": grant.scope,
        "resource": grant.resource,
        "generation": grant.generation,
        "created_at": instant(grant.created_at),
        "last_used_at": instant(grant.last_used_at),
        "uses": grant.uses,
        "rate_limit": grant.rate_limit,
        "expires_at": instant(grant.expires_at),
        "revoked": grant.revoked_at is not None or not grant.unbroken,
    }
