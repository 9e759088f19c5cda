"""What can be said of a person: the standard claims, each in its shape, and nothing else. AC-7 of the cases."""

from typing import Any

import pytest

from gatepost.errors import GatepostError
from gatepost.oauth.claims import (
    CLAIMS,
    CLAIMS_OF_SCOPE,
    SAYABLE,
    change_claims,
    claims_of,
    describe_person,
    parse_claim,
    parse_claims,
)
from gatepost.records import User

ANA = User(b"a" * 16, "ana@acme.test", None, 1)
NAMES = ("name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "gender")
ALL_OF_IT: dict[str, Any] = {
    **dict.fromkeys(NAMES, "Ana"),
    **dict.fromkeys(("profile", "picture", "website"), "https://ana.test/me?a=b#c"),
    "birthdate": "1990-12-31",
    "zoneinfo": "America/Argentina/Buenos_Aires",
    "locale": "es-419",
    "phone_number": "+1 (604) 555-1234;ext=5678",
    "address": {"formatted": "Main 7\nBerlin", "street_address": "Main 7", "locality": "Berlin"}
    | {"region": "BE", "postal_code": "10115", "country": "DE"},
}


def refusal(name: str, value: Any) -> GatepostError:
    with pytest.raises(GatepostError) as refused:
        parse_claims({name: value})
    assert refused.value.code == "invalid_request"
    return refused.value


def test_everything_that_discovery_lists_can_be_said_or_is_known() -> None:
    assert set(ALL_OF_IT) == set(SAYABLE)
    ana = change_claims(ANA, parse_claims(ALL_OF_IT), 7)
    known = {"email": "ana@acme.test", "email_verified": False, "phone_number_verified": False, "updated_at": 7}
    assert claims_of(ana) == ALL_OF_IT | known
    assert tuple(claims_of(ana)) == tuple(CLAIMS)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("name", ["Ana María", "محمد علی‌رضا", "山田\u3000太郎", "👩‍🚀", "O'Neil <b>", "n" * 200]),
        ("website", ["http://ana.test", "HTTPS://ana.test:8443/~ana/%20?x=[1]", "https://xn--bcher-kva.test/"]),
        ("birthdate", ["2000-02-29", "0000-02-29", "1990", "0001-01-01"]),
        ("zoneinfo", ["UTC", "Europe/Paris", "Etc/GMT+12"]),
        ("locale", ["de", "en-US", "zh-Hant-TW"]),
        ("phone_number", ["+15551", "+56 (2) 687 2400", "+49.30.1234567", "+123456789012345"]),
        ("address", [{"country": "DE"}, {"street_address": "Main 7\nBack door"}]),
    ],
)
def test_what_may_be_said(name: str, values: list[Any]) -> None:
    assert [parse_claim(name, value) for value in values] == values


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("name", ["n" * 201, "A\nB", "A\0", "\u202eanA", "a\u200bb", "\ud800", "\ue000", 3, True, ["Ana"], {"a": 1}]),
        (
            "website",
            ["ana.test", "javascript:alert(1)", "ftp://ana.test", "https://", "https://u:p@ana.test", "//ana.test"],
        ),
        (
            "website",
            [
                "https://ana.test/ x",
                'https://ana.test/"x',
                "https://ана.test",
                "https://a.test/\nx",
                "https://\u212a.test",
                "https://a.test\\x",
            ],
        ),
        ("website", ["data:text/html,x", "https://a.test/" + "x" * 2048, 7]),
        (
            "birthdate",
            ["1990-02-29", "1990-13-01", "90-12-31", "31.12.1990", "0000", "1990-12", "١٩٩٠", "1990-12-31\n5", 1990],
        ),
        ("zoneinfo", ["Europe/", "/etc/passwd", "../../x", "Europe/Ber lin", "a/b/c/d", "x" * 65, "+02:00"]),
        ("locale", ["german!", "en_US", "e", "-de", "de-", "x" * 36]),
        (
            "phone_number",
            ["030 1234567", "+0x12", "+49", "+1234567890123456", "+49 30 1234567;isub=1", "+49\n30123", "+" + " " * 60],
        ),
        (
            "address",
            [
                "Berlin",
                ["Berlin"],
                {"city": "Berlin"},
                {"country": 7},
                {"country": "D\nE"},
                {"street_address": "x" * 501},
            ],
        ),
    ],
)
def test_what_may_not(name: str, values: list[Any]) -> None:
    for value in values:
        error = refusal(name, value)
        assert error.extra["field"] == name
        assert error.description.startswith(f"{name} ")
        assert len(error.description) < 200, "it does not repeat what was said"


@pytest.mark.parametrize("name", ["email", "email_verified", "phone_number_verified", "updated_at"])
def test_what_gatepost_itself_knows_is_not_taken_from_anybody(name: str) -> None:
    assert "Gatepost itself knows" in refusal(name, True).description
    assert "Gatepost itself knows" in refusal(name, None).description


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("nickName", "Did you mean nickname?"),
        ("phone", "Did you mean phone_number?"),
        ("sub", "There are name, family_name"),
        ("role", "Did you mean profile?"),
        ("x" * 9999, "There are name, family_name"),
    ],
)
def test_a_claim_there_is_not_is_refused_with_the_nearest(name: str, hint: str) -> None:
    error = refusal(name, "x")
    assert hint in error.description
    assert len(error.description) < 400


@pytest.mark.parametrize("document", [None, [], "name", 3, [["name", "Ana"]]])
def test_claims_are_an_object(document: Any) -> None:
    with pytest.raises(GatepostError, match="are a JSON object"):
        parse_claims(document)


def test_what_is_empty_is_taken_away() -> None:
    said = {"name": "", "nickname": None, "website": "  ", "address": {"country": " "}, "locale": "de"}
    assert parse_claims(said) == {"name": None, "nickname": None, "website": None, "address": None, "locale": "de"}
    ana = change_claims(ANA, {"name": "Ana", "locale": "de"}, 5)
    assert (ana.name, claims_of(ana)["locale"]) == ("Ana", "de")
    gone = change_claims(ana, {"name": None, "locale": None}, 6)
    assert (gone.name, gone.profile) == (None, '{"updated_at":6}')


def test_a_text_is_kept_in_one_form() -> None:
    assert parse_claim("name", " Jose\u0301 ") == "José"
    assert parse_claim("address", {"street_address": "A\r\nB\r\n"}) == {"street_address": "A\nB"}


def test_the_time_moves_with_a_change_alone() -> None:
    ana = change_claims(ANA, {"name": "Ana"}, 5)
    assert claims_of(ana)["updated_at"] == 5
    assert change_claims(ana, {"name": "Ana", "nickname": None}, 9) is ana
    assert change_claims(ANA, {"nickname": None}, 9) is ANA
    assert claims_of(change_claims(ana, {"nickname": "A"}, 9)) == claims_of(ana) | {"nickname": "A", "updated_at": 9}


@pytest.mark.parametrize("scope", [*CLAIMS_OF_SCOPE, "profile phone", "openid", "", "profiles"])
def test_a_scope_tells_its_claims_and_no_others(scope: str) -> None:
    ana = change_claims(ANA, ALL_OF_IT, 7)
    wanted = {claim for each in scope.split() for claim in CLAIMS_OF_SCOPE.get(each, ())}
    assert describe_person(ana, scope).keys() == wanted
