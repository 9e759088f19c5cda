"""Keys of apps: what is public and strong passes, everything else is refused in words."""

from typing import Any

import pytest

from gatepost.errors import OAuthError
from gatepost.oauth.client_keys import check_client_keys

EC = {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}
STRONG = {"kty": "RSA", "n": "w" + "A" * 341, "e": "AQAB"}
URI = "https://app.example/jwks.json"


@pytest.mark.parametrize(
    ("jwks", "jwks_uri"),
    [
        (None, None),
        (None, URI),
        (None, "https://app.example:8443"),
        ({"keys": [EC]}, None),
        ({"keys": [EC, STRONG, {"kty": "OKP", "crv": "Ed25519", "x": "AA"}]}, None),
        ({"keys": [EC] * 20}, None),
    ],
)
def test_public_keys_pass(jwks: Any, jwks_uri: Any) -> None:
    check_client_keys(jwks, jwks_uri)


@pytest.mark.parametrize(
    ("jwks", "jwks_uri", "said"),
    [
        ({"keys": [EC]}, URI, "jwks and jwks_uri exclude each other"),
        (None, "http://app.example/jwks", "https"),
        (None, "https://user@app.example/jwks", "https"),
        (None, "https://app.example/jwks\n", "https"),
        (None, 5, "https"),
        ({}, None, "1 to 20 keys"),
        ([], None, "1 to 20 keys"),
        ("keys", None, "1 to 20 keys"),
        ({"keys": {}}, None, "1 to 20 keys"),
        ({"keys": []}, None, "1 to 20 keys"),
        ({"keys": [EC] * 21}, None, "1 to 20 keys"),
        ({"keys": [EC, "key"]}, None, "Key 1 of jwks is not an object"),
        ({"keys": [EC, {"kty": "oct"}]}, None, "Key 1 of jwks is secret"),
        *(
            ({"keys": [EC | {member: "AA"}]}, None, "is secret")
            for member in ("d", "p", "q", "dp", "dq", "qi", "oth", "k")
        ),
        ({"keys": [STRONG | {"d": "AA"}]}, None, "is secret"),
        ({"keys": [STRONG | {"n": "f" + "_" * 341}]}, None, "under 2,048 bits"),
        ({"keys": [STRONG | {"n": "A" + "A" * 341}]}, None, "under 2,048 bits"),
        ({"keys": [STRONG | {"n": "w" + "+" * 341}]}, None, "under 2,048 bits"),
        ({"keys": [STRONG | {"n": "A" * 5}]}, None, "under 2,048 bits"),
        ({"keys": [STRONG | {"n": 3}]}, None, "under 2,048 bits"),
        ({"keys": [{"kty": "RSA"}]}, None, "under 2,048 bits"),
        ({"keys": [{}]}, None, "neither EC, OKP nor RSA"),
        ({"keys": [{"kty": ["EC"]}]}, None, "neither EC, OKP nor RSA"),
        ({"keys": [EC | {"crv": "secp256k1"}]}, None, "curve"),
        ({"keys": [EC | {"crv": "Ed25519"}]}, None, "curve"),
    ],
)
def test_other_keys_are_refused(jwks: Any, jwks_uri: Any, said: str) -> None:
    with pytest.raises(OAuthError) as refused:
        check_client_keys(jwks, jwks_uri)
    assert refused.value.code == "invalid_request"
    assert said in refused.value.description
