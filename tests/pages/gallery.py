"""Every page that people see, and how a visitor gets there. A new page has its row here, and all of it is judged."""

import re
from collections.abc import Callable
from typing import TypeAlias

import httpx

from wire.world import Client

from .visitor import BETA, BYE, LOCAL, NATIVE, WEB, Visitor

MISDIRECTED = f"/authorize?client_id=web&response_type=code&redirect_uri={WEB.redirect}/elsewhere"

Way: TypeAlias = Callable[[Visitor], object]


def sign_in(visitor: Visitor) -> None:
    """Sign in for no app, which leads to the console or, whoever has no place there, to the account; go to the account."""
    visitor.go("/login")
    visitor.sign_in()
    visitor.page.wait_for_url(re.compile("/(account|console/[^/]+)$"))
    visitor.go("/account")


def _plain(path: str) -> Way:
    return lambda visitor: visitor.go(path)


def open_own(visitor: Visitor, path: str) -> None:
    """Open a page that is for those alone who are signed in."""
    visitor.enter()
    assert "/login" not in visitor.go(path).url


def _signed_in(path: str) -> Way:
    return lambda visitor: open_own(visitor, path)


def _consent(app: Client) -> Way:
    def go(visitor: Visitor) -> None:
        visitor.begin(app, prompt="consent")
        visitor.sign_in()
        visitor.page.wait_for_url("**/consent/*")

    return go


def stranger(visitor: Visitor) -> Client:
    """An app that registers itself, under a name that no line is long enough for."""
    said = {"client_name": "Wanderer" * 12, "redirect_uris": [WEB.redirect], "token_endpoint_auth_method": "none"}
    answer = httpx.post(f"{visitor.issuer}/register", json=said)
    return Client(answer.json()["client_id"], "", WEB.redirect)


def _consent_to_stranger(visitor: Visitor) -> None:
    visitor.begin(stranger(visitor), scope="openid email offline_access")
    visitor.sign_in()
    visitor.page.wait_for_url("**/consent/*")


def _approval(visitor: Visitor) -> None:
    visitor.begin(stranger(visitor), scope="openid email offline_access")
    visitor.sign_in()
    visitor.page.wait_for_url("**/approval/*")


def asked_for(visitor: Visitor) -> None:
    _approval(visitor)
    visitor.page.click("#ask button")
    visitor.page.wait_for_selector(".asked")


def _connected(path: str, link: str = "") -> Way:
    def go(visitor: Visitor) -> None:
        _consent(WEB)(visitor)
        visitor.allow()
        visitor.answer()
        visitor.go(path)
        if link:
            visitor.page.click(link)

    return go


def _wrong(visitor: Visitor) -> None:
    visitor.go("/login")
    visitor.page.fill("#email", visitor.who.email)
    visitor.page.fill("#password", "not the password")
    visitor.page.click("#submit")
    visitor.page.wait_for_selector("#error")


def _wrong_profile(visitor: Visitor) -> None:
    open_own(visitor, "/account/profile")
    visitor.page.fill("#birthdate", "soon")
    visitor.page.click("#submit")
    visitor.page.wait_for_selector("#error")


def _leaving(response_mode: str) -> Way:
    def go(visitor: Visitor) -> None:
        # The app has no content to show, so the browser stays on our page.
        visitor.page.route(WEB.redirect + "**", lambda route: route.fulfill(status=204))
        visitor.begin(prompt="consent", response_mode=response_mode)
        visitor.sign_in()
        visitor.allow()
        visitor.page.wait_for_selector("#continue")

    return go


def _device(decision: str = "") -> Way:
    def go(visitor: Visitor) -> None:
        open_own(visitor, f"/device?user_code={visitor.start_device()['user_code']}")
        if decision:
            visitor.page.click(decision)
            visitor.page.wait_for_selector("#done")

    return go


def _wrong_code(visitor: Visitor) -> None:
    open_own(visitor, "/device")
    visitor.page.fill("#user_code", "BCDF-GHJK")
    visitor.page.click("#submit")
    visitor.page.wait_for_selector("#error")


def _choice(visitor: Visitor) -> None:
    visitor.enter()
    visitor.begin(prompt="select_account")


def _step_too_few(visitor: Visitor) -> None:
    visitor.enter()
    visitor.begin(acr_values="2")
    visitor.page.wait_for_selector("#security")


def _answered(visitor: Visitor) -> None:
    """Say no, go back, and say yes."""
    _consent(WEB)(visitor)
    visitor.page.click("#deny")
    visitor.answer()
    visitor.page.go_back()
    visitor.allow()
    visitor.page.wait_for_selector("#start")


def _cancelled_by_hand(visitor: Visitor) -> None:
    visitor.begin(stranger(visitor))
    visitor.page.click("#cancel button")
    visitor.page.wait_for_selector("#continue")


def _logout_by_app(visitor: Visitor) -> None:
    open_own(visitor, f"/logout?client_id=web&post_logout_redirect_uri={BYE}")


def _totp(visitor: Visitor) -> None:
    sign_in(visitor)
    visitor.turn_totp_on()


def _second_step(visitor: Visitor) -> None:
    _totp(visitor)
    visitor.forget_everything()
    visitor.go("/login")
    visitor.sign_in()
    visitor.page.wait_for_selector("#verify")


def _without_totp(visitor: Visitor) -> None:
    _totp(visitor)
    visitor.go("/account/security/totp/off")


def _mailed(path: str, follow: bool = True) -> Way:
    def go(visitor: Visitor) -> None:
        visitor.go(path)
        visitor.page.fill("#email", visitor.who.email if path == "/reset" else "new@example.test")
        visitor.page.click("#submit")
        visitor.page.wait_for_selector("[role=status]")
        if follow:
            visitor.follow_mail(visitor.who.email if path == "/reset" else "new@example.test")

    return go


def _passkeys(visitor: Visitor) -> None:
    sign_in(visitor)
    visitor.add_passkey()


def _passkey_removal(visitor: Visitor) -> None:
    _passkeys(visitor)
    visitor.page.click("#passkey-list a")


PAGES: dict[str, Way] = {
    "unknown": _plain("/no-such-page"),
    "api": _plain("/api/v1/docs"),
    "refused": _plain("/authorize?client_id=nobody"),
    "misdirected": _plain(MISDIRECTED),
    "misdirected-own": _signed_in(MISDIRECTED),
    "undocumented": _plain("/authorize?client_id=https://app.test/"),
    "page-over": _plain("/continue/gp_exit_over"),
    "page-over-answered": _answered,
    "login": _plain("/login"),
    "login-for-app": lambda visitor: visitor.begin(),
    "login-wrong": _wrong,
    "login-branded": lambda visitor: visitor.begin(BETA),
    "link": lambda visitor: visitor.page.goto(visitor.link),
    "link-over": _plain("/login?link=gp_link_over"),
    "second-step": _second_step,
    "second-step-missing": _step_too_few,
    "consent": _consent(WEB),
    "consent-on-this-computer": _consent(LOCAL),
    "consent-device": _consent(NATIVE),
    "consent-stranger": _consent_to_stranger,
    "approval": _approval,
    "approval-asked": asked_for,
    "leaving-by-hand": lambda visitor: visitor.begin(stranger(visitor), prompt="none"),
    "cancelled-by-hand": _cancelled_by_hand,
    "no-place": _consent(BETA),
    "leaving": _leaving("query"),
    "posting": _leaving("form_post"),
    "account": _signed_in("/account"),
    "profile": _signed_in("/account/profile"),
    "profile-wrong": _wrong_profile,
    "password": _signed_in("/account/password"),
    "sign-out-everywhere": _signed_in("/account/sessions/end-all"),
    "signed-out": _plain("/signed-out"),
    "apps-empty": _signed_in("/account/apps"),
    "apps": _connected("/account/apps"),
    "app": _connected("/account/apps", "#connections a"),
    "revoke-all": _connected("/account/apps/revoke-all"),
    "choice": _choice,
    "device": _signed_in("/device"),
    "device-wrong": _wrong_code,
    "device-confirm": _device(),
    "device-connected": _device("#allow"),
    "device-cancelled": _device("#deny"),
    "logout": _signed_in("/logout"),
    "logout-by-app": _logout_by_app,
    "security": _signed_in("/account/security"),
    "totp-setup": _signed_in("/account/security/totp"),
    "recovery-codes": _totp,
    "totp-off": _without_totp,
    "mail-sign-in": _plain("/login/mail"),
    "reset": _plain("/reset"),
    "reset-mailed": _mailed("/reset", follow=False),
    "reset-new": _mailed("/reset"),
    "sign-up": _plain("/sign-up"),
    "sign-up-new": _mailed("/sign-up"),
    "passkeys": _passkeys,
    "passkey-removal": _passkey_removal,
}

FOR_SOMEBODY = {"account", "apps-empty", "second-step", "recovery-codes", "totp-off", "passkeys", "passkey-removal"}
"""They need a person of their own, or change one."""

FOR_BETA = {"approval", "approval-asked"}
"""They need an organization that approves apps of others first."""

SHOWN_ONCE = {
    "page-over-answered",
    "cancelled-by-hand",
    "reset-mailed",
    "login-wrong",
    "profile-wrong",
    "device-wrong",
    "recovery-codes",
    "posting",
}
"""They answer a form or leave by themselves, and cannot be loaded again."""
