"""What a page is held against, in the browser that shows it: each answers with what is wrong."""

from functools import cache

from playwright.sync_api import Page

from programs import package

# What axe finds: the rule, and where. What is right is not listed, as that takes time.
FAULTS = """async () => (await axe.run({
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    resultTypes: ["violations"],
  })).violations.flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.html} ${node.failureSummary}`))"""

# What sticks out sideways, or all that is seen of the page if nothing does but it can be scrolled.
OUTSIDE = """() => document.documentElement.scrollWidth <= innerWidth ? [] :
  [...document.querySelectorAll("body *")].filter((each) => each.getBoundingClientRect().right > innerWidth)
    .map((each) => each.outerHTML.slice(0, 200))"""

# What has the name of something else, and what is labelled for nothing.
NAMELESS = """() => [
  ...[...document.querySelectorAll("[id]")].filter((each) => document.getElementById(each.getAttribute("id")) !== each),
  ...[...document.querySelectorAll("label[for]")].filter((each) => !each.control),
].map((each) => each.outerHTML.slice(0, 200))"""


@cache
def axe() -> str:
    """What defines `axe` in a page."""
    return (package("axe-core") / "axe.min.js").read_text()


def judge(page: Page) -> None:
    """Hold a page against all of it, as it is shown now."""
    assert page.evaluate(NAMELESS) == []
    page.evaluate(axe())
    assert page.evaluate(FAULTS) == []
    assert page.evaluate(OUTSIDE) == []
