"""Our own signatures, checked against another implementation. RFC 7515, RFC 7518 §3.4, RFC 7638."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from gatepost import base64url
from gatepost.jose import ACCESS_TOKEN_TYPE, RS256, TYPES, SigningKey

CLAIMS = {
    "iss": "https://id.example",
    "sub": "usr_1",
    "aud": "x",
    "exp": 1_800_000_600,
    "iat": 1_800_000_000,
    "ä": "\u2028",
}
KEY = SigningKey(ec.derive_private_key(0x6A7E9057, ec.SECP256R1()))
"""The same in every process: its kid is in the names of tests."""
TOKEN = KEY.mint(CLAIMS)
HEAD, PAYLOAD, SIGNATURE = TOKEN.split(".")


def segment(content: object) -> str:
    return base64url.encode(json.dumps(content).encode()).decode()


def test_what_we_mint_we_open() -> None:
    assert KEY.public.open(TOKEN.encode()) == CLAIMS
    assert SigningKey.load(KEY.dump()).public.open(TOKEN.encode()) == CLAIMS


def test_a_signature_has_64_bytes_also_where_one_of_its_numbers_is_short() -> None:
    signed = [KEY.mint({"n": n}) for n in range(1000)]
    assert {len(base64url.decode(token.rpartition(".")[2].encode())) for token in signed} == {64}
    assert [KEY.public.open(token.encode())["n"] for token in signed] == list(range(1000))


def test_another_implementation_opens_it_with_the_jwk() -> None:
    token = jwt.decode(TOKEN, ECKey.import_key(dict(KEY.public.jwk)), algorithms=["ES256"])
    assert token.claims == CLAIMS
    assert token.header == {"alg": "ES256", "typ": ACCESS_TOKEN_TYPE, "kid": KEY.kid}


def test_we_open_what_another_implementation_signs_with_our_key() -> None:
    der = serialization.load_der_private_key(KEY.dump(), None)
    pem = der.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    foreign = jwt.encode({"alg": "ES256", "typ": ACCESS_TOKEN_TYPE, "kid": KEY.kid}, CLAIMS, ECKey.import_key(pem))
    head, _, rest = foreign.partition(".")
    assert json.loads(base64url.decode(head.encode())) == json.loads(base64url.decode(HEAD.encode()))
    if head == HEAD:
        assert KEY.public.open(foreign.encode()) == CLAIMS
    assert rest


def test_the_kid_is_the_thumbprint() -> None:
    for _ in range(20):
        key = SigningKey.generate()
        assert key.kid == ECKey.import_key(dict(key.public.jwk)).thumbprint()


def test_the_jwk_is_public_and_whole() -> None:
    assert KEY.public.jwk.keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    for _ in range(300):
        jwk = SigningKey.generate().public.jwk
        assert len(jwk["x"]) == len(jwk["y"]) == 43, "leading zeros are kept"


def test_a_key_shows_nothing_of_its_private_half() -> None:
    assert repr(KEY) == f"SigningKey({KEY.kid})"


HEADERS: list[dict[str, Any]] = [
    {"alg": "none"},
    {"alg": "NONE", "typ": ACCESS_TOKEN_TYPE, "kid": KEY.kid},
    {"alg": "HS256", "typ": ACCESS_TOKEN_TYPE, "kid": KEY.kid},
    {"alg": "ES384", "typ": ACCESS_TOKEN_TYPE, "kid": KEY.kid},
    {"alg": "ES256", "typ": "JWT", "kid": KEY.kid},
    {"alg": "ES256", "typ": ACCESS_TOKEN_TYPE, "kid": KEY.kid, "crit": ["x"]},
    {"alg": "ES256", "typ": ACCESS_TOKEN_TYPE, "kid": KEY.kid, "b64": False},
    {"alg": "ES256", "typ": ACCESS_TOKEN_TYPE, "kid": KEY.kid, "jku": "https://evil.test/jwks"},
]


@pytest.mark.parametrize("header", HEADERS, ids=json.dumps)
@pytest.mark.parametrize(
    "signature", [SIGNATURE, "", base64url.encode(bytes(64)).decode()], ids=["same", "none", "zeros"]
)
def test_another_header_is_refused(header: dict[str, Any], signature: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        KEY.public.open(f"{segment(header)}.{PAYLOAD}.{signature}".encode())


def test_the_public_key_is_no_hmac_key() -> None:
    secret = OctKey.import_key(json.dumps(KEY.public.jwk).encode())
    forged = jwt.encode({"alg": "HS256", "typ": ACCESS_TOKEN_TYPE, "kid": KEY.kid}, CLAIMS, secret)
    with pytest.raises(ValueError, match=r".+"):
        KEY.public.open(forged.encode())


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(f"{HEAD}.{segment({**CLAIMS, 'sub': 'usr_2'})}.{SIGNATURE}", id="other claims"),
        pytest.param(f"{HEAD}.{PAYLOAD}.{SIGNATURE[:-2]}AA", id="another signature"),
        pytest.param(f"{HEAD}.{PAYLOAD}.{SIGNATURE}AAAA", id="a longer signature"),
        pytest.param(f"{HEAD}.{PAYLOAD}.{SIGNATURE}==", id="a padded signature"),
        pytest.param(f"{HEAD}.{PAYLOAD}=.{SIGNATURE}", id="a padded payload"),
        pytest.param(f"{HEAD}.{PAYLOAD}.", id="no signature"),
        pytest.param(f"{HEAD}.{PAYLOAD}", id="two parts"),
        pytest.param(f"{HEAD}..{SIGNATURE}", id="no payload"),
        pytest.param(f"{HEAD}.{PAYLOAD}.{base64url.encode(bytes(64)).decode()}", id="zeros"),
        pytest.param(f"{HEAD}.{PAYLOAD}.{'_' * 85}w", id="ones"),
        pytest.param(f"{HEAD}.{PAYLOAD}.{SIGNATURE}.{SIGNATURE}", id="four parts"),
        pytest.param("." * 8000, id="dots"),
        pytest.param("", id="nothing"),
    ],
)
def test_a_tampered_token_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        KEY.public.open(token.encode())


def test_every_flipped_bit_is_refused() -> None:
    raw = TOKEN.encode()
    for index in range(len(raw)):
        for bit in (0, 3, 7):
            flipped = bytearray(raw)
            flipped[index] ^= 1 << bit
            with pytest.raises(ValueError, match=r".+"):
                KEY.public.open(bytes(flipped))


def test_another_keys_token_is_refused() -> None:
    other = SigningKey.generate()
    with pytest.raises(ValueError, match="header"):
        other.public.open(TOKEN.encode())
    with pytest.raises(ValueError, match="signature"):
        other.public.open(b".".join((other.public.heads[ACCESS_TOKEN_TYPE], PAYLOAD.encode(), SIGNATURE.encode())))


@pytest.mark.parametrize("typ", TYPES)
def test_an_rs256_key_signs_what_another_implementation_opens(typ: str) -> None:
    key = SigningKey.generate(RS256)
    token = key.mint(CLAIMS, typ)
    opened = jwt.decode(token, RSAKey.import_key(dict(key.public.jwk)), algorithms=["RS256"])
    assert (opened.header, opened.claims) == ({"alg": "RS256", "typ": typ, "kid": key.kid}, CLAIMS)
    assert key.public.open(token.encode()) == CLAIMS
    assert key.kid == RSAKey.import_key(dict(key.public.jwk)).thumbprint()
    assert SigningKey.load(key.dump()).kid == key.kid
    with pytest.raises(ValueError, match="signature"):
        key.public.open(token.encode()[:-4] + b"AAAA")


def test_a_key_of_another_kind_is_not_loaded() -> None:
    der = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(TypeError):
        SigningKey.load(der)


def test_only_a_p256_key_is_loaded() -> None:
    der = ec.generate_private_key(ec.SECP384R1()).private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises((TypeError, OverflowError)):
        SigningKey.load(der)


@given(st.binary(max_size=300) | st.text("eyJ.AZaz09-_=", max_size=200).map(str.encode))
def test_any_bytes_are_refused_with_a_value_error(token: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        KEY.public.open(token)
