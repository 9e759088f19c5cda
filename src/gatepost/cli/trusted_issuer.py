"""Identity providers whose assertions (ID-JAG) an organization's apps may bring."""

import argparse
from typing import Any

from gatepost.cli.options import Parser, add_verb, add_verbs, named, wants_json
from gatepost.cli.output import instant, show, show_list
from gatepost.cli.running import run_verb
from gatepost.flows.instance import Instance
from gatepost.flows.organizations import get_org
from gatepost.flows.roles import Actor
from gatepost.flows.trusted_issuers import distrust, trust, trusted_issuers
from gatepost.records import TrustedIssuer

_EXAMPLE = "https://idp.acme.example --org Acme"


def add_arguments(parser: Parser) -> None:
    verbs = add_verbs(parser)
    example = f"gatepost trusted-issuer create {_EXAMPLE} --jwks-uri https://idp.acme.example/jwks"
    create = add_verb(verbs, "create", _create, "take an identity provider's word for who members are", example)
    create.add_argument("--jwks-uri", metavar="URL", required=True, help="where its public keys are")
    issuers = add_verb(verbs, "list", _list, "list them", "gatepost trusted-issuer list --org Acme")
    example = f"gatepost trusted-issuer delete {_EXAMPLE}"
    delete = add_verb(verbs, "delete", _delete, "stop taking its word", example)
    for verb in (create, delete):
        verb.add_argument("issuer", metavar="ISSUER", help="as its assertions say it in iss")
    for verb in (create, issuers, delete):
        verb.add_argument("--org", metavar="ORG", type=named, required=True, help="the organization's id or name")


def _create(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> TrustedIssuer:
        org = await get_org(instance, options.org)
        return await trust(instance, org.id, options.issuer, options.jwks_uri, actor)

    trusted = run_verb(options, verb)
    show(wants_json(options), _render(trusted), f"{trusted.issuer} is trusted from now on.")
    return 0


def _list(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> list[TrustedIssuer]:
        return await trusted_issuers(instance, (await get_org(instance, options.org)).id, actor)

    rows = [_render(each) for each in run_verb(options, verb)]
    show_list(wants_json(options), rows, "No issuer is trusted yet: gatepost trusted-issuer create ISSUER --org ORG")
    return 0


def _delete(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, actor: Actor) -> None:
        await distrust(instance, (await get_org(instance, options.org)).id, options.issuer, actor)

    run_verb(options, verb)
    document = {"issuer": options.issuer, "deleted": True}
    show(wants_json(options), document, f"{options.issuer} is no longer trusted.")
    return 0


def _render(trusted: TrustedIssuer) -> dict[str, Any]:
    return {"issuer": trusted.issuer, "jwks_uri": trusted.jwks_uri, "created_at": instant(trusted.created_at)}
