"""What an app says of itself. RFC 6749 §2.2; CK-5 of what must not happen."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.errors import OAuthError
from gatepost.flows.apps import new_client_id
from gatepost.oauth.client_metadata import check_client_id, check_name


@pytest.mark.parametrize("client_id", ["a", "my-app", "A.b_c~1-2", "x" * 200, "app_0193a5c2"])
def test_plain_ids_are_welcome(client_id: str) -> None:
    assert check_client_id(client_id) == client_id


@pytest.mark.parametrize(
    "client_id",
    [
        "",
        "x" * 201,
        "a b",
        "a/b",
        "a:b",
        "a%20b",
        "a+b",
        "a\n",
        "\u00e4",
        "\u0430pp",
        "a\u200b",
        "a\x00",
        "https://app.example/c",
        "*",
    ],
)
def test_ids_that_some_client_would_mangle_are_refused(client_id: str) -> None:
    with pytest.raises(OAuthError) as refused:
        check_client_id(client_id)
    assert refused.value.extra["field"] == "client_id"


@pytest.mark.parametrize(
    ("name", "kept"),
    [("An app", "An app"), ("x" * 200, "x" * 200), ("Cafe\u0301", "Caf\u00e9"), ("\u65e5\u672c", "\u65e5\u672c")],
)
def test_a_name_is_kept_in_one_form(name: str, kept: str) -> None:
    assert check_name(name) == kept


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "\u00a0\u3000",
        "x" * 201,
        "a\nb",
        "a\x00",
        "a\x7f",
        "\u202eevil",
        "a\u200bb",
        "\ufeffa",
        "a\u2028b",
        "\ud800",
        "\ue000",
        "\u3164",
        "a\u2800b",
    ],
)
def test_a_name_that_does_not_show_as_it_is_is_refused(name: str) -> None:
    with pytest.raises(OAuthError, match="label") as refused:
        check_name(name, "label")
    assert refused.value.extra["field"] == "label"


@given(st.text(st.characters(), max_size=30))
def test_any_text_is_a_name_or_refused(text: str) -> None:
    try:
        name = check_name(text)
    except OAuthError:
        return
    assert unicodedata.is_normalized("NFC", name)
    assert name.encode()


def test_fresh_ids_are_good_and_differ() -> None:
    ids = {check_client_id(new_client_id()) for _ in range(1000)}
    assert len(ids) == 1000
