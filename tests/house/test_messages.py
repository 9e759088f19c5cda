"""What people read goes through gettext, and the catalogues of translations have all of it."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Message
from jinja2 import Environment

from gatepost.ui.rendering import LOCALES

from .source import PACKAGE, assert_none
from .write_messages import TRANSLATED, catalogue, po_path, render_mo, render_po

TEMPLATES = sorted((PACKAGE / "ui" / "templates").rglob("*.html"))

SAME_EVERYWHERE = {"Gatepost", "XXXX-XXXX"}
SHOWN = {"alt", "aria-label", "placeholder", "title"}
"""Attributes that people read or hear."""

PART = re.compile(r"%\([a-z_]+\)s|<[^>]*>")
PHYSICAL = re.compile(r"[\w-]*\b(?:left|right)\b[\w-]*")


@pytest.mark.parametrize("locale", TRANSLATED)
def test_the_catalogues_are_up_to_date(locale: str) -> None:
    current = catalogue(locale)
    assert po_path(locale).read_bytes() == render_po(current), "run `make docs`"
    assert po_path(locale).with_suffix(".mo").read_bytes() == render_mo(current), "run `make docs`"


def test_every_language_has_a_catalogue_and_no_other() -> None:
    assert {path.stem for path in po_path("en").parent.iterdir()} == set(TRANSLATED) == set(LOCALES) - {"en"}


@pytest.mark.parametrize("locale", TRANSLATED)
def test_a_translation_has_the_places_and_the_markup_of_its_text(locale: str) -> None:
    assert_none(
        f"{message.id!r} in {locale}: {form!r}"
        for message in catalogue(locale)
        if message.id
        for form in _forms(message.string)
        if form and sorted(PART.findall(form)) not in _allowed(message)
    )


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_word_goes_through_gettext(path: Path) -> None:
    """All that a template says outside of `trans` is no words."""
    found = _Words()
    found.feed("".join(_untranslated(path.read_text())))
    assert_none(f"{path.name}: {text}" for text in found.texts if text not in SAME_EVERYWHERE)


def test_the_style_knows_no_left_and_right() -> None:
    styles = sorted((PACKAGE / "endpoints" / "files").glob("*.css"))
    assert_none(f"{path.name}: {word}" for path in styles for word in PHYSICAL.findall(path.read_text()))


def _forms(text: Any) -> tuple[str, ...]:
    """The forms of a text, of which one that is counted has several."""
    return tuple(text) if isinstance(text, tuple | list) else (text or "",)


def _allowed(message: Message) -> list[list[str]]:
    """The parts that a translation may have. A form of a plural may say its number in words: "two days"."""
    allowed = [sorted(PART.findall(text)) for text in _forms(message.id)]
    return allowed + [[part for part in parts if part != "%(count)s"] for parts in allowed[1:]]


def _untranslated(template: str) -> Iterator[str]:
    """What a template writes as it stands, but for what is inside of `trans`."""
    is_translated = begins = False
    for _, kind, value in Environment(autoescape=True).lex(template):
        if kind == "block_begin":
            begins = True
        elif begins and kind == "name":
            is_translated = value == "trans" or (is_translated and value != "endtrans")
            begins = False
        elif kind == "data" and not is_translated:
            yield value


class _Words(HTMLParser):
    """Collects what has letters: between tags, and in attributes that people read."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.texts += re.findall(r"[^\W\d_][\w -]*", data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.texts += [value for name, value in attrs if name in SHOWN and value and re.search(r"[^\W\d_]", value)]
