"""Imports go down only and neighbours are strangers: each part can be read, and changed, with those below it alone."""

import ast
import sys
from graphlib import TopologicalSorter

from .source import Module, assert_none, assert_same, imports, modules, nodes, place

FLOORS = (
    (
        "__init__",
        "base64url",
        "errors",
        "foreign_passwords",
        "light",
        "progress",
        "rates",
        "spreadsheet",
        "strict_json",
    ),
    (
        "records",
        "secrets",
        "certificates",
        "contrast",
        "passwords",
        "totp",
        "webauthn",
        "jose",
        "log",
        "files",
        "tally",
    ),
    ("oauth", "store", "web", "settings", "outbound", "mail"),
    ("flows",),
    ("ui",),
    ("endpoints", "pages", "console", "api"),
    ("opening", "watching"),
    ("wiring",),
    ("bench",),
    ("cli", "pytest_plugin"),
    ("__main__",),
)
"""From the cellar up. What stands beside each other must not know each other; inside a package modules may."""

OUTSIDE = {
    "apsw": {"store", "bench"},
    "argon2": {"passwords"},
    "bcrypt": {"foreign_passwords"},
    "cryptography": {"secrets", "certificates", "jose"},
    "gatepost_sdk": {"bench"},
    "fido2": {"webauthn"},
    "httptools": {"web", "outbound"},
    "jinja2": {"ui"},
    "joserfc": {"oauth"},
    "msgspec": {"api", "light"},
    "opentelemetry": {"endpoints"},
    "orjson": {"bench", "console", "endpoints", "flows", "jose", "oauth", "pages", "web", "webauthn"},
    "prometheus_client": {"endpoints"},
    "psycopg": {"store"},
    "pybase64": {"base64url"},
    "segno": {"pages"},
    "pytest": {"pytest_plugin"},
    "shtab": {"cli"},
    "tqdm": {"bench", "cli"},
    "uvicorn": {"web", "bench"},
}
"""Where each dependency is at home. One that spreads is one that can never be replaced."""

PURE = {
    *("base64", "binascii", "collections.abc", "functools", "hashlib", "hmac", "orjson", "re", "string", "typing"),
    *("calendar", "difflib", "unicodedata", "urllib.parse", "joserfc.errors", "joserfc.jwk", "joserfc.jws"),
}
"""What `oauth` may use that is not ours: nothing that knows the time, draws lots, opens or logs anything."""

IMPURE = {"new_id", "fresh_text", "seal", "generate"}
"""What `secrets` and `jose` offer that draws lots or reads the clock; `oauth` is handed the outcome instead."""

FLOOR_OF = {name: number for number, floor in enumerate(FLOORS) for name in floor}


def test_every_module_has_a_floor() -> None:
    assert_same((module.home for module in modules()), FLOOR_OF)


def test_imports_go_down_only() -> None:
    assert_none(
        f"{place(module, each)}: {module.home} imports {each.name}, which is not below it"
        for module in modules()
        for each in imports(module)
        if each.own and each.home != module.home and FLOOR_OF[each.home] >= FLOOR_OF[module.home]
    )


def test_modules_of_a_package_do_not_import_each_other_in_a_circle() -> None:
    graph = {module.name: _imported_at_start(module) for module in modules()}
    assert len(list(TopologicalSorter(graph).static_order())) >= len(graph)


def test_flows_know_no_http() -> None:
    assert_none(
        f"{place(module, each)} imports {each.name}"
        for module in modules()
        for each in imports(module)
        if module.home == "flows" and each.home in ("web", "http", "uvicorn", "httptools")
    )


def test_the_protocol_is_pure() -> None:
    allowed = PURE | {"base64url", "contrast", "errors", "light", "rates", "records", "secrets", "jose", "oauth"}
    assert_none(
        f"{place(module, each)} imports {each.name}"
        for module in modules()
        for each in imports(module)
        if module.home == "oauth" and (each.home if each.own else each.name) not in allowed
    )


def test_the_protocol_takes_chance_and_time_as_arguments() -> None:
    assert_none(
        f"{module.name} uses {name}"
        for module in modules()
        if module.home == "oauth"
        for name in IMPURE & _names(module)
    )


def test_each_dependency_stays_at_home() -> None:
    used = (
        f"{each.home} in {module.home}"
        for module in modules()
        for each in imports(module)
        if not each.own and each.home not in sys.stdlib_module_names
    )
    assert_same(used, (f"{package} in {home}" for package, homes in OUTSIDE.items() for home in homes))


def _imported_at_start(module: Module) -> set[str]:
    """What must be loaded before it can be: not what its functions import, nor what is for the type checker."""
    head: list[ast.stmt] = [node for node in module.tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    return {each.name for each in imports(module._replace(tree=ast.Module(head, []))) if each.own} - {module.name}


def _names(module: Module) -> set[str]:
    names = {node.id for node in nodes(module) if isinstance(node, ast.Name)}
    return names | {node.attr for node in nodes(module) if isinstance(node, ast.Attribute)}
