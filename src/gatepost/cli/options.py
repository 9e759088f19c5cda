"""What all commands share of their command line: the common options, and the way from them to settings."""

import argparse
import difflib
import os
import re
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from gatepost.errors import GatepostError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gatepost.settings import Settings

VALUED = ("--data", "--database", "--config")
"""The common options that take a value."""

MAX_SECRET_LINE = 1 << 16

_VALUELESS = re.compile(r"argument (--\S+): expected one argument")


class Parser(argparse.ArgumentParser):
    """argparse with whole option names only, whose usage errors are refusals like all others and say what was meant."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        message = _VALUELESS.sub(r"\1 needs a value behind it", message)
        end = "" if message.endswith("?") else "."
        raise GatepostError("invalid_request", f"{message[0].upper()}{message[1:]}{end}", fix=f"{self.prog} --help")

    def refuse(self, unknown: str) -> NoReturn:
        """Refuse an argument that no option or verb took."""
        if not unknown.startswith("-"):
            self.error(f"`{unknown}` is one argument too many; a value with spaces in it goes in quotes")
        name = unknown.partition("=")[0]
        self.error(f"`{self.prog}` has no option {name}{did_you_mean(name, self._option_string_actions)}")

    def format_help(self) -> str:
        """What it needs, what it is for, an example; and only then the options, of which some verbs have many."""
        shape, page = self._get_formatter(), self._get_formatter()
        needed = [each for each in self._actions if each.required or not each.option_strings]
        shape.add_usage(None, needed, [], prefix="")
        page.add_usage(" ".join(shape.format_help().split()).replace("%", "%%") + " [options]", [], [])
        page.add_text(self.description)
        page.add_text(self.epilog)
        for group in self._action_groups:
            page.start_section(group.title)
            page.add_arguments(group._group_actions)  # noqa: SLF001  # argparse has no other way to them
            page.end_section()
        return page.format_help()

    @property
    def arguments(self) -> list[argparse.Action]:
        """What this parser itself reads."""
        return list(self._actions)

    @property
    def verbs(self) -> "list[Parser]":
        """The parsers of its verbs; none for a command without verbs."""
        choices = [each.choices for each in self._actions if each.nargs == argparse.PARSER]
        return [parser for verbs in choices if isinstance(verbs, dict) for parser in verbs.values()]

    def each_parser(self) -> "Iterator[Parser]":
        """This parser, and all under it."""
        yield self
        for verb in self.verbs:
            yield from verb.each_parser()

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        choices = [str(choice) for choice in action.choices]
        hint = did_you_mean(str(value), choices) or f"; choose from {', '.join(choices)}"
        if action.nargs == argparse.PARSER:
            self.error(f"`{self.prog}` has no verb `{value}`{hint}")
        self.error(f"{'/'.join(action.option_strings) or action.dest} cannot be `{value}`{hint}")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A question about the nearest known word, to go behind a refusal; empty when none is near."""
    # Two dashes make no options alike.
    bare = {each.lstrip("-"): each for each in known}
    near = difflib.get_close_matches(word.lstrip("-"), bare, 1)
    return f"; did you mean `{bare[near[0]]}`?" if near else ""


def add_common(parser: argparse.ArgumentParser) -> None:
    """The options that stand before or after the verb."""
    common = parser.add_argument_group("common options")
    unset = argparse.SUPPRESS
    common.add_argument("--data", metavar="DIR", default=unset, help="data directory (./gatepost-data)")
    common.add_argument(
        "--database",
        metavar="URL",
        default=unset,
        help="sqlite:///path or postgresql://user@host/name (a file in the data directory)",
    )
    common.add_argument("--config", metavar="FILE", default=unset, help="settings in TOML (./gatepost.toml)")
    common.add_argument("--json", action="store_true", default=unset, help="one JSON document on standard output")
    common.add_argument("--yes", action="store_true", default=unset, help="answer yes to what would be asked")


def named(text: str) -> str:
    """The value of an option that names something. An empty one, as a script's unset variable leaves it, is refused."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty")
    return text


def add_verbs(parser: argparse.ArgumentParser) -> "argparse._SubParsersAction[Parser]":
    """Room for a noun's verbs. The noun alone is refused with a list of them."""
    verbs = parser.add_subparsers(metavar="verb", parser_class=Parser)

    def no_verb(_: argparse.Namespace) -> NoReturn:
        parser.error(f"`{parser.prog}` needs a verb: {', '.join(verbs.choices)}")

    parser.set_defaults(verb=no_verb, parser=parser)
    return verbs


def add_verb(verbs: "argparse._SubParsersAction[Parser]", name: str, run: object, summary: str, example: str) -> Parser:
    """One verb of a noun, with its summary, an example and the common options. `run(options)` answers the exit code."""
    parser = verbs.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_common(parser)
    parser.set_defaults(verb=run, parser=parser)
    return parser


def settings_of(
    options: argparse.Namespace,
    flags: "Mapping[str, str | None] | None" = None,
    defaults: "Mapping[str, str] | None" = None,
) -> "Settings":
    """The settings for this run: the options given, the environment, the file, the defaults.

    `flags` and `defaults` are further options and other defaults of one command, by the setting's dotted name.
    """
    from gatepost.settings import load_settings

    config = getattr(options, "config", None)
    common = {name: getattr(options, name, None) for name in ("data", "database")}
    return load_settings({**common, **(flags or {})}, os.environ, Path(config) if config else None, defaults or {})


def wants_json(options: argparse.Namespace) -> bool:
    """Whether a program reads the result."""
    return getattr(options, "json", False)


def confirm(options: argparse.Namespace, question: str) -> None:
    """Ask a person before something that cannot be undone. Scripts are not asked. Raises `not_allowed` on a no."""
    if getattr(options, "yes", False) or not sys.stdin.isatty():
        return
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise GatepostError("not_allowed", "Nothing was changed.")


def read_secret(prompt: str) -> str:
    """A secret from a prompt that does not echo, or the first line of standard input when that is no terminal."""
    if sys.stdin.isatty():
        from getpass import getpass

        return getpass(prompt)
    return sys.stdin.readline(MAX_SECRET_LINE).rstrip("\r\n")


def duration(text: str | None, option: str) -> int | None:
    """Seconds of an option such as `90d`; None when it was not given. Raises `invalid_request`."""
    from gatepost.settings import parse_duration

    if text is None:
        return None
    try:
        return parse_duration(text)
    except ValueError as fault:
        raise GatepostError("invalid_request", f"{option} {text}: {fault}.") from None


def expiry(text: str | None, option: str, now: int) -> int | None:
    """The instant that an option names, as in `90d` from now or in ISO 8601 (UTC unless it says); None when not given.

    Raises `invalid_request` for one that is past or too far away.
    """
    from gatepost.oauth.expiry import may_expire
    from gatepost.settings import parse_duration

    if text is None:
        return None
    try:
        at = now + parse_duration(text)
    except ValueError:
        at = parse_instant(text, option)
    if not may_expire(at, now):
        raise GatepostError("invalid_request", f"{option} {text}: it must lie ahead, by at most a hundred years.")
    return at


def parse_instant(text: str, option: str) -> int:
    """Epoch seconds of an ISO 8601 instant, UTC unless it says otherwise. Raises `invalid_request`."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise GatepostError(
            "invalid_request",
            f"{option} {text} is neither an instant nor a duration.",
            fix=f"{option} 2030-12-31T00:00Z, or {option} 24h",
        ) from None
    return int((instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp())
