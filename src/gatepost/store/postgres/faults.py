"""What PostgreSQL refuses, and what that means for whoever asked: again, not now, or never."""

import psycopg
from psycopg import pq

_CATALOGUE = "pg_catalog"


class StatementError(Exception):
    """A statement failed. `sqlstate` is empty when the connection went before the answer came."""

    def __init__(self, sqlstate: str, message: str, schema: str = "") -> None:
        super().__init__(f"{sqlstate} {message}".strip())
        self.sqlstate = sqlstate
        self.message = message
        self.schema = schema

    @property
    def passes(self) -> bool:
        """Whether the same question may well succeed if it is asked again at once: it lost against a neighbour.

        Two who make the same table at once meet in the catalogue; the second finds it made when it asks again.
        """
        return self.sqlstate in _PASSING or (self.sqlstate == "23505" and self.schema == _CATALOGUE)

    @property
    def is_refusal(self) -> bool:
        """Whether the database is unable now, whatever is asked: full, or broken."""
        return self.sqlstate[:2] in ("53", "58")

    @property
    def is_of_server(self) -> bool:
        """Whether new connections may do better, as these lead to a server that only reads: a failover made another write."""
        return self.sqlstate == "25006"

    def to_raise(self) -> Exception:
        """The exception for a statement that is wrong in itself."""
        try:
            return psycopg.errors.lookup(self.sqlstate)(self.message)
        except KeyError:
            return psycopg.DatabaseError(f"{self.sqlstate} {self.message}")


class LostError(StatementError):
    """The connection is gone. Whether a commit on its way arrived is not known."""

    def __init__(self, message: str) -> None:
        super().__init__(sqlstate="", message=message)


_PASSING = frozenset(
    {
        "",  # the connection was lost
        "skipped",  # a neighbour in the same pipeline failed before its turn
        "40001",  # serialization_failure
        "40P01",  # deadlock_detected
        "55P03",  # lock_not_available
        "42P07",  # duplicate_table
        "42710",  # duplicate_object: the type of the same table
        "25006",  # read_only_sql_transaction
        "26000",  # the statement's preparation failed for a neighbour
        "57014",  # query_canceled: it took too long
        "0A000",  # a cached plan from before a migration
    }
)


def fault_of(result: pq.abc.PGresult) -> StatementError:
    """The fault that a result tells of; one that ended the connection is LostError."""

    def field(which: pq.DiagnosticField) -> str:
        return (result.error_field(which) or b"").decode("utf-8", "replace")

    if result.status == pq.ExecStatus.PIPELINE_ABORTED:
        return StatementError("skipped", "a statement before it failed")
    message = field(pq.DiagnosticField.MESSAGE_PRIMARY) or result.get_error_message()
    if field(pq.DiagnosticField.SEVERITY_NONLOCALIZED) in ("FATAL", "PANIC", ""):
        return LostError(message)
    return StatementError(field(pq.DiagnosticField.SQLSTATE), message, field(pq.DiagnosticField.SCHEMA_NAME))
