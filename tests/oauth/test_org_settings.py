"""What an organization may choose for itself: colours that can be read, languages there are, rules no laxer than the server's."""

import re
from importlib import resources
from typing import Any

import pytest

from gatepost.contrast import GROUNDS, LEAST, contrast, contrast_in, nearest_shade, parse_colour
from gatepost.errors import GatepostError
from gatepost.oauth.org_settings import (
    LANGUAGES,
    SECOND_FACTOR,
    SIGN_IN,
    OrgSettings,
    check_settings,
    lacks,
    may_invite,
    parse_settings,
    render_settings,
)
from gatepost.records import Session
from gatepost.ui.rendering import LOCALES

NOW = 1_800_000_000
HOUR, DAY = 3600, 86_400

SESSION = Session(
    id=b"s" * 16,
    user_id=b"u" * 16,
    salt=b"",
    generation=1,
    rotated_at=NOW,
    created_at=NOW,
    last_seen_at=NOW,
    expires_at=NOW + 14 * DAY,
    auth_time=NOW,
    amr="pwd",
    address=None,
    agent="",
    ended_at=None,
    email="bob@acme.test",
    name=None,
    user_disabled_at=None,
)


def check(**changes: Any) -> OrgSettings:
    return check_settings(changes, OrgSettings(), 12 * HOUR, 14 * DAY)


def refusal(**changes: Any) -> GatepostError:
    with pytest.raises(GatepostError) as refused:
        check(**changes)
    assert refused.value.code == "invalid_request"
    return refused.value


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#ffffff", "#ffffff", 1.0),
        ("#777777", "#ffffff", 4.48),
        ("#767676", "#ffffff", 4.54),
        ("#ff0000", "#ffffff", 4.00),
        ("#0000ff", "#ffffff", 8.59),
    ],
)
def test_contrast_is_that_of_the_standard(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == contrast(other, one) == pytest.approx(ratio, abs=0.005)


def test_colours_are_judged_on_what_pages_are_made_of() -> None:
    css = (resources.files("gatepost.endpoints") / "files" / "colors.css").read_text()
    shades = {name: pair for name, *pair in re.findall(r"--(\w+): light-dark\((#\w+), (#\w+)\)", css)}
    assert [*zip(*GROUNDS.values(), strict=True)] == [tuple(shades[name]) for name in ("panel", "paper")]
    light, dark = shades["accent"]
    assert check(accent=light, accent_dark=dark).shades == (light, dark)


@pytest.mark.parametrize("theme", GROUNDS)
@pytest.mark.parametrize("colour", ["#ffcc00", "#0f766e", "#ff0000", "#808080", "#ffffff", "#000000", "#1b1f23"])
def test_the_nearest_shade_can_be_read_and_none_is_nearer(theme: str, colour: str) -> None:
    shade = nearest_shade(theme, colour)
    assert contrast_in(theme, shade) >= LEAST
    if contrast_in(theme, colour) >= LEAST:
        assert shade == colour
    else:
        assert contrast_in(theme, shade) < LEAST + 0.2, "it is just enough"


def test_a_colour_that_cannot_be_read_is_refused_with_its_contrast_and_the_nearest_that_can() -> None:
    error = refusal(accent="#ffcc00")
    assert error.extra == {"field": "accent", "colour": "#ffcc00", "contrast": "1.45", "nearest": "#8d7000"}
    assert "1.45:1" in error.description
    assert "#8d7000" in error.description
    assert check(accent=error.extra["nearest"])
    assert refusal(accent="#0f766e", accent_dark="#0f766e").extra["field"] == "accent_dark"
    assert refusal(accent="#0079c1").extra["contrast"] == "4.49", "what is not enough is never shown as enough"


def test_the_dark_shade_follows_from_the_light_one_unless_it_is_given() -> None:
    followed = check(accent="#0f766e").shades
    assert followed is not None
    assert contrast_in("dark", followed[1]) >= LEAST
    assert check(accent="#0f766e", accent_dark="#5eead4").shades == ("#0f766e", "#5eead4")
    assert check(accent_dark="#5eead4").shades is None


@pytest.mark.parametrize("text", ["teal", "#12", "#12345", "#0f766e;", "#0f766g", "url(#a)", "#0f766e00", "#０f766e"])
def test_what_is_no_colour_is_refused(text: str) -> None:
    assert refusal(accent=text).extra["field"] == "accent"


def test_a_colour_is_kept_in_one_spelling() -> None:
    assert parse_colour(" #0AF ") == "#00aaff"
    assert check(accent="#067").accent == "#006677"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("languages", ("xx",)),
        ("idle_ttl", 59),
        ("idle_ttl", 12 * HOUR + 1),
        ("session_ttl", 0),
        ("session_ttl", 14 * DAY + 1),
        ("email_domains", ("acme",)),
        ("email_domains", ("a b.test",)),
        ("email_domains", ("bob@acme.test",)),
        ("email_domains", ("acme.test\n",) * 1 + ("x" * 300 + ".test",)),
        ("email_domains", tuple(f"a{number}.test" for number in range(51))),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(field: str, value: Any) -> None:
    assert refusal(**{field: value}).extra["field"] == field


def test_what_is_not_changed_is_not_judged_again() -> None:
    known = check(idle_ttl=12 * HOUR)
    assert check_settings({"accent": "#0f766e"}, known, HOUR, DAY) == known._replace(accent="#0f766e")


def test_settings_are_kept_as_what_differs() -> None:
    chosen = check(accent="#0f766e", languages=("de", "en", "de"), second_factor=True, idle_ttl=HOUR)
    assert chosen.languages == ("de", "en")
    assert parse_settings(render_settings(chosen)) == chosen
    assert render_settings(OrgSettings()) == "{}"
    assert parse_settings('{"second_factor":true,"of_tomorrow":1}') == OrgSettings(second_factor=True)


def test_languages_are_those_of_the_pages() -> None:
    assert tuple(LOCALES) == LANGUAGES


def test_an_address_is_of_a_domain_and_not_of_one_below_it() -> None:
    chosen = check(email_domains=("@Acme.test",))
    assert may_invite(chosen, "bob@acme.test")
    assert not may_invite(chosen, "bob@evil-acme.test")
    assert not may_invite(chosen, "bob@acme.test.evil.test")
    assert not may_invite(chosen, "bob@sub.acme.test")
    assert may_invite(OrgSettings(), "bob@anywhere.test")


@pytest.mark.parametrize(
    ("settings", "session", "later", "lacking"),
    [
        (OrgSettings(), {}, 13 * DAY, ""),
        (OrgSettings(second_factor=True), {}, 0, SECOND_FACTOR),
        (OrgSettings(second_factor=True), {"amr": "pwd otp mfa"}, 0, ""),
        (OrgSettings(session_ttl=HOUR), {}, HOUR - 1, ""),
        (OrgSettings(session_ttl=HOUR), {}, HOUR, SIGN_IN),
        (OrgSettings(session_ttl=HOUR), {"last_seen_at": NOW + HOUR}, HOUR, SIGN_IN),
        (OrgSettings(idle_ttl=HOUR), {}, HOUR - 1, ""),
        (OrgSettings(idle_ttl=HOUR), {}, HOUR, SIGN_IN),
        (OrgSettings(idle_ttl=HOUR), {"last_seen_at": NOW + 2 * HOUR, "longest_rest": 2 * HOUR}, 2 * HOUR, SIGN_IN),
        (OrgSettings(idle_ttl=HOUR, second_factor=True), {}, HOUR, SIGN_IN),
    ],
)
def test_what_a_sign_in_lacks(settings: OrgSettings, session: dict[str, Any], later: int, lacking: str) -> None:
    assert lacks(settings, SESSION._replace(**session), NOW + later) == lacking
