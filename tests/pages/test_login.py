"""From an app to sign-in, to consent and back into the app: with a real browser, in every way that there is to leave."""

import pytest

from .conftest import OpenVisitor
from .visitor import LOCAL, NATIVE, WEB, Visitor

pytestmark = pytest.mark.xdist_group("pages")

TABS = 20


@pytest.mark.parametrize("options", [{}, {"java_script_enabled": False}], ids=["usual", "without_scripts"])
def test_a_person_signs_in_allows_and_is_back_in_the_app(open_visitor: OpenVisitor, options: dict[str, bool]) -> None:
    visitor = open_visitor(**options)
    visitor.begin(prompt="consent")
    visitor.sign_in()
    visitor.allow()
    answer = visitor.answer()
    assert answer["code"].startswith("gp_code_")
    assert (answer["state"], answer["iss"]) == ("a state", visitor.issuer)


def test_no_is_an_answer_too(visitor: Visitor) -> None:
    visitor.begin(prompt="consent")
    visitor.sign_in()
    visitor.page.click("#deny")
    assert visitor.answer()["error"] == "access_denied"


def test_who_turned_back_may_think_better_of_it(visitor: Visitor) -> None:
    """Nothing was said yet that could be taken back, so the page is as good as it was, and leads all the way."""
    visitor.begin(prompt="consent")
    visitor.page.click("#cancel button")
    assert visitor.answer()["error"] == "access_denied"
    visitor.page.go_back()
    visitor.sign_in()
    visitor.allow()
    assert "code" in visitor.answer()


def test_a_wrong_password_can_be_mended(visitor: Visitor) -> None:
    page = visitor.begin()
    page.fill("#email", visitor.who.email)
    page.fill("#password", "not the password")
    page.click("#submit")
    assert page.get_by_role("alert").is_visible()
    assert page.input_value("#email") == visitor.who.email
    page.fill("#password", visitor.who.password)
    page.click("#submit")
    page.wait_for_url("**/consent/*")


def test_an_app_on_this_computer_is_reached_at_its_port(visitor: Visitor) -> None:
    local = LOCAL._replace(redirect="http://127.0.0.1:51004/callback")
    visitor.begin(local)
    visitor.sign_in()
    visitor.allow()
    assert "code" in visitor.answer(app=local)


@pytest.mark.parametrize("options", [{}, {"java_script_enabled": False}], ids=["usual", "without_scripts"])
def test_an_app_on_the_device_is_opened_by_its_scheme(open_visitor: OpenVisitor, options: dict[str, bool]) -> None:
    visitor = open_visitor(**options)
    visitor.begin(NATIVE)
    visitor.sign_in()
    url = visitor.leaves_for(visitor.allow, "com.example.editor:")
    assert url.startswith("com.example.editor:/callback?code=gp_code_")


@pytest.mark.parametrize("has_scripts", [True, False])
def test_an_answer_may_be_posted(open_visitor: OpenVisitor, has_scripts: bool) -> None:
    visitor = open_visitor(java_script_enabled=has_scripts)
    page = visitor.begin(prompt="consent", response_mode="form_post")
    visitor.sign_in()
    with page.expect_request(WEB.redirect) as posted:
        visitor.allow()
        if not has_scripts:
            page.click("#continue")
    assert posted.value.method == "POST"
    assert "code=gp_code_" in (posted.value.post_data or "")


def test_many_tabs_at_once_do_not_disturb_each_other(visitor: Visitor) -> None:
    tabs = [visitor.open_tab() for _ in range(TABS)]
    for number, tab in enumerate(tabs):
        visitor.begin(page=tab, state=f"state {number}", prompt="consent")
    for tab in tabs:
        visitor.sign_in(tab)
    for tab in reversed(tabs):
        visitor.allow(tab)
    assert [visitor.answer(tab)["state"] for tab in tabs] == [f"state {number}" for number in range(TABS)]


def test_a_tab_that_was_left_open_goes_on_after_signing_in_in_another(visitor: Visitor) -> None:
    early = visitor.begin(page=visitor.open_tab())
    visitor.begin()
    visitor.sign_in()
    visitor.page.wait_for_url("**/consent/*")
    early.reload()
    visitor.sign_in(early)
    early.wait_for_url("**/consent/*")


def test_going_back_from_consent_ends_nothing(visitor: Visitor) -> None:
    page = visitor.begin(prompt="consent")
    visitor.sign_in()
    page.wait_for_url("**/consent/*")
    page.go_back()
    page.go_forward()
    visitor.allow()
    assert "code" in visitor.answer()
