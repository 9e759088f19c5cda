"""The words in the source: what is public says what it promises, and nothing is called what says nothing."""

import ast
import re
from collections.abc import Iterator

from .source import Defined, Module, assert_none, assert_same, definitions, modules, place, sdk, suite
from .test_budget import WAIVERS

EMPTY_WORDS = {"manager", "helper", "helpers", "util", "utils", "handle", "process", "base"}
"""Words that fit anything, and so tell nobody what it is."""

OF_ONE_SHAPE = {"add_arguments"}
"""What every noun of the command line has; `cli/main.py` says what it does."""

WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
SUPPRESSION = re.compile(r"#\s*(?:noqa|type:\s*ignore)(?P<what>[:\[][^#]*)?(?P<why>#.*)?$")


def test_every_module_says_what_it_is() -> None:
    # The one without a word is the package of a folder of tests.
    assert_none(
        place(each, each.tree)
        for each in (*modules(), *sdk(), *suite())
        if each.text and not ast.get_docstring(each.tree)
    )


def test_what_is_public_says_what_it_promises() -> None:
    assert_none(
        f"{place(module, node)} {node.name}"
        for module in (*modules(), *sdk())
        for node in _public(module)
        if node.name not in OF_ONE_SHAPE and not ast.get_docstring(node)
    )


def test_nothing_is_called_what_says_nothing() -> None:
    named = [
        f"{module.name}.{node.name}"
        for module in (*modules(), *sdk())
        for node in definitions(module)
        if EMPTY_WORDS & _words(node.name)
    ]
    named += [module.name for module in (*modules(), *sdk()) if EMPTY_WORDS & _words(module.name)]
    assert_same(named, WAIVERS["names"])


def test_whoever_silences_a_tool_says_why() -> None:
    assert_none(where for module in (*modules(), *sdk(), *suite()) for where in _unexplained(module))


def _public(module: Module) -> Iterator[Defined]:
    return (node for node in module.tree.body if isinstance(node, Defined) and not node.name.startswith("_"))


def _words(name: str) -> set[str]:
    return {word.lower() for word in WORD.findall(name)}


def _unexplained(module: Module) -> Iterator[str]:
    """A silenced finding needs a comment of its own, behind it or on the line above."""
    lines = module.text.splitlines()
    for number, line in enumerate(lines, 1):
        found = SUPPRESSION.search(line)
        if found and not found["why"] and not lines[number - 2].lstrip().startswith("#"):
            yield f"{module.path.name}:{number}"
