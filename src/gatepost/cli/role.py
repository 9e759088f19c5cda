"""What each role lets people do: the table that every page, call and command asks."""

import argparse
from typing import Any

from gatepost.cli.options import Parser, add_verb, add_verbs, wants_json
from gatepost.cli.output import show_list
from gatepost.flows.roles import MATRIX, ROLES


def add_arguments(parser: Parser) -> None:
    verbs = add_verbs(parser)
    add_verb(verbs, "list", _list, "list roles, and what each lets people do", "gatepost role list")


def _list(options: argparse.Namespace) -> int:
    show_list(wants_json(options), [_render(role) for role in ROLES], "No roles.")
    return 0


def _render(role: str) -> dict[str, Any]:
    return {
        "role": role,
        "may": [deed.name.lower() for deed, rule in MATRIX.items() if role in rule.roles],
        "may_own": [deed.name.lower() for deed, rule in MATRIX.items() if role in rule.own],
    }
