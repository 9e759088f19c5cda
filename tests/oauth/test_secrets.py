"""Secrets that hide, texts that carry them, ids, and the instance key."""

import copy
import hmac
import json
import logging
import pickle
import traceback
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from gatepost.secrets import (
    API_KEY,
    CLIENT_SECRET,
    REFRESH_TOKEN,
    SIGN_IN_LINK,
    Keyring,
    Secret,
    new_id,
    parse_id,
    parse_start,
    parse_text,
    render_id,
    render_text,
)

CANARY = "canary-8d1f"
ONE, TWO = bytes([1]) * 32, bytes([2]) * 32


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        ascii,
        lambda secret: f"{secret}",
        lambda secret: f"{secret!r:>20}",
        lambda secret: format(secret, "x"),
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031  # the old ways must hide it too
        lambda secret: "{}".format(secret),  # noqa: UP032  # likewise
        lambda secret: repr([secret, {"key": secret}]),
        lambda secret: logging.LogRecord("x", 20, "x", 1, "%s", (secret,), None).getMessage(),
    ],
)
def test_a_secret_shows_stars(show: Callable[[Secret], str]) -> None:
    shown = show(Secret(CANARY))
    assert CANARY not in shown
    assert "***" in shown


@pytest.mark.parametrize("spill", [pickle.dumps, copy.deepcopy, copy.copy, json.dumps, vars])
def test_a_secret_is_not_copied_out(spill: Callable[[Secret], object]) -> None:
    with pytest.raises(TypeError):
        spill(Secret(CANARY))


def test_a_traceback_with_variables_shows_stars() -> None:
    def fail(secret: Secret) -> None:
        raise RuntimeError("a fault")

    try:
        fail(Secret(CANARY))
    except RuntimeError as fault:
        shown = "".join(traceback.TracebackException.from_exception(fault, capture_locals=True).format())
    assert "***" in shown
    assert f"'{CANARY}'" not in shown


def test_secrets_are_equal_by_their_text() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1
    assert Secret("ä").reveal() == "ä"


@pytest.mark.parametrize("prefix", [REFRESH_TOKEN, API_KEY, CLIENT_SECRET, SIGN_IN_LINK])
@given(payload=st.binary(max_size=100))
def test_texts_come_back(prefix: str, payload: bytes) -> None:
    text = render_text(prefix, payload)
    assert parse_text(prefix, text) == payload
    assert [parse_text(other, text) for other in {REFRESH_TOKEN, API_KEY, CLIENT_SECRET, SIGN_IN_LINK} - {prefix}] == [
        None
    ] * 3


@given(st.text(max_size=60) | st.text("ABab01-_=+/ ", max_size=60).map(API_KEY.__add__))
def test_any_text_is_one_to_the_last_bit_or_none(text: str) -> None:
    payload = parse_text(API_KEY, text)
    assert payload is None or render_text(API_KEY, payload) == text


def test_a_mistyped_character_is_noticed() -> None:
    text = render_text(API_KEY, bytes(range(64)))
    for index, character in enumerate(text):
        assert parse_text(API_KEY, text[:index] + ("B" if character == "A" else "A") + text[index + 1 :]) is None
        assert parse_text(API_KEY, text[:index] + text[index + 1 :]) is None


def test_a_long_text_is_refused_before_it_is_decoded() -> None:
    assert parse_text(API_KEY, render_text(API_KEY, bytes(1000))) is None
    assert parse_start(API_KEY, render_text(API_KEY, bytes(1000)), 16) is None


@given(st.text(max_size=60) | st.text("ABab01-_=+/ ", max_size=60).map(API_KEY.__add__), st.integers(0, 40))
def test_the_start_of_any_text_is_whole_or_none(text: str, length: int) -> None:
    start = parse_start(API_KEY, text, length)
    assert start is None or (len(start) == length and text.startswith(API_KEY))


def test_the_start_is_what_was_written() -> None:
    payload = bytes(range(64))
    for length in range(len(payload)):
        assert parse_start(API_KEY, render_text(API_KEY, payload), length) == payload[:length]


def test_ids_sort_by_time_and_never_repeat() -> None:
    ids = [new_id() for _ in range(100_000)]
    assert len(set(ids)) == len(ids)
    assert {id[6] >> 4 for id in ids} == {7}
    assert {id[8] >> 6 for id in ids} == {2}
    assert {len(id) for id in ids} == {16}
    stamps = [id[:8] for id in ids]
    assert stamps == sorted(stamps), "the instant leads; the clock did not go back"
    randoms = [int.from_bytes(id[8:], "big") & (1 << 62) - 1 for id in ids[:20_000]]
    for bit in range(62):
        assert 0.45 < sum(each >> bit & 1 for each in randoms) / len(randoms) < 0.55


@given(st.binary(min_size=16, max_size=16))
def test_ids_come_back(raw: bytes) -> None:
    assert parse_id("org", render_id("org", raw)) == raw


DIGITS = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "org_",
            DIGITS,
            f"app_{DIGITS}",
            f"org_{DIGITS}0",
            f"org_{DIGITS[1:]}",
            f"org_{DIGITS.upper()}",
            f"ORG_{DIGITS}",
        ),
        *(
            f"org_{DIGITS[:-1]}g",
            f"org_{DIGITS[:-1]} ",
            f" org_{DIGITS}",
            f"org_{DIGITS}\n",
            f"org-{DIGITS}",
            f"org_ {DIGITS[1:]}",
        ),
        *(f"org_{DIGITS[:-1]}\u0661", f"org_{DIGITS[:-1]}\uff11", f"org_{DIGITS[:30]} 1", f"org_org_{DIGITS[4:]}"),
    ],
)
def test_anything_else_is_no_id(text: str) -> None:
    assert parse_id("org", text) is None


@given(st.text(max_size=40) | st.text("0123456789abcdefABC _", min_size=30, max_size=34).map("org_".__add__))
def test_any_text_is_an_id_or_none(text: str) -> None:
    raw = parse_id("org", text)
    assert raw is None or render_id("org", raw) == text


def test_a_fresh_key_file_is_read() -> None:
    text = Keyring.fresh_text()
    assert Keyring.parse(text).hash_secret("x") == Keyring.parse(text + "\n").hash_secret("x")
    assert Keyring.fresh_text() != text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "1",
        "1:",
        ":",
        "x:AAAA",
        "1:AAAA",
        f"0:{'A' * 43}=",
        f"65536:{'A' * 43}=",
        f"-1:{'A' * 43}=",
        "1:\u00e4",
        f"1:{'A' * 42}",
    ],
)
def test_a_broken_key_file_is_refused_with_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Keyring.parse(text)


def test_a_key_file_of_another_shape_is_not_repeated() -> None:
    secret = "rjegI3YB8HwapQXEqZh28YvN4p9q48jfZ1C8WS5Z7M="
    for text in (secret, f"{secret}:1", f"1:{secret}:{secret}"):
        with pytest.raises(ValueError, match=r".+") as refused:
            Keyring.parse(text)
        assert secret[:6] not in str(refused.value)


@given(st.text(max_size=80))
def test_any_key_file_is_read_or_refused_with_a_value_error(text: str) -> None:
    try:
        Keyring.parse(text)
    except ValueError:
        return


def test_the_newest_version_makes_and_every_version_checks() -> None:
    one, both = Keyring({1: ONE}), Keyring({1: ONE, 2: TWO})
    sealed = one.seal(b"purpose", b"plain", b"context")
    assert both.unseal(b"purpose", sealed, b"context") == b"plain"
    assert both.current == 2
    assert both.hash_secret("x", 1) == one.hash_secret("x") != both.hash_secret("x")
    assert both.mac(1, b"x") == one.mac(1, b"x") != both.mac(2, b"x")
    assert one.mac(2, b"x") is None
    assert one.hash_secret("x", 9) == b""


@pytest.mark.parametrize("message", [b"", b"x", b"x" * 63, b"x" * 64, b"x" * 1000], ids=len)
def test_macs_and_hashes_are_hmac_sha256(message: bytes) -> None:
    ring = Keyring({1: ONE})
    for purpose, made in (
        (b"refresh token", ring.mac(1, message)),
        (b"secret hash", ring.hash_secret(message.decode())),
    ):
        key = HKDF(SHA256(), 32, None, b"gatepost " + purpose).derive(ONE)
        assert made == hmac.digest(key, message, "sha256")


def test_what_is_sealed_opens_for_its_purpose_alone() -> None:
    ring = Keyring({1: ONE})
    sealed = ring.seal(b"purpose", b"plain", b"context")
    assert ring.seal(b"purpose", b"plain", b"context") != sealed
    assert ring.unseal(b"other", sealed, b"context") is None
    assert ring.unseal(b"purpose", sealed, b"other") is None
    assert Keyring({1: TWO}).unseal(b"purpose", sealed, b"context") is None
    assert Keyring({2: ONE}).unseal(b"purpose", sealed, b"context") is None
    for index in range(len(sealed)):
        changed = bytearray(sealed)
        changed[index] ^= 1
        assert ring.unseal(b"purpose", bytes(changed), b"context") is None
        assert ring.unseal(b"purpose", sealed[:index], b"context") is None


def test_purposes_have_keys_of_their_own() -> None:
    ring = Keyring({1: ONE})
    assert ring.mac(1, b"x") != ring.hash_secret("x")


def test_a_keyring_shows_its_versions_alone() -> None:
    assert repr(Keyring({1: ONE, 7: TWO})) == "Keyring(versions=[1, 7])"
