"""Base64url: one text for any bytes. RFC 4648 §5, RFC 7515 §2."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost import base64url


@given(st.binary(max_size=100))
def test_bytes_come_back(data: bytes) -> None:
    assert base64url.decode(base64url.encode(data)) == data
    assert base64url.encode(data) == base64.urlsafe_b64encode(data).rstrip(b"=")


@pytest.mark.parametrize(
    "bad",
    [
        b"A",
        b"AB=",
        b"AA==",
        b"AB",
        b"AAB",
        b"+A",
        b"/w",
        b"A A",
        b"AAAA\n",
        b"\xff\xff",
        "АА".encode(),
        b"AA.A",
        b"=",
        b"A===",
    ],
)
def test_any_other_spelling_is_refused(bad: bytes) -> None:
    with pytest.raises(ValueError, match="base64url"):
        base64url.decode(bad)
