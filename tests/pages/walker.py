"""Somebody who goes through the console in one way, and the organization that they own."""

from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
from playwright.sync_api import Page

from wire.world import Client

from .judge import judge
from .visitor import Visitor, Who
from .ways import Way

CALLBACK = "https://shop.test/callback"


class Firm(NamedTuple):
    """An organization, its owner, a key with which its gateway calls the server, and what runs a command beside that."""

    org: str
    owner: Who
    key: str
    issuer: str
    run: Callable[..., object]

    def call(self, path: str, content: dict[str, Any] | None = None, key: str = "") -> httpx.Response:
        """Call the server with a key; with content, to write."""
        method = "POST" if content is not None else "GET"
        headers = {"authorization": f"Bearer {key or self.key}"}
        return httpx.request(method, self.issuer + path, json=content, headers=headers)

    def new_app(self, name: str = "Shop") -> Client:
        """An app of its own, to walk through alone."""
        app = {"name": name, "redirect_uris": [CALLBACK], "scope": "openid email offline_access"}
        made = self.call("/api/v1/apps", app).json()
        return Client(made["client_id"], made["client_secret"], CALLBACK)

    def connect(self, app: Client) -> str:
        """Connect an app for the organization itself; answers the refresh token."""
        pair = {"client_id": app.client_id, "redirection_url": app.redirect}
        return str(self.call("/verify", pair).json()["refresh_token"])

    def refreshes(self, token: str) -> bool:
        """Whether a refresh token is still good for tokens."""
        return self.call("/refresh", {"refresh_token": token}).status_code == 200

    def knows(self, app: Client, secret: str) -> bool:
        """Whether an app proves who it is by a secret."""
        asked = httpx.post(self.issuer + "/introspect", data={"token": "none"}, auth=(app.client_id, secret))
        return asked.status_code == 200


class Walker:
    """A visitor who does things in one way. Whatever is done, `go` is what leads to another page."""

    def __init__(self, visitor: Visitor, way: Way, org: str, beside: Callable[[Who], "Walker"]) -> None:
        self.visitor = visitor
        self.page: Page = visitor.page
        self.root = f"/console/{org}"
        self.beside = beside
        self._has_scripts = way.has_scripts
        hand = way.hand(visitor.page)
        self.press = hand.press
        self.write = hand.write
        self.choose = hand.choose
        self.tick = hand.tick

    @property
    def path(self) -> str:
        """Where they are, below the root of the organization's console."""
        return urlsplit(self.page.url).path.removeprefix(self.root)

    def open(self, path: str) -> None:
        """Open a page of the console, signed in."""
        self.visitor.enter()
        self.visitor.go(self.root + path)

    def go(self, selector: str) -> None:
        """Press what leads to another page, or to the same one anew."""
        with self.page.expect_navigation():
            self.press(selector)

    def send(self) -> None:
        """Send the form of the field that was written into."""
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def text(self, selector: str) -> str:
        """What is read there."""
        return self.page.inner_text(selector)

    def value(self, selector: str) -> str:
        """What stands in a field."""
        return self.page.input_value(selector)

    def count(self, selector: str) -> int:
        """How many of these there are; none is an answer."""
        return self.page.locator(selector).count()

    def judge(self) -> None:
        """Hold a page against what pages are held against, where it is not in the gallery."""
        if self._has_scripts:
            judge(self.page)
