"""The software development kit stands on its own: no server, one dependency, and a framework only where it is asked for."""

import ast
import subprocess
import sys
from collections.abc import Iterator

from .source import Defined, Module, assert_none, assert_same, imports, place, sdk

FLOORS = (
    ("errors", "flight", "fetch", "jws", "secret"),
    ("token", "keys", "proofs"),
    ("rates", "revocations", "dpop", "webhooks"),
    ("claims",),
    ("verifier", "stores"),
    ("guard", "endpoint", "session", "__init__"),
    ("asgi", "wsgi", "flask", "django", "fastmcp", "login", "testing"),
    ("fastapi", "client"),
)
"""From the cellar up, as in `test_imports`."""

OUTSIDE = {
    "asgiref": {"django"},
    "cryptography": {"dpop", "jws", "testing"},
    "django": {"django"},
    "fastapi": {"fastapi"},
    "fastmcp": {"fastmcp"},
    "flask": {"flask"},
    "keyring": {"stores"},
    "pydantic": {"fastmcp"},
    "starlette": {"fastapi", "fastmcp"},
}
"""Where each package of others is at home. Only `cryptography` is a dependency; the others are what users have anyway."""

SHAPES = {"NamedTuple", "Protocol", "TypedDict"}

FOR_USERS = {
    "token",
    "dpop",
    "verifier",
    "guard",
    "asgi",
    "wsgi",
    "fastapi",
    "flask",
    "django",
    "fastmcp",
    "stores",
    "client",
    "testing",
    "webhooks",
}
"""The modules that users import from; every name that they offer has an example, which `tests/sdk/test_examples.py` runs."""

FLOOR_OF = {name: number for number, floor in enumerate(FLOORS) for name in floor}

LOADED = """
import sys
import gatepost_sdk
stdlib = sys.stdlib_module_names
print(*sorted({name.partition(".")[0] for name in sys.modules} - {*stdlib, "__main__"}))
"""


def test_every_module_has_a_floor() -> None:
    assert_same((module.home for module in sdk()), FLOOR_OF)


def test_imports_go_down_only() -> None:
    assert_none(
        f"{place(module, each)}: {module.home} imports {name}, which is not below it"
        for module in sdk()
        for each in imports(module)
        if each.home == "gatepost_sdk"
        for name in [each.name.partition(".")[2].partition(".")[0] or "__init__"]
        if name != module.home and FLOOR_OF[name] >= FLOOR_OF[module.home]
    )


def test_nothing_of_the_server_is_imported() -> None:
    assert_none(f"{place(module, each)}" for module in sdk() for each in imports(module) if each.own)


def test_each_package_of_others_stays_at_home() -> None:
    used = (
        f"{each.home} in {module.home}"
        for module in sdk()
        for each in imports(module)
        if each.home not in ("gatepost_sdk", *sys.stdlib_module_names)
    )
    assert_same(used, (f"{package} in {home}" for package, homes in OUTSIDE.items() for home in homes))


def test_importing_it_loads_nothing_of_the_server_and_no_framework() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, timeout=60, check=True)
    assert not {"gatepost", "httpx", "httpx2", *OUTSIDE} & set(done.stdout.split()) - {"cryptography"}


def test_what_users_call_has_an_example() -> None:
    assert_none(
        f"{place(module, node)} {node.name}"
        for module in sdk()
        if module.name in FOR_USERS
        for node in _offered(module)
        if ">>>" not in (ast.get_docstring(node) or "")
    )


def _offered(module: Module) -> Iterator[Defined]:
    """Functions, classes and their methods without an underscore before their name; not the shapes that others have."""
    for node in module.tree.body:
        if isinstance(node, Defined) and not node.name.startswith("_") and not _is_protocol(node):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from (each for each in node.body if isinstance(each, Defined) and _is_method(each))


def _is_protocol(node: Defined) -> bool:
    bases = node.bases if isinstance(node, ast.ClassDef) else []
    return any(isinstance(each, ast.Name) and each.id in SHAPES for each in bases)


def _is_method(node: Defined) -> bool:
    return not node.name.startswith("_") and not any(
        isinstance(each, ast.Name) and each.id == "property" for each in node.decorator_list
    )
