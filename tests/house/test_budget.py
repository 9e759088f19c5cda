"""How long a function and a file may be before somebody has to say why. What is longer stands in `waivers.toml`."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

from .source import ROOT, assert_none, assert_same, definitions, modules, sdk, suite

FUNCTION_LINES = 50
FILE_LINES = 400

WAIVERS = tomllib.loads((Path(__file__).parent / "waivers.toml").read_text())


def test_what_is_long_says_why() -> None:
    assert_same(_long(), WAIVERS["lines"])


def test_a_waiver_is_a_sentence() -> None:
    assert_none(
        f"{name}: {reason!r} is no reason"
        for section in WAIVERS.values()
        for name, reason in section.items()
        if len(reason.split()) < 5
    )


def _long() -> Iterator[str]:
    for module in (*modules(), *sdk(), *suite()):
        path = str(module.path.relative_to(ROOT))
        if module.text.count("\n") > FILE_LINES:
            yield path
        for node in definitions(module):
            if not isinstance(node, ast.ClassDef) and (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES:
                yield f"{path}:{node.name}"
