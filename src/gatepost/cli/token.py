"""Look into a token: what it says, and whether it would be accepted."""

import argparse
from typing import Any

from gatepost.cli.options import Parser, add_verb, add_verbs, read_secret, wants_json
from gatepost.cli.output import render_fields, show
from gatepost.cli.running import run_verb
from gatepost.flows.inspection import Inspected, inspect_token
from gatepost.secrets import Secret


def add_arguments(parser: Parser) -> None:
    verbs = add_verbs(parser)
    summary = "decode a token from standard input, and say in words why it would be refused"
    add_verb(verbs, "inspect", _inspect, summary, "pbpaste | gatepost token inspect")


def _inspect(options: argparse.Namespace) -> int:
    token = Secret(read_secret("Token: ").strip())
    seen: Inspected = run_verb(options, lambda instance, _: inspect_token(instance, token))
    document: dict[str, Any] = {"accepted": not seen.refused, "kind": seen.kind, "reason": seen.refused or None}
    verdict = f"It would be refused: {seen.refused}." if seen.refused else "It would be accepted."
    claims = f"{render_fields(seen.claims)}\n\n" if seen.claims else ""
    show(wants_json(options), document | {"claims": seen.claims}, f"{seen.kind}\n\n{claims}{verdict}")
    return 1 if seen.refused else 0
