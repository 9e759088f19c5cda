"""A completion script for your shell: verbs, options, choices and files at the press of Tab."""

import argparse

import shtab

from gatepost.cli.options import Parser, wants_json
from gatepost.cli.output import show

SHELLS = ("bash", "zsh", "fish", "tcsh", "powershell")

_PATHS = {"FILE": shtab.FILE, "DIR": shtab.DIRECTORY}
"""What completes an argument, by what it is called."""


def add_arguments(parser: Parser) -> None:
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=", ".join(SHELLS))
    parser.epilog = """examples:
  gatepost completion bash > ~/.local/share/bash-completion/completions/gatepost
  gatepost completion zsh > ~/.zfunc/_gatepost          (with fpath+=~/.zfunc in .zshrc)
  gatepost completion fish > ~/.config/fish/completions/gatepost.fish"""
    parser.set_defaults(verb=_completion)


def _completion(options: argparse.Namespace) -> int:
    from gatepost.cli.main import whole_parser

    parser = whole_parser()
    for action in (each for inner in parser.each_parser() for each in inner.arguments):
        if isinstance(action.metavar, str) and action.metavar in _PATHS:
            action.complete = _PATHS[action.metavar]  # type: ignore[attr-defined] # where shtab looks for it
    script = shtab.complete(parser, shell=options.shell)
    show(wants_json(options), {"shell": options.shell, "script": script}, script)
    return 0
