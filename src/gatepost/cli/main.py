"""The command's front door: finds the noun, imports its file alone, and turns outcomes into exit codes.

Starting fast is part of the interface: nothing of the server is imported before the verb that needs it runs.
"""

import argparse
import importlib
import io
import keyword
import os
import re
import sys
from typing import NoReturn

from gatepost import __version__
from gatepost.cli.options import VALUED, Parser, add_common, did_you_mean
from gatepost.errors import GatepostError

NOUNS = {
    "dev": "a development server with a demo organization, app and key",
    "serve": "a production server",
    "org": "organizations",
    "key": "an organization's API keys",
    "app": "apps (OAuth clients), their redirect URIs and secrets",
    "user": "people and their roles",
    "request": "apps that people asked an admin for: the queue, approve, refuse",
    "role": "what each role lets people do",
    "resource": "APIs that tokens are for",
    "trusted-issuer": "identity providers whose word for who is who is taken",
    "scope": "plain words for scopes, for the people who are asked",
    "grant": "connections: who let which app do what",
    "signing-key": "the keys that sign access tokens",
    "token": "look into a token",
    "snippet": "configuration for a reverse proxy or framework that takes our tokens",
    "link": "a one-time sign-in link for an owner",
    "events": "what happened: tail, list, export; and the proof that nobody changed it",
    "webhook": "where an organization hears of its events: endpoints, deliveries",
    "usage": "how much was issued, refused and checked: over time, by grant type, reason, app",
    "doctor": "what is wrong with this deployment, and how to mend it",
    "migrate": "bring the database's schema up to this version",
    "copy": "move to another database, as from SQLite to PostgreSQL",
    "import": "apps and people from Keycloak, Auth0, Hydra or django-oauth-toolkit",
    "backup": "copy database and instance key into one file",
    "restore": "bring a backup back",
    "bench": "rates of the hot operations beside a bare server",
    "completion": "a completion script for your shell",
}
FIRST_FIVE = ("dev", "serve", "app", "grant", "doctor")

INTERRUPTED = 130

_SECRET = re.compile(r"(?:^|=)(?:gp_(?:rt|key|sec|link|reg|iat)_|eyJ[\w-]+\.|whsec_)")


def main() -> NoReturn:
    """Run the command line of this process."""
    for stream in (sys.stdin, sys.stdout):
        if isinstance(stream, io.TextIOWrapper):
            # Any bytes may be read, and any text shown, whatever the terminal's encoding.
            stream.reconfigure(errors="surrogateescape" if stream is sys.stdin else "backslashreplace")
    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except OSError as fault:
        # Whoever reads our output has enough, or there is no room for it. Nothing more can be written, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0 if isinstance(fault, BrokenPipeError) else 1
        if code:
            print(f"error: {fault.strerror}", file=sys.stderr)
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command and answer its exit code. Raises OSError when its output cannot be written."""
    as_json = "--json" in arguments
    try:
        return _run(arguments)
    except SystemExit as stop:
        # argparse printed the help that was asked for.
        return int(stop.code or 0)
    except GatepostError as error:
        return _refused(error, as_json)
    except BrokenPipeError:
        raise
    except OSError as fault:
        return _refused(GatepostError("server_error", f"The operating system refused: {fault}."), as_json)
    except Exception as fault:
        import traceback

        traceback.print_exc()
        return _refused(GatepostError("server_error", f"A fault of ours: {type(fault).__name__}."), as_json)


def _refused(error: GatepostError, as_json: bool) -> int:
    from gatepost.cli.output import show_error

    show_error(as_json, error)
    return error.exit


def _run(arguments: list[str]) -> int:
    _check_arguments(arguments)
    noun = _noun_of(arguments)
    if noun == "help":
        arguments = [each for each in arguments if each != "help"] + ["--help"]
        noun = _noun_of(arguments)
    if noun is None:
        return _without_noun(arguments)
    if noun not in NOUNS:
        hint = did_you_mean(noun, NOUNS)
        raise GatepostError("invalid_request", f"There is no command `{noun}`{hint or '.'}", fix="gatepost --help")
    options, unknown = noun_parser(noun).parse_known_args(arguments)
    if unknown:
        options.parser.refuse(unknown[0])
    code: int = options.verb(options)
    return code


def _check_arguments(arguments: list[str]) -> None:
    """Refuse, without repeating it, what must not stand on a command line. Raises `invalid_request`."""
    for each in arguments:
        if _SECRET.search(each):
            raise GatepostError(
                "invalid_request",
                "A secret stands on the command line, where everybody on this machine can read it.",
                fix="give it on standard input, and change it if others were here",
            )
        if any("\ud800" <= character <= "\udfff" for character in each):
            raise GatepostError("invalid_request", "An argument is not valid UTF-8.")


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
        file = noun.replace("-", "_") + "_" * keyword.iskeyword(noun)
        module = importlib.import_module(f"gatepost.cli.{file}")
        parser = commands.add_parser(
            noun, help=NOUNS[noun], description=module.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        parser.set_defaults(parser=parser)
        add_common(parser)
        module.add_arguments(parser)
    return top


def _without_noun(arguments: list[str]) -> int:
    if "--version" in arguments:
        print(f"gatepost {__version__}")
        return 0
    unknown = [each for each in arguments if each not in ("-h", "--help")]
    if unknown:
        hint = did_you_mean(unknown[0], ("--help", "--version"))
        raise GatepostError(
            "invalid_request", f"`gatepost {unknown[0]}` is not a command{hint or '.'}", fix="gatepost --help"
        )
    print("Gatepost, an OAuth 2.0 authorization server.\n\nThe five commands most people need:\n")
    _print_nouns(FIRST_FIVE)
    print("\nAll the others:\n")
    _print_nouns(tuple(noun for noun in NOUNS if noun not in FIRST_FIVE))
    print("\n`gatepost COMMAND --help` shows its verbs, options and an example. Every command takes --json.")
    return 0


def _print_nouns(nouns: tuple[str, ...]) -> None:
    for noun in nouns:
        print(f"  gatepost {noun:<14} {NOUNS[noun]}")
