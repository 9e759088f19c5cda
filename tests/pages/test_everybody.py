"""Every page can be used by everybody: judged by axe, without a mouse, enlarged, on a small phone, in the dark, in Arabic."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, ViewportSize

from . import console_gallery, gallery, ways
from .conftest import OpenVisitor
from .console_gallery import CONSOLE
from .judge import FAULTS, NAMELESS, OUTSIDE, axe
from .visitor import Visitor, Who
from .ways import SMALL, WIDE

pytestmark = pytest.mark.xdist_group("pages")

PAGES = gallery.PAGES | {name: row.way for name, row in CONSOLE.items()}
SHOWN_ONCE = gallery.SHOWN_ONCE | console_gallery.SHOWN_ONCE
WHO = {
    "somebody": gallery.FOR_SOMEBODY | console_gallery.FOR_SOMEBODY,
    "of_beta": gallery.FOR_BETA | console_gallery.FOR_BETA,
    "of_two": console_gallery.FOR_TWO,
}
"""For whom a page is shown, if not for the owner of the demo organization."""

HALF: ViewportSize = {"width": 640, "height": 400}
"""What is left of a usual window at 200 %."""

MAX_BYTES = 20_000
LONGER = {"api": 3} | dict.fromkeys(CONSOLE, 3)
"""A page to look something up in may be longer, by so much."""

MAX_SCRIPT_BYTES = 2_000

# Where a person without a mouse has to get. Where they are from then on, if it can be seen, is noted.
STOPS = f"""() => {{ {ways.STOPS}
  window.seen = [];
  addEventListener("focusin", ({{ target }}) => {{
    const {{ outlineStyle, outlineWidth }} = getComputedStyle(target);
    const isSeen = outlineStyle !== "none" && parseFloat(outlineWidth) >= 1;
    seen.push(isSeen ? stops.indexOf(target) : -1);
  }});
  return stops.map((each) => each.outerHTML.slice(0, 200));
}}"""

WEIGHT = """() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
  .map((each) => [each.name, each.transferSize])"""


@pytest.fixture
def shown(name: str, open_visitor: OpenVisitor, owner: Who, request: pytest.FixtureRequest) -> Visitor:
    """A visitor who sees the page of this name."""
    who = next((request.getfixturevalue(fixture) for fixture, names in WHO.items() if name in names), owner)
    visitor = open_visitor(who, viewport=WIDE)
    PAGES[name](visitor)
    return visitor


@pytest.fixture
def camera(name: str, request: pytest.FixtureRequest) -> "Camera":
    return Camera(name, request.config.getoption("--screenshots"))


class Camera:
    """Takes pictures of a page if somebody wants them."""

    def __init__(self, name: str, folder: Path | None) -> None:
        self._name = name
        self._folder = folder

    def take(self, page: Page, what: str) -> None:
        if self._folder:
            page.screenshot(path=self._folder / f"{self._name}-{what}.png", full_page=True)


@pytest.mark.parametrize("name", PAGES)
def test_everybody_can_use(name: str, shown: Visitor, camera: Camera) -> None:
    page = shown.page
    weights: dict[str, int] = dict(page.evaluate(WEIGHT))
    scripts, longer = sum(weight for url, weight in weights.items() if url.endswith(".js")), LONGER.get(name, 1)
    assert sum(weights.values()) <= MAX_BYTES * longer, weights
    assert scripts <= MAX_SCRIPT_BYTES * longer
    assert page.evaluate(NAMELESS) == []
    if name in CONSOLE:
        assert CONSOLE[name].is_at(urlsplit(page.url).path)
    page.evaluate(axe())
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        camera.take(page, scheme)
        assert page.evaluate(FAULTS) == [], scheme
    _walk(page)
    _fits(page, camera, "small")
    if name not in SHOWN_ONCE:
        page.set_extra_http_headers({"accept-language": "ar"})
        page.reload()
        assert page.evaluate("document.dir") == "rtl"
        page.set_viewport_size(WIDE)
        camera.take(page, "arabic")
        _fits(page, camera, "small-arabic")


def _fits(page: Page, camera: Camera, what: str) -> None:
    """Nothing has to be scrolled sideways: on a small phone, or where everything is twice as large."""
    page.set_viewport_size(SMALL)
    camera.take(page, what)
    assert page.evaluate(OUTSIDE) == [], "at 320 px"
    page.set_viewport_size(HALF)
    assert page.evaluate(OUTSIDE) == [], "at 200 %"
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    camera.take(page, f"{what}-large-text")
    assert page.evaluate(OUTSIDE) == [], "with text at 200 %"
    page.evaluate("document.documentElement.style.fontSize = ''")


def _walk(page: Page) -> None:
    """The tab key leads everywhere, in the order of the page, and it can be seen where it is."""
    page.evaluate("document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute('tabindex')")
    stops: list[Any] = page.evaluate(STOPS)
    for _ in stops:
        page.keyboard.press("Tab")
    assert page.evaluate("seen") == list(range(len(stops))), stops
