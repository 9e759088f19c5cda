"""Every page of the console, by its route, and how a visitor gets there. A new page has its row here, and all of it is judged."""

import re
from typing import NamedTuple

from gatepost.console.desk import ORG
from gatepost.ui.visit import CONSOLE as ROOT

from .gallery import Way, asked_for, open_own, sign_in
from .visitor import Visitor


class Row(NamedTuple):
    """A page: its route, and the way to it."""

    route: str
    way: Way

    def is_at(self, path: str) -> bool:
        """Whether the path is one of this route."""
        return re.fullmatch(re.sub("{[a-z]+}", "[^/]+", self.route), path) is not None


def _open(visitor: Visitor, path: str) -> None:
    open_own(visitor, visitor.console + path.format(app=visitor.app))


def _console(path: str) -> Way:
    return lambda visitor: _open(visitor, path)


def _new_secret(visitor: Visitor) -> None:
    _open(visitor, "/apps/{app}/credentials")
    visitor.page.click("#submit")
    visitor.page.wait_for_selector("#secret")


def _refused_app(visitor: Visitor) -> None:
    _open(visitor, "/new-app?kind=web")
    visitor.page.fill("#name", "Shop")
    visitor.page.fill("#redirect_uris", "https://shop.test/*")
    visitor.page.click("#submit")
    visitor.page.wait_for_selector("#error")


def _refused_redirect(visitor: Visitor) -> None:
    _open(visitor, "/apps/{app}/redirects")
    visitor.page.fill("#add", "https://shop.test/*")
    visitor.page.click("#submit")
    visitor.page.wait_for_selector("#error")


def _refused_colour(visitor: Visitor) -> None:
    _open(visitor, "/settings")
    visitor.page.fill("#accent", "#ffcc00")
    visitor.page.click("#save-brand")
    visitor.page.wait_for_selector("#error")


def _connection(visitor: Visitor) -> None:
    visitor.enter()
    visitor.begin(prompt="consent")
    visitor.allow()
    visitor.tokens()
    visitor.go(visitor.console + "/connections").click("#rows a")
    visitor.page.wait_for_selector("#end")


def _webhook(visitor: Visitor) -> None:
    """One that hears of nothing, and was tried in vain."""
    _open(visitor, "/webhooks")
    visitor.page.fill("#name", "Our hooks")
    visitor.page.fill("#url", visitor.issuer + "/healthz")
    visitor.page.fill("#types", "resource")
    visitor.page.click("#submit")
    visitor.page.click("#stored")
    visitor.page.click("#test")
    visitor.page.wait_for_selector("#tried")
    visitor.page.goto(visitor.page.url)


def _request(visitor: Visitor) -> None:
    asked_for(visitor)
    visitor.page.click("a[href*='/requests/']")
    visitor.page.wait_for_selector("#wanted")


def _requests(visitor: Visitor) -> None:
    asked_for(visitor)
    visitor.go(ROOT)
    visitor.page.click("#to-approve a")
    visitor.page.wait_for_selector("#rows")


def _first_row(path: str) -> Way:
    return _then(_console(path), "#rows a")


def _then(way: Way, *links: str) -> Way:
    """Follow links from there, one after the other."""

    def go(visitor: Visitor) -> None:
        way(visitor)
        for link in links:
            visitor.page.click(link)
            visitor.page.wait_for_load_state()

    return go


def _forbidden(visitor: Visitor) -> None:
    sign_in(visitor)
    visitor.go(ROOT)


def _page(path: str, way: Way | None = None) -> Row:
    """The page at a path; a `way` goes there from elsewhere."""
    return Row(ORG + path.partition("?")[0], way or _console(path))


CONSOLE: dict[str, Row] = {
    "console-overview": _page(""),
    "console-help": _page("/help"),
    "console-kit": _page("/kit"),
    "console-apps": _page("/apps"),
    "console-new-app": _page("/new-app"),
    "console-new-website": _page("/new-app?kind=web"),
    "console-new-website-refused": _page("/new-app", _refused_app),
    "console-app": _page("/apps/{app}"),
    "console-app-credentials": _page("/apps/{app}/credentials"),
    "console-secret": _page("/secret", _new_secret),
    "console-secret-over": _page("/secret"),
    "console-app-redirects": _page("/apps/{app}/redirects"),
    "console-app-redirects-refused": _page("/apps/{app}/redirects", _refused_redirect),
    "console-app-permissions": _page("/apps/{app}/permissions"),
    "console-secret-delete": _page(
        "/apps/{app}/credentials/{secret}/delete", _then(_console("/apps/{app}/credentials"), "#secrets a")
    ),
    "console-app-connections": _page("/apps/{app}/connections"),
    "console-app-events": _page("/apps/{app}/events"),
    "console-app-advanced": _page("/apps/{app}/advanced"),
    "console-app-playground": _page("/apps/{app}/playground"),
    "console-app-playground-over": _page("/apps/{app}/playground/back"),
    "console-app-danger": _page("/apps/{app}/danger"),
    "console-app-delete": _page("/apps/{app}/delete"),
    "console-connections": _page("/connections"),
    "console-connection": _page("/connections/{grant}", _connection),
    "console-requests": _page("/requests", _requests),
    "console-requests-empty": _page("/requests"),
    "console-request": _page("/requests/{request}", _request),
    "console-connections-end": _page("/connections/end?app={app}"),
    "console-people": _page("/people"),
    "console-person": _page("/people/{user}", _first_row("/people")),
    "console-person-remove": _page("/people/{user}/remove", _then(_first_row("/people"), "a.danger")),
    "console-scopes": _page("/scopes"),
    "console-scope": _page("/scope?name=read"),
    "console-resource-delete": _page("/resources/delete?uri=https://api.test"),
    "console-api-keys": _page("/api-keys"),
    "console-api-key-end": _page("/api-keys/{key}/end", _first_row("/api-keys")),
    "console-keys": _page("/keys"),
    "console-webhooks": _page("/webhooks"),
    "console-webhook": _page("/webhooks/{webhook}", _webhook),
    "console-webhook-delete": _page("/webhooks/{webhook}/delete", _then(_webhook, "a.danger")),
    "console-events": _page("/events"),
    "console-event": _page("/events/{event}", _first_row("/events")),
    "console-seed": _page("/seed"),
    "console-health": _page("/health"),
    "console-settings": _page("/settings"),
    "console-settings-refused": _page("/settings/brand", _refused_colour),
    "console-disable": _page("/settings/disable"),
    "console-not-there": Row(ORG, _console("0")),
    "console-forbidden": Row(ROOT, _forbidden),
    "console-choose": Row(ROOT, lambda visitor: open_own(visitor, ROOT)),
}

FOR_SOMEBODY = {"console-forbidden"}
FOR_BETA = {"console-requests", "console-request"}
FOR_TWO = {"console-choose"}
"""They need a person of two organizations."""

SHOWN_ONCE = {
    *("console-secret", "console-new-website-refused", "console-app-redirects-refused", "console-settings-refused")
}
"""They answer a form, and cannot be loaded again."""
