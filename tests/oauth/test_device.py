"""User codes and device codes. RFC 8628 §6.1."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.oauth.device import (
    ALPHABET,
    DeviceCode,
    dump_device_code,
    load_device_code,
    make_user_code,
    parse_user_code,
    render_user_code,
)


@given(st.binary(min_size=16, max_size=16))
def test_a_code_that_is_shown_can_be_typed(entropy: bytes) -> None:
    code = make_user_code(entropy)
    assert set(code) <= set(ALPHABET)
    assert parse_user_code(render_user_code(code)) == code
    assert parse_user_code(f" {render_user_code(code).lower()}\n") == code


def test_every_letter_stands_in_every_place() -> None:
    codes = [make_user_code(number.to_bytes(16, "big")) for number in (0, 20**8 - 1, 20**8)]
    assert codes == ["BBBBBBBB", "ZZZZZZZZ", "BBBBBBBB"]


@pytest.mark.parametrize("text", ["", "BCDF-GHJ", "BCDF-GHJKL", "ACDF-GHJK", "BCDF-GHJ1", "BCDF GHJ\u0416", "-" * 500])
def test_what_cannot_be_a_code_is_none(text: str) -> None:
    assert parse_user_code(text) is None


@given(st.text())
def test_any_text_may_be_typed(text: str) -> None:
    code = parse_user_code(text)
    assert code is None or parse_user_code(code) == code


def test_a_device_code_says_what_it_said() -> None:
    code = DeviceCode("BCDFGHJK", "app", 1, 2)
    assert load_device_code(dump_device_code(code)) == code
