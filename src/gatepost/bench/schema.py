"""A place for a bench's data on a database server: a schema of its own, in a database that may hold anything else."""

import contextlib
import os
from collections.abc import Iterator

from gatepost.errors import GatepostError
from gatepost.store.postgres.opening import connect, conninfo_of


@contextlib.contextmanager
def own_schema(url: str) -> Iterator[str]:
    """A URL that leads to a new, empty schema of the database, which is dropped with all that is in it at the end.

    Raises `invalid_configuration`, `temporarily_unavailable`.
    """
    if not url.startswith(("postgresql://", "postgres://")):
        raise GatepostError(
            "invalid_configuration",
            "The bench makes its own files, and a schema of its own on a database server.",
            fix="--data DIR for the files, --database postgresql://user@host/name for the server",
        )
    name = f"gatepost_bench_{os.urandom(4).hex()}"
    conninfo = conninfo_of(url)
    with contextlib.closing(connect(conninfo, deadline=0)) as connection:
        connection.execute(f"create schema {name}".encode())
    try:
        yield f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{name}"
    finally:
        with contextlib.closing(connect(conninfo, deadline=0)) as connection:
            connection.execute(f"drop schema {name} cascade".encode())
