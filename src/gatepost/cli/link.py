"""A new one-time sign-in link for an owner. Needs the data directory, so only whoever runs the server can make one."""

import argparse

from gatepost.cli.options import Parser, named, wants_json
from gatepost.cli.output import show
from gatepost.cli.running import check_issuer_is_known, run_verb
from gatepost.errors import GatepostError
from gatepost.flows.instance import Instance
from gatepost.flows.links import LINK_TTL, create_link, find_owners
from gatepost.flows.roles import Actor
from gatepost.secrets import Secret


def add_arguments(parser: Parser) -> None:
    parser.add_argument("--org", metavar="ORG", type=named, help="the owner of this organization (the first one)")
    parser.add_argument("--user", metavar="EMAIL", type=named, help="this owner (the first one)")
    parser.epilog = "example:\n  gatepost link --org Acme"
    parser.set_defaults(verb=_link)


def _link(options: argparse.Namespace) -> int:
    async def verb(instance: Instance, _: Actor) -> tuple[str, Secret]:
        check_issuer_is_known(instance)
        owners = await find_owners(instance, options.org, options.user)
        if not owners:
            raise GatepostError(
                "not_found", "There is no such owner.", fix="gatepost user create EMAIL --org ORG --role owner"
            )
        org, member = owners[0]
        return member.email, create_link(instance, org.id, member.id)

    email, link = run_verb(options, verb)
    document = {"email": email, "sign_in": link.reveal(), "expires_in": LINK_TTL}
    show(wants_json(options), document, f"For {email}, once, within {LINK_TTL // 60} minutes:\n\n  {link.reveal()}")
    return 0
