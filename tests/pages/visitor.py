"""Somebody at a real browser, and what the browser complains about while they are."""

import re
import time
from base64 import b32decode
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import urlencode

import httpx
from playwright.sync_api import BrowserContext, ConsoleMessage, Page

from gatepost.oauth.client_metadata import DEVICE_CODE
from gatepost.totp import STEP_SECONDS, render_code
from wire.browser import VERIFIER, answer_of, request_of
from wire.world import Client

WEB = Client("web", "one-secret", "https://app.test/callback")
BYE = "https://app.test/bye"
HOME = "https://app.test/"
NATIVE = Client("native", "", "com.example.editor:/callback")
LOCAL = Client("local", "", "http://127.0.0.1/callback")
BETA = Client("beta", "another-secret", "https://beta.test/callback")
"""An app of an organization to which nobody here belongs."""

TV = Client("tv", "", "https://app.test/unused")
"""An app on a device that has no browser."""

SCOPE = "openid email profile offline_access read write"

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
}
"""A device with a fingerprint reader, and the right finger always on it."""

_REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`forbidden by the page's own policy: ${event.violatedDirective} ${event.blockedURI}`));
"""


class Who(NamedTuple):
    """A person with an account, as they sign in."""

    email: str
    password: str


Kept: TypeAlias = dict[Who, tuple[float, list[Any]]]
"""The cookies of browsers that people signed in at, and when that was."""

KEPT_SECONDS = 600
"""How long they are good: after a quarter of an hour a browser is given new ones."""


class Visitor:
    """One browser with its tabs. `page` is the first; whatever is wrong in any ends up in `complaints`."""

    def __init__(self, context: BrowserContext, ready: dict[str, Any], who: Who, kept: Kept) -> None:
        self.issuer: str = ready["issuer"]
        self.link: str = ready["sign_in"]
        self.console = f"/console/{ready['org']}"
        self.app: str = ready["app"]["client_id"]
        self.who = who
        self.complaints: list[str] = []
        self._kept = kept
        self._context = context
        context.add_init_script(_REPORT_VIOLATIONS)
        context.on("console", self._listen)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.route("https://app.test/**", lambda route: route.fulfill(body="You are back in the app."))
        context.route("http://127.0.0.1:51004/**", lambda route: route.fulfill(body="You are back in the app."))
        self.page = self.open_tab()

    def close(self) -> None:
        self._context.close()

    def _listen(self, message: ConsoleMessage) -> None:
        # A refusal is a page with a status, and the browser notes every such status.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def forget_everything(self) -> None:
        """Be another browser."""
        self._context.clear_cookies()

    def open_tab(self) -> Page:
        page = self._context.new_page()
        page.set_default_timeout(15_000)
        return page

    def go(self, path: str, page: Page | None = None) -> Page:
        """Type in the path of one of our pages."""
        page = page or self.page
        page.goto(self.issuer + path)
        return page

    def begin(self, app: Client = WEB, page: Page | None = None, **changes: str | None) -> Page:
        """An app sends a tab to /authorize."""
        return self.go("/authorize?" + urlencode(request_of(app, **{"scope": SCOPE, **changes})), page)

    def sign_in(self, page: Page | None = None) -> None:
        """Fill in the page that asks who it is."""
        page = page or self.page
        page.fill("#email", self.who.email)
        page.fill("#password", self.who.password)
        page.click("#submit")

    def enter(self) -> None:
        """Be signed in: as an earlier browser of theirs that has ended nothing, or else by the form."""
        since, cookies = self._kept.get(self.who, (0.0, []))
        if time.monotonic() < since + KEPT_SECONDS:
            self._context.add_cookies(cookies)
            return
        self.go("/login")
        self.sign_in()
        self.page.wait_for_url(re.compile("/(account|console(/[^/]+)?)$"))
        self._kept[self.who] = time.monotonic(), self._context.cookies()

    def allow(self, page: Page | None = None) -> None:
        (page or self.page).click("#allow")

    def turn_totp_on(self) -> bytes:
        """Set up an authenticator app, for whoever is signed in; answers its key. The page shows recovery codes."""
        page = self.go("/account/security/totp")
        key = b32decode(page.inner_text("#key").replace(" ", ""))
        page.fill("#code", render_code(key, int(time.time()) // STEP_SECONDS))
        page.click("#submit")
        page.wait_for_selector("#codes")
        return key

    def add_passkey(self) -> None:
        """Get a device that can make passkeys, and have one made for whoever is signed in."""
        session = self._context.new_cdp_session(self.page)
        session.send("WebAuthn.enable")
        session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
        page = self.go("/account/security")
        page.click("#make-passkey")
        page.wait_for_selector("#passkey-list form, #passkey-list a")

    def follow_mail(self, to: str) -> Page:
        """Follow the link of the mail that somebody has got; a development server shows it."""
        for _ in range(100):
            mail = self.go("/dev/outbox").locator(".mail", has_text=to)
            if mail.count():
                mail.first.locator("a").first.click()
                return self.page
            self.page.wait_for_timeout(100)
        raise AssertionError(f"no mail to {to}")

    def tokens(self) -> dict[str, Any]:
        """The tokens of the code that the app has got."""
        return self._ask(
            "/token", WEB, grant_type="authorization_code", code=self.answer()["code"], code_verifier=VERIFIER
        )

    def refresh(self, tokens: dict[str, Any]) -> dict[str, Any]:
        """What the app gets when it comes with its refresh token."""
        return self._ask("/token", WEB, grant_type="refresh_token", refresh_token=tokens["refresh_token"])

    def start_device(self) -> dict[str, Any]:
        """What a device is told to show."""
        return self._ask("/device_authorization", TV)

    def poll(self, started: dict[str, Any]) -> dict[str, Any]:
        """What the device gets when it asks for its tokens."""
        return self._ask("/token", TV, grant_type=DEVICE_CODE, device_code=started["device_code"])

    def _ask(self, path: str, app: Client, **fields: str) -> dict[str, Any]:
        named = {"client_id": app.client_id} | ({"client_secret": app.secret} if app.secret else {})
        answer: dict[str, Any] = httpx.post(self.issuer + path, data=named | fields).json()
        return answer

    def answer(self, page: Page | None = None, app: Client = WEB) -> dict[str, str]:
        """What the app gets when the tab comes back to it."""
        page = page or self.page
        page.wait_for_url(app.redirect + "?*")
        return answer_of(page.url)

    def leaves_for(self, do: Callable[[], Any], scheme: str, page: Page | None = None) -> str:
        """The URL of the scheme that the browser sets out for, for the operating system to open, after doing this."""
        page = page or self.page
        left: list[str] = []
        session = self._context.new_cdp_session(page)
        session.on("Page.frameStartedNavigating", lambda event: left.append(event["url"]))
        session.send("Page.enable")
        do()
        for _ in range(100):
            for url in left:
                if url.startswith(scheme):
                    return url
            page.wait_for_timeout(50)
        raise AssertionError(f"it never left, but went to {left}")
