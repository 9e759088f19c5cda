"""Passwords of people. NIST SP 800-63B §5.1.1."""

import pytest
from argon2 import PasswordHasher, extract_parameters
from hypothesis import given
from hypothesis import strategies as st

from gatepost.errors import GatepostError
from gatepost.passwords import MAX_CHARACTERS, MIN_CHARACTERS, check_password, hash_password


@pytest.mark.parametrize(
    "password",
    ["x" * MIN_CHARACTERS, "x" * MAX_CHARACTERS, "correct horse battery staple", "\u00e4" * 8, "\U0001f600" * 8],
)
def test_long_enough_ones_are_welcome(password: str) -> None:
    check_password(password)


@pytest.mark.parametrize(
    "password", ["", "x" * (MIN_CHARACTERS - 1), "x" * (MAX_CHARACTERS + 1), "x" * 10**6, "\ud800" * 8]
)
def test_others_are_refused_unhashed_and_unquoted(password: str) -> None:
    for refuse in (check_password, hash_password):
        with pytest.raises(GatepostError) as refused:
            refuse(password)
        assert refused.value.code == "invalid_request"
        assert not password or password not in refused.value.description


def test_the_hash_is_argon2id_at_the_floor() -> None:
    hashed = hash_password("correct horse")
    parameters = extract_parameters(hashed)
    assert hashed.startswith("$argon2id$")
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (19 * 1024, 2, 1)
    assert PasswordHasher().verify(hashed, "correct horse")
    assert hash_password("correct horse") != hashed


@given(st.text(st.characters(), max_size=20))
def test_any_text_is_judged(password: str) -> None:
    try:
        check_password(password)
    except GatepostError:
        return
    password.encode()
