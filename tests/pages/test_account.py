"""What people do with their account: look, disconnect, sign out, add a second step, connect a device; each to its end."""

import time

import pytest

from gatepost.totp import STEP_SECONDS, render_code

from .conftest import OpenVisitor
from .gallery import sign_in
from .visitor import BYE, Visitor, Who

pytestmark = pytest.mark.xdist_group("pages")


def test_a_disconnected_app_is_out(open_visitor: OpenVisitor, somebody: Who) -> None:
    visitor = open_visitor(somebody)
    visitor.begin()
    visitor.sign_in()
    visitor.allow()
    tokens = visitor.refresh(visitor.tokens())
    page = visitor.go("/account/apps")
    page.get_by_role("button", name="Revoke The web app").click()
    page.wait_for_selector("#empty")
    assert visitor.refresh(tokens)["error"] == "invalid_grant"


def test_an_app_signs_its_person_out_and_gets_them_back(visitor: Visitor) -> None:
    visitor.begin(prompt="consent")
    visitor.sign_in()
    visitor.allow()
    hint = visitor.tokens()["id_token"]
    page = visitor.go("/account")
    logout = f"{visitor.issuer}/logout?id_token_hint={hint}&post_logout_redirect_uri={BYE}&state=x"
    with page.expect_event("requestfailed") as left:  # The app's host does not exist.
        page.evaluate("(url) => { location.href = url }", logout)
    assert left.value.url == f"{BYE}?state=x"
    # In another tab: this one is still on its way to the page that says the host is not there.
    assert visitor.go("/account", visitor.open_tab()).url.endswith("/login")


@pytest.mark.parametrize("has_scripts", [True, False])
def test_a_person_signs_out(open_visitor: OpenVisitor, has_scripts: bool) -> None:
    visitor = open_visitor(java_script_enabled=has_scripts)
    sign_in(visitor)
    visitor.page.click("#sign-out button")
    visitor.page.wait_for_load_state()
    assert visitor.page.get_by_role("heading").inner_text() == "You are signed out"
    assert visitor.go("/account").url.endswith("/login")


def test_a_second_step_is_set_up_and_asked_for(open_visitor: OpenVisitor, somebody: Who) -> None:
    visitor = open_visitor(somebody)
    sign_in(visitor)
    key = visitor.turn_totp_on()
    visitor.forget_everything()
    page = visitor.begin()
    visitor.sign_in()
    page.fill("#code", "000000")
    page.click("#submit")
    assert page.get_by_role("alert").is_visible()
    page.fill("#code", render_code(key, int(time.time()) // STEP_SECONDS + 1))
    page.click("#submit")
    visitor.allow()
    assert "code" in visitor.answer()


def test_a_passkey_signs_in_by_itself_until_it_is_removed(open_visitor: OpenVisitor, somebody: Who) -> None:
    visitor = open_visitor(somebody)
    sign_in(visitor)
    visitor.add_passkey()
    visitor.forget_everything()
    page = visitor.begin()
    page.click("#use-passkey")
    visitor.allow()
    assert "code" in visitor.answer()
    visitor.go("/account/security").click("#passkey-list a")
    page.click("#submit")
    page.wait_for_url("**/account/security")
    visitor.forget_everything()
    visitor.begin().click("#use-passkey")
    page.wait_for_selector("[role=alert]:visible")


@pytest.mark.parametrize(("button", "end"), [("#allow", "access_token"), ("#deny", "error")])
def test_a_device_is_connected_by_its_code_or_not(open_visitor: OpenVisitor, button: str, end: str) -> None:
    visitor = open_visitor(java_script_enabled=False)
    started = visitor.start_device()
    page = visitor.go("/device")
    page.fill("#user_code", started["user_code"].lower().replace("-", " "))
    page.click("#submit")
    visitor.sign_in()
    page.click(button)
    page.wait_for_selector("#done")
    assert end in visitor.poll(started)


def test_everything_can_be_done_without_a_mouse(visitor: Visitor) -> None:
    page = visitor.begin(prompt="consent")
    page.keyboard.press("Tab")
    page.keyboard.type(visitor.who.email)
    page.keyboard.press("Tab")
    page.keyboard.type(visitor.who.password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/consent/*")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "allow":
            break
    page.keyboard.press("Enter")
    assert "code" in visitor.answer()


def test_people_choose_the_language(visitor: Visitor) -> None:
    page = visitor.go("/login")
    page.click("nav a[lang=ar]")
    page.wait_for_load_state()
    assert page.get_attribute("html", "dir") == "rtl"
    page.reload()
    assert page.get_attribute("html", "lang") == "ar"


def test_a_forgotten_password_is_replaced(open_visitor: OpenVisitor, somebody: Who) -> None:
    visitor = open_visitor(somebody)
    page = visitor.go("/login")
    page.click("#forgot")
    page.fill("#email", somebody.email)
    page.click("#submit")
    visitor.follow_mail(somebody.email)
    page.fill("#new-password", "another long enough password")
    page.click("#submit")
    page.wait_for_load_state()
    visitor.forget_everything()
    visitor.who = somebody._replace(password="another long enough password")
    sign_in(visitor)


def test_a_stranger_signs_up_and_in(open_visitor: OpenVisitor) -> None:
    visitor = open_visitor(Who("stranger@example.test", "a password of a stranger"))
    page = visitor.go("/login")
    page.click("#sign-up")
    page.fill("#email", visitor.who.email)
    page.click("#submit")
    visitor.follow_mail(visitor.who.email)
    page.fill("#organization", "Strangers")
    page.fill("#new-password", visitor.who.password)
    page.click("#submit")
    page.wait_for_load_state()
    visitor.forget_everything()
    sign_in(visitor)
