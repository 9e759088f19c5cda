"""Values on their way to PostgreSQL and back, in its binary format, so that both engines answer the same.

Bytes, text, whole numbers and null are all there is. A comparison answers 1 or 0, as it does in SQLite.
"""

import re
from functools import lru_cache
from itertools import count

from psycopg import pq
from psycopg.abc import Buffer
from psycopg.adapt import AdaptersMap, Loader, Transformer
from psycopg.types.numeric import Int2BinaryLoader, Int4BinaryLoader, Int8BinaryLoader
from psycopg.types.string import ByteaBinaryLoader, TextBinaryLoader

from gatepost.store.question import Row, Value

BINARY = pq.Format.BINARY

_BYTEA, _BOOL, _INT8, _INT2, _INT4, _TEXT, _VARCHAR, _UNKNOWN = 17, 16, 20, 21, 23, 25, 1043, 0

_OIDS: dict[type, int] = {bytes: _BYTEA, str: _TEXT, int: _INT8, bool: _INT8, type(None): _UNKNOWN}
"""The type that a parameter is declared to have. What null stands for is left to the place where it stands."""


class _Truth(Loader):
    """A boolean as 1 or 0."""

    format = BINARY

    def load(self, data: Buffer) -> int:
        return data[0]


class _Known:
    """The types that a question may answer, and no others."""

    connection = None

    def __init__(self) -> None:
        self.adapters = AdaptersMap()
        for oid, loader in (
            (_BYTEA, ByteaBinaryLoader),
            (_BOOL, _Truth),
            (_INT2, Int2BinaryLoader),
            (_INT4, Int4BinaryLoader),
            (_INT8, Int8BinaryLoader),
            (_TEXT, TextBinaryLoader),
            (_VARCHAR, TextBinaryLoader),
        ):
            self.adapters.register_loader(oid, loader)


_KNOWN = _Known()


class Loading:
    """Reads results. One for each connection, as it remembers what it met."""

    def __init__(self) -> None:
        self._transformer = Transformer(_KNOWN)

    def rows(self, result: pq.abc.PGresult) -> list[Row]:
        """The rows of a result. Raises InterfaceError for a type that no question answers: cast it."""
        self._transformer.set_pgresult(result, set_loaders=True, format=BINARY)
        return self._transformer.load_rows(0, result.ntuples, tuple)


@lru_cache(maxsize=2048)
def numbered(text: str) -> bytes:
    """A statement with its `?` numbered `$1`, `$2`, … No question quotes a question mark."""
    number = count(1)
    return re.sub(r"\?", lambda _: f"${next(number)}", text).encode()


def declared(params: tuple[Value, ...]) -> tuple[int, ...]:
    """The types of the parameters, as PostgreSQL numbers them."""
    return tuple([_OIDS[type(value)] for value in params])


def dump(params: tuple[Value, ...]) -> list[bytes | None]:
    """The parameters as they travel. Raises OverflowError for a number of more than 64 bits."""
    return [
        value
        if value is None or isinstance(value, bytes)
        else value.encode()
        if isinstance(value, str)
        else value.to_bytes(8, "big", signed=True)
        for value in params
    ]
