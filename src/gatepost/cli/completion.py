"""A completion script for your shell: bash, zsh or tcsh. Put it where your shell looks for completions."""

import argparse

import shtab

from gatepost.cli.options import Parser

SHELLS = ("bash", "zsh", "tcsh")


def add_arguments(parser: Parser) -> None:
    parser.add_argument("shell", choices=SHELLS)
    parser.epilog = "example:\n  gatepost completion bash > ~/.local/share/bash-completion/completions/gatepost"
    parser.set_defaults(verb=_completion)


def _completion(options: argparse.Namespace) -> int:
    from gatepost.cli.main import whole_parser

    print(shtab.complete(whole_parser(), shell=options.shell))
    return 0
