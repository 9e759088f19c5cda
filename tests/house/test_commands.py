"""The commands that the documents tell people to type exist, with the options that they show."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatepost.api.endpoints import ENDPOINTS
from gatepost.cli.main import whole_parser

from .source import assert_none
from .test_docs import PAGES
from .write_docs import verbs_of

CODE = re.compile(r"^```[^\n]*\n(.*?)^```|`([^`\n]+)`", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?:^|[\s/])(?:gatepost|gp) ([a-z-][^\n#|&;]*)", re.MULTILINE)


@pytest.fixture(scope="module")
def parser() -> argparse.ArgumentParser:
    return whole_parser()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_document_names_commands_that_exist(page: Path, parser: argparse.ArgumentParser) -> None:
    assert_none(fault for command in _commands(page.read_text()) for fault in _faults(command, parser))


def test_every_endpoint_of_the_api_has_its_command(parser: argparse.ArgumentParser) -> None:
    endpoints = [(path, each) for path, methods in ENDPOINTS.items() for each in methods.values()]
    assert_none(fault for _, each in endpoints for fault in _faults(each.command, parser))
    assert [path for path, each in endpoints if not each.command] == ["/me"]


def test_every_option_says_what_it_is_for() -> None:
    parsers = list(whole_parser().each_parser())
    assert len(parsers) > 50
    assert_none(
        f"{each.prog} {option.option_strings[-1]}"
        for each in parsers
        for option in each.arguments
        if option.option_strings and not option.help
    )


def test_commands_are_found_where_there_are_some() -> None:
    text = "Run `gatepost dev`:\n```console\n$ gp --config FILE org create Acme  # one\n```\nand gatepost runs."
    assert list(_commands(text)) == ["dev", "--config FILE org create Acme  "]


def _commands(document: str) -> Iterator[str]:
    for block, span in CODE.findall(document):
        yield from COMMAND.findall(block or span)


def _faults(command: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    """What of a command does not exist: its noun, its verb, an option."""
    words = iter(command.split())
    for word in words:
        if word.startswith("--"):
            option = parser._option_string_actions.get(word)
            if option is None and word != "--version":
                yield f"gatepost {command}: {parser.prog} has no {word}"
            elif option and option.nargs is None:
                next(words, None)
        elif verbs := dict(verbs_of(parser)):
            if word not in verbs:
                yield f"gatepost {command}: {parser.prog} has no {word}"
                return
            parser = verbs[word]
