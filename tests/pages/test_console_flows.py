"""The console's flows are walked to their ends: with a mouse, with the keys alone on a small screen in the dark, without scripts.

Nothing may break the pages' own policy, and what a flow comes to that the gallery does not show is judged as that is.
"""

import json
from typing import Any

import pytest

from gatepost.flows.callers import POWERS
from servers import Server, command

from . import console_flows as do
from .conftest import OpenVisitor
from .console_flows import Flow
from .visitor import Who
from .walker import Firm, Walker
from .ways import WAYS

pytestmark = pytest.mark.xdist_group("pages")

FLOWS: dict[Flow, tuple[str, ...]] = {
    do.make_app: ("keys", "plain"),
    do.change_secrets: ("mouse", "keys"),
    do.change_redirects: ("mouse", "keys", "plain"),
    do.end_app: ("mouse", "keys", "plain"),
    do.end_connection: ("keys", "plain"),
    do.care_for_person: ("keys", "plain"),
    do.care_for_key: ("mouse", "keys"),
    do.care_for_webhook: ("mouse", "keys"),
    do.say_what_scopes_mean: ("keys", "plain"),
    do.answer_request: ("mouse", "plain"),
    do.choose_settings: ("mouse", "keys"),
    do.look_through_events: ("mouse", "keys"),
    do.play: ("mouse", "keys", "plain"),
    do.find_things: ("keys", "plain"),
    do.change_organization: ("mouse", "keys", "plain"),
    do.come_and_leave: ("mouse", "keys", "plain"),
    do.rotate_signing_keys: ("mouse",),
    do.disable_organization: ("keys",),
}
"""What is done, and how. Each kind of form is met in each way: one that shows what it made once, one that is refused and
mended, one that asks again, one that filters, one that chooses, a menu."""

OF_BETA = {do.answer_request}
"""They need an organization that approves apps of others first."""


@pytest.fixture(scope="package")
def firm(server: Server, of_two: Who) -> Firm:
    """Gamma, of which the owner has Delta too."""

    def run(*words: str) -> Any:
        done = command(server.data, *words)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    key = run("key", "create", "--org", "Gamma", "--scope", " ".join(POWERS))
    return Firm(run("org", "show", "Gamma")["id"], of_two, key["api_key"], server.ready["issuer"], run)


@pytest.mark.parametrize(
    ("flow", "way"),
    [pytest.param(flow, way, id=f"{flow.__name__}-{way}") for flow, ways in FLOWS.items() for way in ways],
)
def test_flow(flow: Flow, way: str, open_visitor: OpenVisitor, firm: Firm, of_beta: Who) -> None:
    def walker(who: Who) -> Walker:
        return Walker(open_visitor(who, **WAYS[way].options), WAYS[way], firm.org, walker)

    flow(walker(of_beta if flow in OF_BETA else firm.owner), firm)


def test_keys_lead_where_the_help_says(open_visitor: OpenVisitor, firm: Firm) -> None:
    visitor = open_visitor(firm.owner)
    visitor.enter()
    page = visitor.go(f"/console/{firm.org}/help")
    places = page.locator(".side a[data-key]").evaluate_all("(all) => all.map((each) => [each.dataset.key, each.href])")
    assert len(places) == 9
    for key, url in places:
        page.keyboard.press("g")
        with page.expect_navigation():
            page.keyboard.press(key)
        assert page.url == url
    page.keyboard.press("/")
    page.keyboard.type("g a?")
    assert page.input_value("#search") == "g a?"
    page.keyboard.press("Tab")
    with page.expect_navigation():
        page.keyboard.press("?")
    assert page.url.endswith("/help")
