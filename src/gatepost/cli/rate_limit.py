"""The verb `limit`, which organizations, apps and grants share: how many requests a minute their tokens are good for."""

import argparse
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from gatepost.cli.options import add_verb
from gatepost.errors import GatepostError

if TYPE_CHECKING:
    from gatepost.cli.options import Parser

NONE = "none"
_PER_MINUTE = {"s": 60, "m": 1}
_RATE = re.compile(r"([0-9]{1,10})/([sm])")


def add_limit(
    verbs: "argparse._SubParsersAction[Parser]", noun: str, metavar: str, run: Callable[[argparse.Namespace], int]
) -> None:
    """The verb `limit` of a noun; `run` finds what is to be limited in `options.limited` and asks `rate_of` for the rate."""
    summary = "let its tokens make so many requests a minute at the APIs, or as many as they like"
    verb = add_verb(verbs, "limit", run, summary, f"gatepost {noun} limit {metavar} 600/m")
    verb.add_argument("limited", metavar=metavar)
    verb.add_argument("rate", metavar="RATE", help=f"as in 600/m or 10/s; {NONE} takes the limit away")


def rate_of(options: argparse.Namespace) -> int | None:
    """Requests a minute; None for no limit. Raises `invalid_request`."""
    text: str = options.rate
    if text == NONE:
        return None
    match = _RATE.fullmatch(text)
    if not match:
        raise GatepostError("invalid_request", f"{text} is not a rate.", fix=f"600/m, 10/s, or {NONE}")
    return int(match[1]) * _PER_MINUTE[match[2]]


def describe_rate(rate: int | None) -> str:
    """The limit in words, to go behind a name."""
    return f"is limited to {rate:,} requests a minute" if rate else "has no limit of its own"
