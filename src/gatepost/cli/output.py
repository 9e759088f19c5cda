"""How results are shown: one JSON document for programs, aligned columns and sentences for people."""

import json
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any


def show(as_json: bool, document: Any, sentence: str) -> None:
    """One result: the document for programs, the sentence for people."""
    print(json.dumps(document) if as_json else sentence)


def show_list(as_json: bool, rows: Sequence[dict[str, Any]], empty: str) -> None:
    """A list: an array for programs, a table for people, and a way on when it is empty."""
    if as_json:
        print(json.dumps(list(rows)))
    elif rows:
        print(render_table(rows))
    else:
        say(empty)


def render_table(rows: Sequence[dict[str, Any]]) -> str:
    """Aligned columns, as wide as the terminal allows."""
    names = list(rows[0])
    cells = [[name.replace("_", " ").upper() for name in names]]
    cells += [[_cell(row[name]) for name in names] for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        lines = [line if len(line) <= width else line[: width - 1] + "…" for line in lines]
    return "\n".join(lines)


def say(text: str) -> None:
    """Talk: to standard error."""
    print(text, file=sys.stderr)


def instant(seconds: int | None) -> str | None:
    """An instant as ISO 8601, UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _cell(value: object) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
