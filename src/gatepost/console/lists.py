"""Lists: filters that live in the URL, cursors in place of page numbers, and the same rows as CSV.

A list never counts what it does not show: a page costs the same in an organization with ten apps and with a million.
"""

import base64
import csv
import io
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar
from urllib.parse import urlencode

import orjson

from gatepost.console.desk import Desk
from gatepost.store.browsing import Page
from gatepost.web.message import Header, Reply

T = TypeVar("T")

LIMIT = 50
EXPORT_LIMIT = 1000

_UNSAFE = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet reads as the beginning of a formula."""

Cell: TypeAlias = str | int | None


class Ask(NamedTuple):
    """Which part of a list is wanted: the filters that are set, and the cursor behind which it goes on."""

    filters: dict[str, str]
    after: str

    def get(self, name: str) -> str:
        """The value of a filter; empty when it is not set."""
        return self.filters.get(name, "")

    @property
    def cursor(self) -> Any:
        """Where the page before ended; None at the beginning, and for what was never a cursor of ours."""
        try:
            plain = base64.urlsafe_b64decode(self.after + "=" * (-len(self.after) % 4))
            # Nothing here is named with a NUL, and PostgreSQL takes none.
            return None if b"\\u0000" in plain else orjson.loads(plain)
        except ValueError:
            return None


class Listing(NamedTuple, Generic[T]):
    """A page of a list, with the links around it."""

    ask: Ask
    rows: list[T]
    first: str
    next: str
    export: str
    is_cut: bool


def read_ask(desk: Desk, names: Sequence[str]) -> Ask:
    """What the query asks for, of filters with these names."""
    query = desk.query
    return Ask({name: query[name].strip() for name in names if query.get(name, "").strip()}, query.get("after", ""))


def listing(ask: Ask, page: Page[T]) -> Listing[T]:
    """The page with its links, which keep the filters."""
    filters = urlencode(ask.filters)
    after = _render_cursor(page.next) if page.next is not None else ""
    return Listing(
        ask,
        page.rows,
        "?" + filters,
        "?" + urlencode({**ask.filters, "after": after}) if after else "",
        "?" + filters if filters else "",
        page.is_cut,
    )


def csv_reply(name: str, columns: Sequence[str], rows: AsyncIterator[Sequence[Cell]]) -> Reply:
    """All rows as CSV, sent as they are read: it takes the same memory however many there are. RFC 4180."""

    async def lines() -> AsyncIterator[bytes]:
        yield _csv_line(columns)
        async for row in rows:
            yield _csv_line(row)

    return download(name, b"text/csv; charset=utf-8", lines())


def download(name: str, media_type: bytes, pieces: AsyncIterator[bytes]) -> Reply:
    """What a browser saves as a file, in pieces."""

    async def more() -> bytes:
        gathered = b""
        async for piece in pieces:
            gathered += piece
            if len(gathered) > 32_768:
                break
        return gathered

    return Reply(200, (*_DOWNLOAD, (b"content-type", media_type)), b"", (attachment(name),), more)


def attachment(name: str) -> Header:
    """The header that makes a browser save an answer under this name."""
    return b"content-disposition", f'attachment; filename="{name}"'.encode()


async def each_row(read: Callable[[Any], Any]) -> AsyncIterator[Any]:
    """The rows of all pages of a list, from its beginning."""
    cursor = None
    while True:
        page = await read(cursor)
        for row in page.rows:
            yield row
        cursor = page.next
        if cursor is None:
            return


def _csv_line(row: Sequence[Cell]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow(_cell(each) for each in row)
    return line.getvalue().encode()


def _cell(value: Cell) -> Cell:
    return f"'{value}" if isinstance(value, str) and value.startswith(_UNSAFE) else value


def _render_cursor(cursor: Any) -> str:
    plain = orjson.dumps(cursor)
    return base64.urlsafe_b64encode(plain).rstrip(b"=").decode()


_DOWNLOAD: tuple[Header, ...] = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
