"""Ways to use a page: with a mouse, or with the keys alone. A flow says what is done; a way, how."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from playwright.sync_api import Locator, Page, ViewportSize

WIDE: ViewportSize = {"width": 1280, "height": 800}
SMALL: ViewportSize = {"width": 320, "height": 640}

# Where the tab key stops on a page, in its order. Of radio buttons that belong together it stops at one.
STOPS = """
  const all = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
  const stops = [...document.querySelectorAll(all)]
    .filter((each) => each.checkVisibility() && (each.type !== "radio" || each.checked));
"""

# How many stops there are to an element, from where the person is; backwards, if it is before that.
_DISTANCE = f"""(target) => {{ {STOPS}
  return stops.indexOf(target) - stops.indexOf(document.activeElement);
}}"""

# Whether an element has the focus, and can be seen to have it, with nothing in front of it.
_IS_SEEN = """(target) => {
  const { x, y, width, height } = target.getBoundingClientRect();
  const front = document.elementFromPoint(x + Math.min(width, innerWidth - x) / 2, y + Math.min(height, 40) / 2);
  const { outlineStyle, outlineWidth } = getComputedStyle(target);
  return document.activeElement === target && outlineStyle !== "none" && parseFloat(outlineWidth) >= 1
    && (target.contains(front) || front?.contains(target) || false);
}"""

# How many options there are from the one that is chosen to the one with a value.
_OPTIONS = "(select, value) => [...select.options].findIndex((each) => each.value === value) - select.selectedIndex"

# The same among radio buttons.
_RADIOS = """(target) => {
  const group = [...target.form.querySelectorAll(`[name="${target.name}"]`)];
  return group.indexOf(target) - group.findIndex((each) => each.checked);
}"""


class Hand(Protocol):
    """What a person does to the elements of a page."""

    def press(self, selector: str) -> None:
        """Press a button, follow a link, open a menu."""

    def write(self, selector: str, text: str) -> None:
        """Write into a field, in place of what stands there."""

    def choose(self, selector: str, value: str) -> None:
        """Choose from a list."""

    def tick(self, selector: str) -> None:
        """Tick a box, or one of several that exclude each other."""


class Mouse:
    """A hand at a mouse."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def press(self, selector: str) -> None:
        self._page.click(selector)

    def write(self, selector: str, text: str) -> None:
        self._page.click(selector)
        self._page.fill(selector, text)

    def choose(self, selector: str, value: str) -> None:
        self._page.select_option(selector, value)

    def tick(self, selector: str) -> None:
        self._page.check(selector)


class Keys:
    """Hands at a keyboard, and nothing else: what they cannot get to, or not see that they got there, is a failure."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def press(self, selector: str) -> None:
        self._reach(self._page.locator(selector))
        self._page.keyboard.press("Enter")

    def write(self, selector: str, text: str) -> None:
        self._reach(self._page.locator(selector))
        self._page.keyboard.press("Control+A")
        self._page.keyboard.type(text)

    def choose(self, selector: str, value: str) -> None:
        select = self._page.locator(selector)
        self._reach(select)
        self._step(select.evaluate(_OPTIONS, value), "ArrowDown", "ArrowUp")
        assert select.input_value() == value

    def tick(self, selector: str) -> None:
        target = self._page.locator(selector)
        if target.get_attribute("type") == "radio":
            name = target.get_attribute("name")
            away = target.evaluate(_RADIOS)
            self._reach(self._page.locator(f"input[type=radio][name='{name}']:checked"))
            self._step(away, "ArrowDown", "ArrowUp")
        elif not target.is_checked():
            self._reach(target)
            self._page.keyboard.press("Space")
        assert target.is_checked()

    def _reach(self, target: Locator) -> None:
        self._step(target.evaluate(_DISTANCE), "Tab", "Shift+Tab")
        assert target.evaluate(_IS_SEEN), target

    def _step(self, count: int, forward: str, back: str) -> None:
        for _ in range(abs(count)):
            self._page.keyboard.press(forward if count > 0 else back)


class Way(NamedTuple):
    """A way to use pages: the hand, and the options of the browser's."""

    hand: Callable[[Page], Hand]
    options: dict[str, Any]
    has_scripts: bool = True


WAYS = {
    "mouse": Way(Mouse, {"viewport": WIDE, "color_scheme": "light"}),
    "keys": Way(Keys, {"viewport": SMALL, "color_scheme": "dark"}),
    "plain": Way(Mouse, {"viewport": WIDE, "java_script_enabled": False}, has_scripts=False),
}
"""A usual window in the light; the keys alone on a small screen in the dark; and without scripts."""
