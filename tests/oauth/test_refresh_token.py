"""The refresh token: ours to the last bit, or nothing. RFC 6749 §6, RFC 9700 §4.14."""

import base64
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.oauth.refresh_token import NOBODYS, RefreshClaim, is_authentic, parse_refresh_token, render_refresh_token
from gatepost.secrets import API_KEY, REFRESH_TOKEN, Keyring, parse_text, render_text

ORG, GRANT, SALT = bytes(range(16)), bytes(range(100, 116)), bytes(range(200, 216))
ONE, TWO = bytes([1]) * 32, bytes([2]) * 32
RING = Keyring({1: ONE})
TOKEN = render_refresh_token(ORG, GRANT, 7, SALT, RING)
ALPHABET = string.ascii_letters + string.digits + "-_"


def opens(text: str, ring: Keyring = RING, salt: bytes = SALT) -> bool:
    return is_authentic(parse_refresh_token(text), salt, ring)


def test_a_token_says_whose_it_is_and_nothing_of_its_salt() -> None:
    claim = parse_refresh_token(TOKEN)
    assert (claim.org, claim.grant, claim.generation, claim.version) == (ORG, GRANT, 7, 1)
    assert opens(TOKEN)
    assert TOKEN.startswith(REFRESH_TOKEN)
    assert set(TOKEN.removeprefix(REFRESH_TOKEN)) <= set(ALPHABET)
    assert SALT not in (parse_text(REFRESH_TOKEN, TOKEN) or SALT)
    assert TOKEN not in repr(claim)


def test_it_can_be_written_again() -> None:
    assert render_refresh_token(ORG, GRANT, 7, SALT, RING) == TOKEN


@pytest.mark.parametrize("generation", [1, 255, 256, 2**31, 2**40 - 1])
def test_generations_of_any_size(generation: int) -> None:
    token = render_refresh_token(ORG, GRANT, generation, SALT, RING)
    assert parse_refresh_token(token).generation == generation
    assert opens(token)


def test_every_part_is_under_the_mac() -> None:
    others = [
        render_refresh_token(bytes(16), GRANT, 7, SALT, RING),
        render_refresh_token(ORG, bytes(16), 7, SALT, RING),
        render_refresh_token(ORG, GRANT, 8, SALT, RING),
        render_refresh_token(ORG, GRANT, 7, bytes(16), RING),
        render_refresh_token(ORG, GRANT, 7, SALT, Keyring({1: TWO})),
    ]
    assert len({TOKEN, *others}) == 6
    assert not opens(TOKEN, salt=bytes(16))
    assert not opens(TOKEN, Keyring({1: TWO}))
    assert [opens(token) for token in others] == [True, True, True, False, False]


def test_every_flipped_bit_is_refused_even_with_its_checksum_mended() -> None:
    payload = parse_text(REFRESH_TOKEN, TOKEN)
    assert payload
    for bit in range(len(payload) * 8):
        flipped = bytearray(payload)
        flipped[bit // 8] ^= 1 << bit % 8
        assert not opens(render_text(REFRESH_TOKEN, bytes(flipped))), bit


def test_every_changed_character_is_refused() -> None:
    for index, character in enumerate(TOKEN):
        for other in {character.swapcase(), "A", "_", "=", "+", " ", "\u0430"} - {character}:
            assert not opens(TOKEN[:index] + other + TOKEN[index + 1 :]), (index, other)


def test_every_shorter_and_every_longer_one_is_refused() -> None:
    for length in range(len(TOKEN)):
        assert not opens(TOKEN[:length])
        assert not opens(TOKEN[length + 1 :])
        assert not opens(TOKEN[:length] + TOKEN[length + 1 :])
    for suffix in ("=", "==", "A", " ", "\n", "\x00", ".", TOKEN, "A" * 1000):
        assert not opens(TOKEN + suffix)
        assert not opens(suffix + TOKEN)


def test_spare_bits_and_other_alphabets_are_refused() -> None:
    body = TOKEN.removeprefix(REFRESH_TOKEN)
    raw = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    spellings = {
        base64.b64encode(raw).decode(),
        base64.b32encode(raw).decode(),
        raw.hex(),
        base64.b85encode(raw).decode(),
    }
    for last in ALPHABET:
        other = body[:-1] + last
        if other != body and base64.urlsafe_b64decode(other + "=" * (-len(other) % 4)) == raw:
            spellings.add(other)
    assert not [spelling for spelling in spellings if opens(REFRESH_TOKEN + spelling)]
    assert not opens(API_KEY + body)
    assert not opens(TOKEN.upper())
    assert not opens(TOKEN.lower())


def test_an_older_keys_token_opens_and_the_newest_key_makes() -> None:
    both = Keyring({1: ONE, 2: TWO})
    newer = render_refresh_token(ORG, GRANT, 7, SALT, both)
    assert parse_refresh_token(newer).version == 2
    assert opens(TOKEN, both)
    assert opens(newer, both)
    assert opens(newer, Keyring({2: TWO}))


@pytest.mark.parametrize("version", [0, 2, 3, 65535])
def test_an_unknown_key_version_is_refused(version: int) -> None:
    payload = parse_text(REFRESH_TOKEN, TOKEN)
    assert payload
    assert not opens(render_text(REFRESH_TOKEN, version.to_bytes(2, "big") + payload[2:]))
    assert not opens(TOKEN, Keyring({9: ONE}))


def test_nobodys_claim_opens_nothing() -> None:
    assert not is_authentic(NOBODYS, bytes(16), RING)
    assert not is_authentic(NOBODYS, SALT, RING)
    assert not opens("")


def test_a_text_that_an_unknown_version_would_write_does_not_exist() -> None:
    """An empty text must not equal the empty text that stands for "cannot be written"."""
    assert not is_authentic(RefreshClaim("", 5, ORG, GRANT, 7), SALT, RING)


@given(
    st.text(max_size=200)
    | st.text(ALPHABET, max_size=150).map(REFRESH_TOKEN.__add__)
    | st.binary(max_size=100).map(lambda payload: render_text(REFRESH_TOKEN, payload))
)
def test_any_text_is_read_and_none_is_authentic(text: str) -> None:
    assert not opens(text)
