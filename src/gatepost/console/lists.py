"""Lists: filters that live in the URL, cursors in place of page numbers, and the same rows as CSV.

A list never counts what it does not show: a page costs the same in an organization with ten apps and with a million.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import urlencode

import orjson

from gatepost.console.desk import Desk
from gatepost.secrets import CURSOR
from gatepost.spreadsheet import Cell, render_line
from gatepost.store.browsing import Page
from gatepost.web.message import Header, Reply

T = TypeVar("T")

LIMIT = 50
EXPORT_LIMIT = 1000


class Ask(NamedTuple):
    """Which part of a list is wanted: the filters that are set, and the cursor behind which it goes on.

    `cursor` is what `after` seals: where the page before ended. It is None at the beginning, and for what was never a cursor
    of this list and person.
    """

    filters: dict[str, str]
    after: str = ""
    cursor: Any = None

    def get(self, name: str) -> str:
        """The value of a filter; empty when it is not set."""
        return self.filters.get(name, "")


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
    filters = {name: query[name].strip() for name in names if query.get(name, "").strip()}
    plain = desk.keyring.unseal_text(CURSOR, query.get("after", ""))
    bound, _, cursor = (plain or b"").partition(b"\n")
    is_ours = bound == _bound(desk)
    return Ask(filters, query["after"], orjson.loads(cursor)) if is_ours else Ask(filters)


def listing(desk: Desk, ask: Ask, page: Page[T]) -> Listing[T]:
    """The page with its links, which keep the filters."""
    filters = urlencode(ask.filters)
    following = ""
    if page.next is not None:
        after = desk.keyring.seal_text(CURSOR, _bound(desk) + b"\n" + orjson.dumps(page.next))
        following = "?" + urlencode({**ask.filters, "after": after})
    return Listing(ask, page.rows, "?" + filters, following, "?" + filters if filters else "", page.is_cut)


def _bound(desk: Desk) -> bytes:
    """A cursor is good for whoever got it, for the same list: the path names the organization."""
    return f"{desk.session.user_id.hex()} {desk.visit.request.path}".encode()


async def export(
    name: str,
    columns: Sequence[str],
    read: Callable[[Any, int], Awaitable[Page[T]]],
    row: Callable[[T], Sequence[Cell]],
) -> Reply:
    """The whole list as CSV. `read` answers the page behind a cursor; it is asked once before, so it may still refuse."""
    await read(None, 1)

    async def rows() -> AsyncIterator[Sequence[Cell]]:
        async for each in each_row(read):
            yield row(each)

    return _csv_reply(name, columns, rows())


def _csv_reply(name: str, columns: Sequence[str], rows: AsyncIterator[Sequence[Cell]]) -> Reply:
    """All rows as CSV, sent as they are read: it takes the same memory however many there are. RFC 4180."""

    async def lines() -> AsyncIterator[bytes]:
        yield render_line(columns).encode()
        async for row in rows:
            yield render_line(row).encode()

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


async def each_row(read: Callable[[Any, int], Awaitable[Page[T]]]) -> AsyncIterator[T]:
    """The rows of all pages of a list, from its beginning."""
    cursor = None
    while True:
        page = await read(cursor, EXPORT_LIMIT)
        for each in page.rows:
            yield each
        cursor = page.next
        if cursor is None:
            return


_DOWNLOAD: tuple[Header, ...] = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
