"""The schema and the questions' text: what must hold so that every engine, and a distributed one, can carry them."""

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import gatepost.store
from gatepost.store.migrating import prepare
from gatepost.store.migrations import MIGRATIONS, NEWEST
from gatepost.store.question import SQL, Steps, question
from gatepost.store.tables import tables

from .test_isolation import ACROSS, PROBES

FOLDER = Path(gatepost.store.__file__).parent
ENGINES = ("engines", "sqlite", "postgres")
OF_ENGINES = ("conftest.py", "test_sqlite*.py", "test_postgres*.py")
TEXTS = [path for path in sorted(FOLDER.glob("*.py")) if path.stem.partition("_")[0] not in ENGINES]
SMALL = {"apps", "app_secrets", "app_uses", "revocations", "spent"}
"""Tables that stay small where millions are connected."""

OLDER = {"grants_by_session"}
"""Indexes from before the rule."""

OF_ONE_ENGINE = re.compile(
    r"autoincrement|rowid|pragma|sqlite|postgres|serial|glob |ifnull|strftime|now\(\)|::|nextval|advisory",
    re.IGNORECASE,
)


@question
def _sample() -> Steps[None]:
    yield SQL("select 1")


def questions() -> dict[str, Callable[..., Any]]:
    """Every public question in the store's modules, by name."""
    found: dict[str, Callable[..., Any]] = {}
    for module in pkgutil.iter_modules([str(FOLDER)]):
        names = vars(importlib.import_module(f"gatepost.store.{module.name}"))
        found |= {
            name: each
            for name, each in names.items()
            if getattr(each, "__code__", None) is _sample.__code__ and not name.startswith("_")
        }
    return found


def statements(path: Path) -> Iterator[str]:
    """Every text in a module but its docstrings."""
    tree = ast.parse(path.read_text())
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.value


def test_every_table_is_found() -> None:
    made = sum(text.startswith("create table") for migration in MIGRATIONS for text in migration.statements)
    assert made == len(tables()) > 10


@pytest.mark.parametrize("table", tables(), ids=lambda table: table.name)
def test_org_leads_every_primary_key(table: Any) -> None:
    assert table.key[0] == "org"


def test_org_leads_the_key_of_the_record_of_migrations() -> None:
    statement = next(iter(prepare({"bytes": "blob", "text": "text", "table": ""})))
    assert "primary key (org, version)" in statement.text


def test_migrations_are_numbered_without_a_gap() -> None:
    assert [migration.number for migration in MIGRATIONS] == list(range(1, NEWEST + 1))


def test_no_migration_holds_up_who_writes_to_a_large_table() -> None:
    """It adds what costs the rows there are nothing; an index on a table from before it is one of its `indexes`.

    What it carries over goes into tables that it makes, or that are small.
    """
    for migration in MIGRATIONS:
        made = {text.split()[2] for text in migration.statements if text.startswith("create table")}
        for text in migration.statements:
            if index := re.match(r"create index (\w+) on (\w+) ", text):
                assert index[2] in made | SMALL or index[1] in OLDER, text
            elif carried := re.match(r"insert into (\w+) ", text):
                assert carried[1] in made | SMALL, text
            else:
                assert re.match(
                    r"create table|drop index|alter table \w+ add column \w+ \S+( not null default \S+)?$", text
                )
        added = {text.split()[5] for text in migration.statements if text.startswith("alter table")}
        for index_text in migration.indexes:
            assert not added & set(re.findall(r"\w+", index_text)), "its columns come with the migration before"


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_no_statement_is_of_one_engine(path: Path) -> None:
    assert [text for text in statements(path) if OF_ONE_ENGINE.search(text)] == []


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_no_question_knows_an_engine(path: Path) -> None:
    imported = {
        name.name if isinstance(node, ast.Import) else f"{node.module}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in node.names
    }
    assert not [name for name in imported if re.search(r"apsw|asyncpg|psycopg|sqlite|postgres|oauth", name)]


def test_contract_tests_know_no_engine() -> None:
    ours = [path for path in Path(__file__).parent.glob("*.py") if not any(map(path.match, OF_ENGINES))]
    imports = re.compile(r"^(from|import) .*(apsw|store\.(sqlite|postgres))", re.MULTILINE)
    assert [path.name for path in ours if imports.search(path.read_text())] == []


def test_every_question_is_probed_across_organizations() -> None:
    """A new question goes into PROBES, or with its reason into ACROSS (test_isolation.py)."""
    assert questions().keys() == PROBES.keys() | ACROSS.keys()


@pytest.mark.parametrize("name", sorted(PROBES))
def test_org_comes_first(name: str) -> None:
    first = next(iter(inspect.signature(questions()[name]).parameters))
    assert first in ("org", "app", "key"), "a question takes the organization first, or a record that names it first"


def test_every_question_has_a_behaviour_test() -> None:
    trees = [ast.parse(path.read_text()) for path in Path(__file__).parent.glob("test_questions*.py")]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    asked = {node.func.id for node in calls if isinstance(node.func, ast.Name)}
    assert questions().keys() - asked == set()
