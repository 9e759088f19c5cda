"""Scopes: grammar and ceiling. RFC 6749 §3.3."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.errors import OAuthError
from gatepost.light import replace
from gatepost.oauth.scope import MAX_LENGTH, check_ceiling, lowered, parse_scope
from gatepost.records import ApiKey

from .worst import ALLOWED, BODY, cpu_of


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", ()),
        ("read", ("read",)),
        ("read write", ("read", "write")),
        ("write read write", ("write", "read")),
        ("Read read", ("Read", "read")),
        (
            "https://api.example/x:y!#$%&'()*+,-./;<=>?@[]^_`{|}~",
            ("https://api.example/x:y!#$%&'()*+,-./;<=>?@[]^_`{|}~",),
        ),
        ("a" * MAX_LENGTH, ("a" * MAX_LENGTH,)),
    ],
)
def test_tokens_once_and_in_their_order(text: str, tokens: tuple[str, ...]) -> None:
    assert parse_scope(text) == tokens


@pytest.mark.parametrize(
    "text",
    [
        " ",
        " a",
        "a ",
        "a  b",
        "a\tb",
        "a\nb",
        'a"b',
        "a\\b",
        "a\x00",
        "a\x7f",
        "\u00e9",
        "a\u00a0b",
        "\ud800",
        "a" * (MAX_LENGTH + 1),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(OAuthError) as refused:
        parse_scope(text)
    assert refused.value.code == "invalid_scope"


@pytest.mark.parametrize("text", ["a " * (BODY // 2), "a" * BODY, "a" * BODY + '"', "a " * 1023 + '"'])
def test_refusing_is_cheap(text: str) -> None:
    assert cpu_of(parse_scope, text) < ALLOWED


@given(st.text(max_size=40))
def test_what_is_parsed_is_what_was_sent(text: str) -> None:
    try:
        tokens = parse_scope(text)
    except OAuthError:
        return
    assert set(tokens) == set(text.split(" ")) - {""}


def test_the_ceiling_names_what_is_over_it() -> None:
    assert check_ceiling(("a", "b"), ("b", "a", "c")) == ("a", "b")
    assert check_ceiling((), ()) == ()
    with pytest.raises(OAuthError, match="x y") as refused:
        check_ceiling(("x", "a", "y"), ("a",))
    assert refused.value.code == "invalid_scope"
    assert refused.value.extra["allowed"] == ["a"]


@pytest.mark.parametrize(
    ("scope", "ceiling", "left"),
    [
        ("a b", "a b", "a b"),
        ("a b", "b c", "b"),
        ("a b", "c", ""),
        ("a b", "", "a b"),
        ("", "a", ""),
        ("ab", "a b", ""),
    ],
)
def test_a_granted_scope_is_lowered_to_the_ceiling_of_today(scope: str, ceiling: str, left: str) -> None:
    assert lowered(scope, ceiling) == left


@pytest.mark.parametrize("held", ["", "apps:reads", "apps:rea xapps:read", "xapps:ready tokens:issue"])
def test_a_key_has_a_power_whole_or_not_at_all(held: str) -> None:
    key = ApiKey(bytes(16), bytes(16), "Key", held, b"", 1, 0, None, None, None)
    assert not key.may("apps:read")
    assert replace(key, scopes=f"{held} apps:read".strip()).may("apps:read")
