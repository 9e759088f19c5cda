"""Look into a token: what it says, and whether it would be accepted."""

import argparse
from typing import Any

from gatepost.cli.options import Parser, add_verb, read_secret, wants_json
from gatepost.cli.output import render_table, show
from gatepost.cli.running import run_verb
from gatepost.flows.inspection import Inspected, inspect_token
from gatepost.secrets import Secret


def add_arguments(parser: Parser) -> None:
    verbs = parser.add_subparsers(metavar="verb", required=True, parser_class=Parser)
    summary = "decode a token from standard input, and say in words why it would be refused"
    add_verb(verbs, "inspect", _inspect, summary, "pbpaste | gatepost token inspect")


def _inspect(options: argparse.Namespace) -> int:
    token = Secret(read_secret("Token: ").strip())
    seen: Inspected = run_verb(options, lambda instance, _: inspect_token(instance, token))
    document: dict[str, Any] = {"accepted": not seen.refused, "kind": seen.kind, "reason": seen.refused or None}
    lines = [{"claim": name, "value": value} for name, value in seen.claims.items()]
    verdict = f"It would be refused: {seen.refused}." if seen.refused else "It would be accepted."
    text = f"{seen.kind}\n\n{render_table(lines)}\n\n{verdict}" if lines else f"{seen.kind}\n\n{verdict}"
    show(wants_json(options), document | {"claims": seen.claims}, text)
    return 1 if seen.refused else 0
