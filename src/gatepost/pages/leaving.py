"""`/continue/…`: the way from our pages back to an app.

Whatever leaves after a form was posted leaves from a page of ours that answers 200: a redirect of the form itself would be
held to `form-action 'self'`, and cannot lead to an app on the device at all.
"""

from urllib.parse import quote, urlencode, urlsplit

import orjson

from gatepost.flows.authorize import Leave
from gatepost.flows.instance import Instance
from gatepost.secrets import EXIT
from gatepost.ui.faults import page_over
from gatepost.ui.visit import Visit, Visits, see_other, show
from gatepost.web.message import Reply, Request

CONTINUE = "/continue/"


class Leaving:
    """The ways to leave, and the handler of the page that does. Whoever leaves is on the way to nothing any more."""

    def __init__(self, instance: Instance, visits: Visits) -> None:
        self._instance = instance
        self._visits = visits

    async def page(self, request: Request) -> Reply:
        """The page that leaves: once it is ours to give, it goes by itself, and has a link."""
        visit = await self._visits.read(request)
        plain = self._instance.keyring.unseal_text(EXIT, request.path.rpartition("/")[2])
        browser, leave = _load(plain) if plain else ("", None)
        if leave is None or browser != visit.browser.hex():
            raise page_over(visit)
        return self.from_page(visit, leave)

    def from_form(self, visit: Visit, leave: Leave) -> Reply:
        """Leave after a form of ours was posted: over the page above."""
        plain = orjson.dumps([visit.browser.hex(), list(leave)])
        return see_other(self._visits.keep_flow(visit, ""), CONTINUE + self._instance.keyring.seal_text(EXIT, plain))

    def from_link(self, visit: Visit, leave: Leave) -> Reply:
        """Leave at once, for somebody whom a link or a redirect brought."""
        if leave.response_mode == "form_post":
            return self.from_page(visit, leave)
        return see_other(self._visits.keep_flow(visit, ""), url_of(leave))

    def from_page(self, visit: Visit, leave: Leave) -> Reply:
        """Leave from a page that is shown now."""
        visit = self._visits.keep_flow(visit, "")
        if leave.response_mode == "form_post":
            origin = urlsplit(leave.redirect_uri)
            target = f"{origin.scheme}://{origin.netloc}" if origin.netloc else f"{origin.scheme}:"
            return show(visit, "form_post.html", form_action=target, leave=leave)
        return show(visit, "leave.html", url=url_of(leave), host=_shown_host(leave), by_itself=True)

    def by_hand(self, visit: Visit, leave: Leave) -> Reply:
        """Leave when the person wants to, and knows where that leads. RFC 9700 §4.11.2."""
        visit = self._visits.keep_flow(visit, "")
        denied, host = leave.params.get("error") == "access_denied", _shown_host(leave)
        return show(visit, "leave.html", menu=False, url=url_of(leave), host=host, by_itself=False, was_denied=denied)


def url_of(leave: Leave) -> str:
    """The redirect URI with the answer in its query, every character of it kept. RFC 6749 §4.1.2."""
    if not leave.params:
        return leave.redirect_uri
    joint = "" if leave.redirect_uri.endswith(("?", "&")) else "&" if "?" in leave.redirect_uri else "?"
    return leave.redirect_uri + joint + urlencode(leave.params, quote_via=quote)


def _shown_host(leave: Leave) -> str:
    address = urlsplit(leave.redirect_uri)
    return address.netloc or f"{address.scheme}:"


def _load(plain: bytes) -> tuple[str, Leave]:
    browser, leave = orjson.loads(plain)
    return browser, Leave(*leave)
