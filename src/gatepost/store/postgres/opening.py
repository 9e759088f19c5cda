"""How a connection to the database is opened: from its URL to one that is ready for questions."""

from itertools import zip_longest
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from gatepost.errors import GatepostError, StoreUnavailableError
from gatepost.store.postgres import mark

CONNECT_SECONDS = 2

APPLICATION = "gatepost"
"""What our connections are called in the server's own list."""

_DEFAULTS = {
    "application_name": APPLICATION,
    "connect_timeout": str(CONNECT_SECONDS),
    "gssencmode": "disable",
    # A peer that vanished without a word is noticed even by a connection that only listens.
    "keepalives_idle": "10",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "2000",
}

_SESSION = """set client_encoding = 'UTF8'; set default_transaction_isolation = 'read committed';
    set join_collapse_limit = 1; set jit = off;
    set statement_timeout = {deadline_ms}; set lock_timeout = 700; set idle_in_transaction_session_timeout = 3000;
    select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'"""
"""How long the server lets one of our statements run, wait for a row, or leave a transaction open: it frees what we left
behind. An acknowledged write is durable, whatever the database's own default says.

Joins are made in the order in which they are written, each from what is known to what it names: to weigh all orders of nine
tables takes 2 ms to 5 ms, each time, where a limit keeps PostgreSQL from keeping a plan. To compile one takes ten times that.
"""


def conninfo_of(url: str) -> str:
    """How libpq is told of the database: the URL's own parameters, and ours where it says nothing.

    Raises `invalid_configuration`.
    """
    return make_conninfo(**(_DEFAULTS | _params(url)))


def shown(url: str) -> str:
    """The database's URL as people see it: where, and which, and nothing else. Raises `invalid_configuration`."""
    params = _params(url)
    hosts = params.get("host", "").split(",")
    ports = params.get("port", "").split(",")
    places = ",".join(
        f"{host}:{port}" if port else host for host, port in zip_longest(hosts, ports, fillvalue=ports[0])
    )
    return f"postgresql://{places}/{params.get('dbname', '')}"


def _params(url: str) -> dict[str, Any]:
    try:
        return {name: str(value) for name, value in conninfo_to_dict(url).items()}
    except psycopg.ProgrammingError:
        # libpq's own words may quote the URL, and with it a password.
        raise GatepostError(
            "invalid_configuration",
            "The database's URL cannot be read, or has a parameter that libpq does not know.",
            fix="postgresql://user@host:5432/name; characters such as @ or / in a password are percent-encoded",
        ) from None


class Opened(psycopg.Connection[Any]):
    """A connection that ends when nobody holds it any more: an event loop may end while one is being opened for it."""

    keeps_marks = False
    """Whether the database has the table for marks."""

    def __del__(self, *_: object) -> None:
        if hasattr(self, "pgconn"):
            self.pgconn.finish()


def connect(conninfo: str, deadline: float) -> Opened:
    """A connection, ready for questions of so many seconds at most; waits for it here, without holding up other threads.

    Raises `temporarily_unavailable`.
    """
    try:
        connection = Opened.connect(conninfo, autocommit=True)
        connection.execute(_SESSION.format(deadline_ms=int(deadline * 1000)).encode())
        connection.keeps_marks = connection.execute(mark.EXISTS.text.encode()).fetchall() == [(True,)]
    except psycopg.Error as fault:
        raise StoreUnavailableError(
            " ".join(str(fault).split()), "Gatepost cannot reach its database right now. Try again in a moment."
        ) from None
    return connection
