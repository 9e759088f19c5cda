"""Nothing stands there for later: what the source defines, the source uses. Tests alone are no use."""

import ast
from collections.abc import Iterator

from .source import Defined, Module, assert_same, modules, nodes
from .test_budget import WAIVERS


def test_what_is_defined_is_used() -> None:
    used = {name for module in modules() for name in _used(module)}
    assert_same(
        (f"{module.name}.{name}" for module in modules() for name in _defined(module) if name not in used),
        WAIVERS["unused"],
    )


def _defined(module: Module) -> Iterator[str]:
    """The functions, classes and constants at the top of a module."""
    for node in module.tree.body:
        if isinstance(node, Defined):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name) and target.id != "__version__")


def _used(module: Module) -> Iterator[str]:
    for node in nodes(module):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
