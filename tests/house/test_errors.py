"""The catalogue and the code agree: every code that is raised is in it, and every one in it is raised."""

import ast
from collections.abc import Iterator

from gatepost.errors import CATALOGUE

from .source import Module, assert_same, modules, nodes

RAISED = {"GatepostError", "OAuthError", "PageError"}


def test_the_catalogue_lists_what_is_raised_and_nothing_else() -> None:
    assert_same((code for module in modules() for code in _codes(module)), CATALOGUE)


def _codes(module: Module) -> Iterator[str]:
    for node in nodes(module):
        if isinstance(node, ast.Call) and node.args and _is_refusal(node.func):
            code = node.args[0]
            if isinstance(code, ast.Constant) and isinstance(code.value, str):
                yield code.value
        elif isinstance(node, ast.Dict):
            yield from _written(node)


def _is_refusal(called: ast.expr) -> bool:
    """Whether it makes a refusal, or is the constructor that a kind of refusal hands its code on to."""
    if isinstance(called, ast.Attribute):
        return called.attr == "__init__"
    return isinstance(called, ast.Name) and called.id in RAISED


def _written(content: ast.Dict) -> Iterator[str]:
    """The code in a refusal that stands there ready to be sent."""
    for name, value in zip(content.keys, content.values, strict=True):
        if isinstance(name, ast.Constant) and name.value == "error" and isinstance(value, ast.Constant):
            yield str(value.value)
