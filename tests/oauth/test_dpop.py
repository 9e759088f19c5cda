"""Proofs of possession, judged without a server: URLs that are the same, nonces of this time, keys by their names."""

import pytest

from gatepost.oauth.dpop import NONCE_SECONDS, check_proof, is_recent, normal_uri, origin_of, render_nonce, thumbprint
from gatepost.secrets import Keyring

NOW = 1_800_000_000
PLACE = "https://gate.test/token"

OLD, NEW = Keyring({1: b"a" * 32}), Keyring({1: b"a" * 32, 2: b"b" * 32})


@pytest.mark.parametrize(
    "uri",
    [
        PLACE,
        "HTTPS://GATE.test/token",
        "https://gate.test:443/token",
        "https://gate.test:/token",
        "https://gate.test/token?a=b",
        "https://gate.test/token#here",
        "https://gate.test/%74oken",
    ],
)
def test_urls_that_are_the_same(uri: str) -> None:
    assert normal_uri(uri) == PLACE


@pytest.mark.parametrize(
    "uri",
    [
        "https://gate.test/Token",
        "https://gate.test/token/",
        "https://gate.test//token",
        "https://gate.test/a/../token",
        "https://gate.test/token%2F",
        "https://gate.test:8443/token",
        "https://gate.test.evil.test/token",
        "http://gate.test/token",
    ],
)
def test_urls_that_are_others(uri: str) -> None:
    assert normal_uri(uri) != PLACE


@pytest.mark.parametrize(
    "uri",
    [
        *("", "gate.test/token", "//gate.test/token", "ftp://gate.test/token", "https:///token", "urn:x:y"),
        *("https://a@gate.test/token", "https://gate.test:x/token", "https://gate.test:99999/", "https://[::1/"),
        *(" https://gate.test/token", "https://gate.test/to\nken", "https://gäte.test/token", None, 7, ["x"]),
    ],
)
def test_what_is_no_url_is_none(uri: object) -> None:
    with pytest.raises(ValueError, match=r"URL|Port|IPv6|port"):
        normal_uri(uri)


def test_the_same_path_in_two_spellings() -> None:
    assert normal_uri("http://[::1]:80/a%7eb%2fc") == normal_uri("http://[::1]/a~b%2Fc") == "http://[::1]/a~b%2Fc"
    assert normal_uri("https://gate.test") == "https://gate.test/"


def test_where_something_is() -> None:
    assert origin_of("HTTPS://API.test:8443/v1?x") == "https://api.test:8443"
    assert [origin_of(each) for each in ("urn:api", "api.test", "", "https://[")] == [""] * 4


def test_the_thumbprint_of_the_rfc() -> None:
    """RFC 7638 §3.1; and of an elliptic key, RFC 9449 §6.1, by what it is made of and nothing else."""
    n = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhM"
        "stn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5h"
        "ajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    assert thumbprint({"kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}) == (
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    )
    point = {
        "kty": "EC",
        "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
        "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
        "crv": "P-256",
    }
    assert thumbprint(point) == thumbprint(point | {"use": "sig"}) == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


def test_the_proof_of_the_rfc() -> None:
    """RFC 9449 §4.1, Figure 2."""
    proof = (
        "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRj"
        "QyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGk"
        "iOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyM"
        "jYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
    )
    found = check_proof(proof, "POST", "https://server.example.com/token", 1_562_262_616)
    assert found.jkt == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


def test_a_nonce_is_good_for_its_time_and_the_next() -> None:
    start = NOW - NOW % NONCE_SECONDS
    nonce = render_nonce(OLD, start)
    assert render_nonce(OLD, start + NONCE_SECONDS - 1) == nonce
    assert render_nonce(OLD, start + NONCE_SECONDS) != nonce
    good = [start, start + 2 * NONCE_SECONDS - 1, start - NONCE_SECONDS]
    assert all(is_recent(nonce, OLD, at) for at in good)
    assert not any(is_recent(nonce, OLD, at) for at in (start + 2 * NONCE_SECONDS, start - NONCE_SECONDS - 1))


def test_a_nonce_survives_a_new_version_of_the_key_and_nothing_else() -> None:
    nonce = render_nonce(OLD, NOW)
    assert is_recent(nonce, NEW, NOW)
    assert not is_recent(render_nonce(NEW, NOW), OLD, NOW), "a version that it does not have"
    assert not is_recent(render_nonce(Keyring({1: b"c" * 32}), NOW), OLD, NOW)
    head = nonce[:14]  # version and window, without a MAC
    for wrong in ("", head, nonce[:-1], nonce + "A", "A" * len(nonce), "ä", "=", None, 7, [nonce]):
        assert not is_recent(wrong, OLD, NOW)
