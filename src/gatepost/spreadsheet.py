"""Lines of CSV whose cells a spreadsheet takes for text, whatever strangers put into them. RFC 4180, OWASP "CSV Injection"."""

import csv
import io
import re
from collections.abc import Sequence
from typing import TypeAlias

Cell: TypeAlias = str | int | None

_FORMULA = re.compile(r"""(^|;)(?=[\s"]*[=+@-]|[\t\r])""")
"""Where one would begin: with the cell, or behind a semicolon, which ends cells where the comma is a decimal point."""


def render_line(row: Sequence[Cell]) -> str:
    """A line, with its end."""
    line = io.StringIO()
    csv.writer(line).writerow(map(_text, row))
    return line.getvalue()


def _text(cell: Cell) -> Cell:
    return _FORMULA.sub(r"\1'", cell) if isinstance(cell, str) else cell
