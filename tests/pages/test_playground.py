"""The playground in a real browser: from the request to the replay, under the pages' own policy, for everybody."""

import pytest
from playwright.sync_api import ViewportSize

from servers import Server

from .conftest import OpenVisitor
from .gallery import sign_in
from .judge import judge
from .visitor import WEB
from .ways import SMALL, WIDE

pytestmark = pytest.mark.xdist_group("pages")

STEPS = ("Get tokens", "Call", "Refresh", "Revoke", "Replay")


@pytest.mark.parametrize(("scheme", "viewport"), [("light", WIDE), ("dark", SMALL)])
def test_an_app_is_played_to_the_end(
    open_visitor: OpenVisitor, server: Server, scheme: str, viewport: ViewportSize
) -> None:
    visitor = open_visitor(color_scheme=scheme, viewport=viewport)
    sign_in(visitor)
    page = visitor.go(f"/console/{server.ready['org']}/apps/{WEB.client_id}/playground")
    judge(page)
    page.fill("#scope", "openid email")
    page.click("#go")
    page.wait_for_selector("#asked")
    judge(page)
    page.click("#go")
    page.wait_for_selector("#allow, #came")
    if page.is_visible("#allow"):  # whoever said yes before is not asked again
        visitor.allow()
    page.wait_for_selector("#came")
    for step in STEPS:
        judge(page)
        page.click("#go")
        page.wait_for_selector(f'.steps [aria-current="step"]:has-text("{step}")')
    judge(page)
    assert page.locator("pre", has_text='"invalid_grant"').count() == 2
    assert page.is_visible("#refused")
    page.go_back()
    page.click("#again")
    page.wait_for_selector("#build")
