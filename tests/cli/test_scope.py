"""Plain words for scopes from the command line."""

import pytest

from cli.conftest import Gatepost

ARABIC = "\u0631\u0624\u064a\u0629 \u0648\u0643\u0644\u0627\u0626\u0643"


def test_a_scope_is_described_in_two_languages_and_forgotten_again(gatepost: Gatepost, acme: str) -> None:
    for locale, text in (
        ("en", "See your agents"),
        ("ar", ARABIC),
        ("en", "See the agents"),
    ):
        made = gatepost.json("scope", "describe", "agents:read", text, "--org", acme, "--locale", locale)
        assert made == {"scope": "agents:read", "locale": locale, "text": text}
    listed = gatepost.json("scope", "list", "--org", acme)
    assert [(each["locale"], each["text"]) for each in listed] == [("ar", ARABIC), ("en", "See the agents")]
    dropped = gatepost.json("scope", "delete", "agents:read", "--org", acme, "--locale", "ar")
    assert dropped == {"scope": "agents:read", "locales": ["ar"], "deleted": True}
    gatepost.json("scope", "delete", "agents:read", "--org", acme)
    assert gatepost.json("scope", "list", "--org", acme) == []
    gatepost.refused(4, "scope", "delete", "agents:read", "--org", acme)


def test_an_organization_speaks_for_itself(gatepost: Gatepost, acme: str) -> None:
    gatepost.json("org", "create", "Beta")
    gatepost.json("scope", "describe", "read", "Read it", "--org", acme)
    assert gatepost.json("scope", "list", "--org", "Beta") == []
    gatepost.refused(4, "scope", "delete", "read", "--org", "Beta")


@pytest.mark.parametrize(
    ("scope", "text", "locale", "error"),
    [
        ("a b", "Text", "en", "invalid_scope"),
        ('a"b', "Text", "en", "invalid_scope"),
        ("read", "", "en", "invalid_request"),
        ("read", "All \u202egood", "en", "invalid_request"),
        ("read", "x" * 201, "en", "invalid_request"),
        ("read", "Text", "EN", "invalid_request"),
        ("read", "Text", "english", "invalid_request"),
    ],
)
def test_what_would_not_read_well_is_refused(
    gatepost: Gatepost, acme: str, scope: str, text: str, locale: str, error: str
) -> None:
    assert gatepost.refused(2, "scope", "describe", scope, text, "--org", acme, "--locale", locale)["error"] == error
