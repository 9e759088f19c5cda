"""`gatepost user edit`, and what is said of a person at the command line: the claims that apps are told by scope."""

import argparse
from typing import Any

from gatepost.cli.options import Parser, add_verb, named, wants_json
from gatepost.cli.output import instant, render_fields, show
from gatepost.cli.reading import read_json
from gatepost.cli.running import run_verb
from gatepost.errors import GatepostError
from gatepost.flows.claims import set_claims
from gatepost.flows.instance import Instance
from gatepost.flows.people import get_user
from gatepost.flows.roles import Actor
from gatepost.oauth.claims import claims_of, parse_claims
from gatepost.records import User
from gatepost.secrets import render_id

_FILE = 'with a JSON object in it, as in {"locale": "de", "address": {"locality": "Berlin"}}'


def add_arguments(verbs: "argparse._SubParsersAction[Parser]") -> None:
    edit = add_verb(
        verbs,
        "edit",
        _edit,
        "change what apps are told of a person",
        'gatepost user edit ana@acme.dev --claim "name=Ana Ruiz" --claim locale=es',
    )
    edit.add_argument("user", metavar="USER", help="id or e-mail")
    edit.add_argument("--org", metavar="ORG", type=named, help="only a member of this organization")
    add_claim_options(edit)


def add_claim_options(verb: Parser) -> None:
    """The options, for a verb that makes or changes a person."""
    verb.add_argument(
        "--claim",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="a claim of OpenID Connect, as in nickname=Ana; without a value it is taken away; may be given several times",
    )
    verb.add_argument(
        "--claims", metavar="FILE", help="several, as a JSON object; null takes one away; - for standard input"
    )


def claims_from(options: argparse.Namespace) -> dict[str, Any]:
    """The claims that were given, None for one to be taken away. Raises `invalid_request`, `not_found`."""
    said = {} if options.claims is None else parse_claims(read_json(options.claims, fix=f"--claims FILE, {_FILE}"))
    pairs = [text.partition("=") for text in options.claim]
    for name, mark, _ in pairs:
        if not mark:
            raise GatepostError("invalid_request", f"--claim {name} has no value.", fix=f"--claim {name}=VALUE")
    return said | parse_claims({name: value for name, _, value in pairs})


def render_claims(user: User) -> dict[str, Any]:
    """What apps are told of a person, if they may have all of it, for people to read."""
    claims = claims_of(user)
    if "address" in claims:
        claims["address"] = ", ".join(claims["address"].values())
    if "updated_at" in claims:
        claims["updated_at"] = instant(claims["updated_at"])
    return claims


def _edit(options: argparse.Namespace) -> int:
    claims = claims_from(options)
    if not claims:
        raise GatepostError("invalid_request", "There is nothing to change.", fix="gatepost user edit --help")

    async def verb(instance: Instance, actor: Actor) -> User:
        return await set_claims(instance, await get_user(instance, options.user, options.org), claims, actor)

    user = run_verb(options, verb)
    document = {"id": render_id("usr", user.id), "claims": claims_of(user)}
    show(wants_json(options), document, render_fields({"id": document["id"]} | render_claims(user)))
    return 0
