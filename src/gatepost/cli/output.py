"""How results are shown: one JSON document for programs, aligned columns and sentences for people."""

import contextlib
import json
import shutil
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from gatepost.errors import GatepostError
from gatepost.progress import Progress

NARROWEST = 10
"""What a cut column is left with, at least: less would say nothing."""


def show(as_json: bool, document: Any, sentence: str) -> None:
    """One result: the document for programs, the sentence for people."""
    print(json.dumps(document) if as_json else sentence)


def show_list(as_json: bool, rows: Sequence[dict[str, Any]], empty: str, columns: Sequence[str] = ()) -> None:
    """A list: an array for programs, a table of these columns (or all) for people, and a way on when it is empty."""
    if as_json:
        print(json.dumps(list(rows)))
    elif rows:
        room = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        print(render_table([{name: row[name] for name in columns or row} for row in rows], room))
    else:
        say(empty)


def show_error(as_json: bool, error: GatepostError) -> None:
    """What is wrong, why, and how to mend it; for programs the same as JSON on standard output."""
    if as_json:
        print(json.dumps({"error": error.code, "message": error.description, "fix": error.fix, **error.extra}))
    say(printable(f"error[{error.code}]: {error.description}"))
    for label, text in (("why", error.detail), ("fix", error.fix)):
        if text:
            say(printable(f"  {label}: {text}"))


def render_table(rows: Sequence[dict[str, Any]], room: int | None = None) -> str:
    """Aligned columns. With `room`, the widest are cut until a line has it; the first, which is the id, never is.

    Where there is too little room for that, each row is shown by itself, a line for each field.
    """
    names = list(rows[0])
    cells = [[name.replace("_", " ").upper() for name in names]]
    cells += [[_cell(row[name]) for name in names] for row in rows]
    widths = [max(_width(line[column]) for line in cells) for column in range(len(names))]
    if room is not None:
        widths = _fitted(widths, room)
        if _total(widths) > room:
            return "\n\n".join(map(render_fields, rows))
    return "\n".join("  ".join(map(_padded, line, widths)).rstrip() for line in cells)


def render_fields(document: dict[str, Any]) -> str:
    """One thing, a line for each of its fields."""
    names = {name: name.replace("_", " ") for name in document}
    widest = max(map(_width, names.values()), default=0)
    return "\n".join(f"{_padded(names[name], widest)}  {_cell(value)}" for name, value in document.items())


def say(text: str) -> None:
    """Talk: to standard error."""
    print(text, file=sys.stderr)


def printable(text: str) -> str:
    """The text without the power to move a cursor, change a colour or hide anything: such characters are escaped."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


@contextlib.contextmanager
def progress(what: str, *, is_hidden: bool = False) -> Iterator[Progress]:
    """A line that says how far work is, on a terminal and past its first second alone.

    Yields the function to tell: how much is done, and of how much if that is known.
    """
    from tqdm import tqdm

    with tqdm(desc=what, delay=1, disable=is_hidden or None, unit="", unit_scale=True, leave=False) as line:

        def advance(done: int, total: int | None) -> None:
            line.total = total
            line.update(done - line.n)

        yield advance


def instant(seconds: int | None) -> str | None:
    """An instant as ISO 8601, UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _cell(value: object) -> str:
    if value is None or value in ("", [], ()):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return printable(" ".join(map(str, value)) if isinstance(value, list | tuple) else str(value))


def _width(text: str) -> int:
    """The columns that a text takes on a terminal: two for a wide character, none for a mark on the one before."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(character: str) -> int:
    return 0 if unicodedata.combining(character) else 1 + (unicodedata.east_asian_width(character) in "WF")


def _fitted(widths: list[int], room: int) -> list[int]:
    fitted = list(widths)
    while _total(fitted) > room and len(fitted) > 1:
        widest = max(range(1, len(fitted)), key=fitted.__getitem__)
        if fitted[widest] <= NARROWEST:
            break
        fitted[widest] -= 1
    return fitted


def _total(widths: list[int]) -> int:
    return sum(widths) + 2 * (len(widths) - 1)


def _padded(text: str, width: int) -> str:
    if _width(text) > width:
        while _width(text) >= width:
            text = text[:-1]
        text += "…"
    return text + " " * (width - _width(text))
