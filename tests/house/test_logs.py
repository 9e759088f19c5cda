"""What may be logged: a sentence that never changes, and the fields that `log.py` names. So no secret slips in with either."""

import ast
from collections.abc import Iterator

from gatepost.log import FIELDS

from .source import Module, assert_none, assert_same, modules, nodes, place

LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


def test_a_log_line_is_a_sentence_and_named_fields() -> None:
    assert_none(fault for module in modules() for call in _calls(module) for fault in _faults(module, call))


def test_every_field_is_logged_somewhere() -> None:
    assert_same((field for module in modules() for call in _calls(module) for field in _fields(call)), FIELDS)


def _calls(module: Module) -> Iterator[ast.Call]:
    for node in nodes(module):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of = node.func.value
            if isinstance(of, ast.Name) and of.id in ("log", "logging") and node.func.attr in LEVELS | {"log"}:
                yield node


def _faults(module: Module, call: ast.Call) -> Iterator[str]:
    assert isinstance(call.func, ast.Attribute)
    message, *more = call.args[1:] if call.func.attr == "log" else call.args
    if more or not isinstance(message, ast.Constant):
        yield f"{place(module, call)} puts values into its message"
    if any(keyword.arg not in ("extra", "exc_info") for keyword in call.keywords):
        yield f"{place(module, call)} passes more than extra"
    for field in _fields(call):
        if field not in FIELDS:
            yield f"{place(module, call)} logs {field}"


def _fields(call: ast.Call) -> Iterator[str]:
    for keyword in call.keywords:
        if keyword.arg == "extra":
            assert isinstance(keyword.value, ast.Dict)
            for name in keyword.value.keys:
                assert isinstance(name, ast.Constant)
                yield str(name.value)
