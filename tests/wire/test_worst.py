"""Hostile input to what people see: none of it may cost more than a moment, as one process answers everybody. RFC 9110 §17.5."""

import pytest

from gatepost.flows.people import canonical_email, check_email
from gatepost.ui.rendering import choose_locale
from gatepost.web.cookies import parse_cookies
from gatepost.web.message import MAX_HEAD
from oauth.worst import ALLOWED, BODY, cpu_of

BLANKS, COMMAS = " " * MAX_HEAD, "," * MAX_HEAD


@pytest.mark.parametrize(
    "header",
    [
        f"en{BLANKS}x",
        f"en{BLANKS};{BLANKS}x",
        f"en;q={BLANKS}",
        f"{BLANKS}en",
        f"en{'-x' * MAX_HEAD}!",
        COMMAS,
        "e" * MAX_HEAD,
    ],
)
def test_the_worst_languages_are_cheap(header: str) -> None:
    assert cpu_of(choose_locale, "", header) < ALLOWED


@pytest.mark.parametrize("header", [f"a={BLANKS}x", f"{BLANKS}x", ";" * MAX_HEAD, "a=b;" * (MAX_HEAD // 4)])
def test_the_worst_cookies_are_cheap(header: str) -> None:
    assert cpu_of(parse_cookies, header.encode()) < ALLOWED


@pytest.mark.parametrize(
    "email",
    [
        "a" + "\u0301\u0323" * (BODY // 4),
        "\ufdfa" * (BODY // 3),
        "@" * BODY,
        "a@" + "a." * (BODY // 2),
        "a@" + "a" * BODY,
        "\u3000" * (BODY // 3) + "a@b",
    ],
)
def test_the_worst_address_is_cheap(email: str) -> None:
    assert cpu_of(check_email, email) < ALLOWED


def test_an_address_has_one_form_however_it_is_written() -> None:
    for written in ("Bob@Acme.test", "  bob@acme.test\u3000", "\uff22ob@acme.test", "bob@acme.test" + " " * 1000):
        assert canonical_email(written) == "bob@acme.test"


def test_languages_are_read_with_blanks_and_weights() -> None:
    assert choose_locale("", "fr ; q=0.9 , de-AT;q=0.8, ar; q=0.7") == "de"
    assert choose_locale("", " ar ;q=0.1,de ; q=1.0") == "de"
