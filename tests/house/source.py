"""The source as the rules read it: every module parsed once, with the questions that several rules ask of it."""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeAlias

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "gatepost"
SDK = ROOT / "src" / "gatepost_sdk"

Defined: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Module(NamedTuple):
    """One file of Python. `name` is its dotted name below `gatepost` or `gatepost_sdk`, or its path when it is a test."""

    name: str
    path: Path
    text: str
    tree: ast.Module

    @property
    def home(self) -> str:
        """The top-level module or package it is part of."""
        return self.name.partition(".")[0]


class Import(NamedTuple):
    """One imported module: below `gatepost` when it is `own`, else of the standard library or a dependency."""

    lineno: int
    name: str
    own: bool

    @property
    def home(self) -> str:
        """The top-level module or package it is part of."""
        return self.name.partition(".")[0]


@cache
def modules() -> tuple[Module, ...]:
    """Every module of the package."""
    return tuple(_parsed(path, PACKAGE) for path in sorted(PACKAGE.rglob("*.py")))


@cache
def sdk() -> tuple[Module, ...]:
    """Every module of the software development kit, which is a distribution of its own."""
    return tuple(_parsed(path, SDK) for path in sorted(SDK.rglob("*.py")))


@cache
def suite() -> tuple[Module, ...]:
    """Every module of the tests."""
    return tuple(_parsed(path, ROOT) for path in sorted((ROOT / "tests").rglob("*.py")))


def _parsed(path: Path, root: Path) -> Module:
    text = path.read_text()
    parts = path.relative_to(root).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
    return Module(name, path, text, ast.parse(text))


@cache
def nodes(module: Module) -> tuple[ast.AST, ...]:
    """All that its tree is made of."""
    return tuple(ast.walk(module.tree))


@cache
def imports(module: Module) -> tuple[Import, ...]:
    """What a module imports, wherever in it: at its head, in a function, for the type checker alone."""
    return tuple(_imports(module, {each.name for each in modules()}))


def _imports(module: Module, known: set[str]) -> Iterator[Import]:
    for node in nodes(module):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield _import(node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module.path}:{node.lineno} imports relatively"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                is_module = inner.removeprefix("gatepost.") in known
                yield _import(node.lineno, inner if is_module else node.module or "")


def _import(lineno: int, name: str) -> Import:
    if name == "gatepost":
        return Import(lineno, "__init__", True)
    return Import(lineno, name.removeprefix("gatepost."), name.startswith("gatepost."))


def definitions(module: Module) -> Iterator[Defined]:
    """Every function, method and class in a module."""
    return (node for node in nodes(module) if isinstance(node, Defined))


def assert_none(faults: Iterable[str]) -> None:
    """Fail with all the faults, one a line, if there are any."""
    found = list(faults)
    assert not found, "\n".join(["", *found])


def assert_same(found: Iterable[object], written: Iterable[object]) -> None:
    """Fail unless what is found in the source is what is written down, naming what is missing on either side."""
    there, listed = set(map(str, found)), set(map(str, written))
    assert_none(
        [
            *(f"is there, but not written down: {each}" for each in sorted(there - listed)),
            *(f"is written down, but not there: {each}" for each in sorted(listed - there)),
        ]
    )


def place(module: Module, node: ast.AST | Import) -> str:
    """Where something stands, for a message."""
    return f"{module.path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"
