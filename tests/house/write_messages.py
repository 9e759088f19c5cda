"""The catalogues of translations, kept in step with the texts of the pages. `make docs` runs it.

English is in the source. Every other language has a `.po` file, which translators edit, and beside it the `.mo` file that
is read by the server and made from it here. A text that is new comes in without a translation, and shows in English until
it has one; a text that is gone goes.
"""

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from gatepost.flows.event_words import A_KEY, ACTORS, AN_APP, OTHER, SENTENCES, THE_ORG
from gatepost.ui.rendering import LOCALES

from .source import PACKAGE

ROOMS = ("ui", "pages", "console")
"""Where texts are that people see."""

TRANSLATED = tuple(LOCALES)[1:]

_METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
_OPTIONS = {"templates/**.html": {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}}
_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "GatepostError": (2,)}
"""What pages refuse with is shown to people, so it is a text of theirs."""

_LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
"""The date in the files: nobody reads it, and it must not differ each time."""


def po_path(locale: str) -> Path:
    """Where the translations of a language are edited."""
    return PACKAGE / "ui" / "locales" / f"{locale}.po"


def catalogue(locale: str) -> Catalog:
    """Every text of the pages, with its translation if the file of the language has one."""
    fresh = Catalog(
        locale,
        header_comment=f"# {LOCALES[locale]}. Edit the translations; `make docs` writes everything else.",
        project="Gatepost",
        fuzzy=False,
        creation_date=_LONG_AGO,
        revision_date=_LONG_AGO,
    )
    path = po_path(locale)
    known = read_po(io.BytesIO(path.read_bytes()), locale) if path.exists() else Catalog(locale)
    for text, comments in _texts():
        before = known.get(text if isinstance(text, str) else text[0])
        fresh.add(text, before.string if before and before.id == text else None, auto_comments=comments)
    return fresh


def _texts() -> Iterator[tuple[Any, list[str]]]:
    """Every text of the rooms and every sentence of an event, with what is said of it to translators."""
    for text in (*SENTENCES.values(), *ACTORS.values(), AN_APP, A_KEY, THE_ORG, OTHER):
        yield text, ["Translators: An event, or who acted in it."]
    for room in ROOMS:
        found = extract_from_dir(PACKAGE / room, _METHODS, _OPTIONS, _KEYWORDS, ("Translators:",))
        yield from ((text, comments) for _, _, text, comments, _ in found)


def render_po(messages: Catalog) -> bytes:
    """The file that translators edit: sorted, and without line numbers, so that it changes when a text does and not else."""
    file = io.BytesIO()
    write_po(file, messages, no_location=True, sort_output=True, width=120)
    return file.getvalue()


def render_mo(messages: Catalog) -> bytes:
    """The file that the server reads."""
    file = io.BytesIO()
    write_mo(file, messages)
    return file.getvalue()


if __name__ == "__main__":
    for language in TRANSLATED:
        current = catalogue(language)
        po_path(language).write_bytes(render_po(current))
        po_path(language).with_suffix(".mo").write_bytes(render_mo(current))
