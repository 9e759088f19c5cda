"""What is known of the tables from the migrations is what the databases have."""

from gatepost.store.question import SQL, Steps, question
from gatepost.store.tables import tables

from .conftest import Database, Engine

COLUMNS = {
    "sqlite": "select name from pragma_table_info(?) order by cid",
    "postgres": "select column_name::text from information_schema.columns where table_name = ? order by ordinal_position",
}
NAMES = {
    "sqlite": "select name from sqlite_schema where type = 'table' and name <> 'schema_version'",
    "postgres": """select tablename::text from pg_tables where schemaname = 'public'
        and tablename not in ('commits', 'schema_version')""",
}


@question
def ask(text: str, *params: str) -> Steps[list[str]]:
    return [row[0] for row in (yield SQL(text, params))]


async def test_tables_and_columns_are_those_of_the_database(engine: Engine, database: Database) -> None:
    store = database.open()
    known = {table.name: list(table.columns) for table in tables()}
    assert set(await store.read(ask(NAMES[engine.name]))) == set(known)
    for name, columns in known.items():
        assert await store.read(ask(COLUMNS[engine.name], name)) == columns, name
