"""The command's front door: finds the noun, imports its file alone, and turns outcomes into exit codes.

Starting fast is part of the interface: nothing of the server is imported before the verb that needs it runs.
"""

import argparse
import difflib
import importlib
import os
import sys
from typing import NoReturn

from gatepost import __version__
from gatepost.cli.options import VALUED, Parser, add_common
from gatepost.errors import GatepostError

NOUNS = {
    "dev": "a development server with a demo organization, app and key",
    "serve": "a production server",
    "org": "organizations",
    "key": "an organization's API keys",
    "app": "apps (OAuth clients), their redirect URIs and secrets",
    "user": "people and their roles",
    "resource": "APIs that tokens are for",
    "grant": "connections: who let which app do what",
    "signing-key": "the keys that sign access tokens",
    "token": "look into a token",
    "link": "a one-time sign-in link for an owner",
    "events": "what happened: tail, list, export",
    "doctor": "what is wrong with this deployment, and how to mend it",
    "migrate": "bring the database's schema up to this version",
    "backup": "copy database and instance key into one file",
    "restore": "bring a backup back",
    "bench": "rates of the hot operations beside a bare server",
    "completion": "a completion script for your shell",
}
FIRST_FIVE = ("dev", "serve", "app", "grant", "doctor")


def main() -> NoReturn:
    """Run the command line of this process."""
    try:
        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output has enough. Nothing more can be written there, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def run(arguments: list[str]) -> int:
    """Run one command and answer its exit code."""
    noun = _noun_of(arguments)
    if noun is None or noun == "help":
        return _without_noun(arguments)
    if noun not in NOUNS:
        near = difflib.get_close_matches(noun, NOUNS, 1)
        hint = f"did you mean `gatepost {near[0]}`?" if near else "`gatepost --help` lists the commands"
        print(f"error: there is no command `{noun}`; {hint}", file=sys.stderr)
        return 2
    parser = noun_parser(noun)
    try:
        options = parser.parse_args(arguments)
        code: int = options.verb(options)
    except GatepostError as error:
        print_error(error, as_json="--json" in arguments)
        return error.exit
    return code


def _noun_of(arguments: list[str]) -> str | None:
    """The first word that is neither an option nor the value of a common one."""
    is_value = False
    for each in arguments:
        if not is_value and not each.startswith("-"):
            return each
        is_value = not is_value and each in VALUED
    return None


def noun_parser(noun: str) -> Parser:
    """The command's parser with this noun alone, from the noun's own file."""
    return _parser((noun,))


def whole_parser() -> Parser:
    """The command's parser with every noun; slow, as it imports them all."""
    return _parser(tuple(NOUNS))


def _parser(nouns: tuple[str, ...]) -> Parser:
    top = Parser(prog="gatepost", add_help=False)
    add_common(top)
    commands = top.add_subparsers(metavar="command", required=True, parser_class=Parser)
    for noun in nouns:
        module = importlib.import_module(f"gatepost.cli.{noun.replace('-', '_')}")
        parser = commands.add_parser(
            noun, help=NOUNS[noun], description=module.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        add_common(parser)
        module.add_arguments(parser)
    return top


def print_error(error: GatepostError, *, as_json: bool) -> None:
    """What, and how to fix it; for programs the same as JSON on standard output."""
    if as_json:
        import json

        print(json.dumps({"error": error.code, "message": error.description, "fix": error.fix, **error.extra}))
    print(f"error[{error.code}]: {error.description}", file=sys.stderr)
    if error.fix:
        print(f"  fix: {error.fix}", file=sys.stderr)


def _without_noun(arguments: list[str]) -> int:
    if "--version" in arguments:
        print(f"gatepost {__version__}")
        return 0
    unknown = [each for each in arguments if each not in ("-h", "--help", "help", "--all")]
    if unknown:
        print(f"error: `{unknown[0]}` needs a command; `gatepost --help` lists them", file=sys.stderr)
        return 2
    print("Gatepost, an OAuth 2.0 authorization server.\n\nThe five commands most people need:\n")
    _print_nouns(FIRST_FIVE)
    print("\nAll the others:\n")
    _print_nouns(tuple(noun for noun in NOUNS if noun not in FIRST_FIVE))
    print("\n`gatepost COMMAND --help` shows its verbs, options and an example. Every command takes --json.")
    return 0 if arguments else 2


def _print_nouns(nouns: tuple[str, ...]) -> None:
    for noun in nouns:
        print(f"  gatepost {noun:<13} {NOUNS[noun]}")


if __name__ == "__main__":
    main()
