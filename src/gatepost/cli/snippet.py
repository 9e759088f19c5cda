"""Working configuration for what stands in front of an API, or inside it: the real issuer, audience and scopes filled in."""

import argparse

from gatepost.cli.options import Parser, settings_of, wants_json
from gatepost.cli.output import show
from gatepost.errors import GatepostError
from gatepost.flows.snippets import SNIPPETS, Blanks, render_snippet


def add_arguments(parser: Parser) -> None:
    parser.add_argument("name", metavar="NAME", choices=tuple(SNIPPETS), help=", ".join(SNIPPETS))
    parser.add_argument("--issuer", metavar="URL", help="this server's public URL (the setting issuer)")
    parser.add_argument("--audience", metavar="URI", help="the API that tokens have to be for (the issuer)")
    parser.add_argument("--scope", metavar='"…"', default="", help="what a token has to have, all of it")
    parser.add_argument(
        "--upstream", metavar="URL", default="http://127.0.0.1:8000", help="where the API listens (%(default)s)"
    )
    parser.add_argument("--client-id", metavar="CLIENT_ID", default="CLIENT_ID", help="apache: the app that is the API")
    parser.epilog = 'example:\n  gatepost snippet nginx --audience https://api.acme.dev --scope "agents:read"'
    parser.set_defaults(verb=_snippet)


def _snippet(options: argparse.Namespace) -> int:
    issuer = settings_of(options).issuer if options.issuer is None else options.issuer
    if not issuer and options.issuer is None:
        raise GatepostError(
            "invalid_configuration",
            "The snippet needs the server's public URL.",
            fix="--issuer https://…, or set issuer",
        )
    audience = issuer if options.audience is None else options.audience
    text = render_snippet(options.name, Blanks(issuer, audience, options.scope, options.upstream, options.client_id))
    show(wants_json(options), {"name": options.name, "text": text}, text)
    return 0
