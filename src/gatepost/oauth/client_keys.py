"""The keys an app says are its own: public ones alone, and strong enough. RFC 7517, RFC 7518 §6, RFC 7591 §2."""

import re
from typing import Any

from gatepost import base64url
from gatepost.errors import OAuthError

MAX_KEYS = 20
MAX_NUMBER = 2048
"""Characters of an RSA number."""
LEAST_RSA_BITS = 2048
MOST_EXPONENT_BITS = 64
"""Beyond it a signature costs the verifier what it costs the signer."""

_PRIVATE = frozenset(("d", "p", "q", "dp", "dq", "qi", "oth", "k"))
_CURVES = {"EC": ("P-256", "P-384", "P-521"), "OKP": ("Ed25519", "Ed448")}
_URL = re.compile(
    r"(https://[A-Za-z0-9.-]+|http://(localhost|127\.0\.0\.1|\[::1\]))(:[0-9]{1,5})?(/[!-~]*)?",
)
"""https; http on a loopback host is for development, and is fetched only where a setting allows it."""


def check_client_keys(jwks: Any, jwks_uri: Any) -> None:
    """Raises `invalid_request` for keys that would make the app weaker than none. None is absent.

    Refused: both at once, a URL that is not https, private or symmetric keys, RSA under 2,048 bits, unknown curves.
    """
    if jwks is not None and jwks_uri is not None:
        raise _refused("jwks and jwks_uri exclude each other")
    if jwks_uri is not None and not (isinstance(jwks_uri, str) and _URL.fullmatch(jwks_uri)):
        raise _refused("jwks_uri must be an https URL")
    if jwks is None:
        return
    keys = jwks.get("keys") if isinstance(jwks, dict) else None
    if not isinstance(keys, list) or not 1 <= len(keys) <= MAX_KEYS:
        raise _refused(f"jwks must hold 1 to {MAX_KEYS} keys")
    for index, key in enumerate(keys):
        fault = fault_of(key)
        if fault:
            raise _refused(f"Key {index} of jwks {fault}")


def usable_keys(jwks: Any) -> tuple[dict[str, Any], ...]:
    """The keys of a JWKS that an app publishes which can be used here; what else is in it is for others.

    Raises ValueError when it is no JWKS, or one without end.
    """
    keys = jwks.get("keys") if isinstance(jwks, dict) else None
    if not isinstance(keys, list) or len(keys) > MAX_KEYS:
        raise ValueError(f"it is not a JWKS of at most {MAX_KEYS} keys")
    return tuple(key for key in keys if not fault_of(key))


def fault_of(key: Any) -> str:
    """What is wrong with a public key in JWK; empty for a good one. RFC 7517 §4."""
    if not isinstance(key, dict):
        return "is not an object"
    kind = key.get("kty")
    if kind == "oct" or _PRIVATE & key.keys():
        return "is secret; give the public half alone, and replace the pair"
    if kind == "RSA":
        if _bits(key.get("n")) < LEAST_RSA_BITS:
            return f"is under {LEAST_RSA_BITS:,} bits"
        return "" if 2 <= _bits(key.get("e")) <= MOST_EXPONENT_BITS else "has an exponent that costs too much, or none"
    if not isinstance(kind, str) or kind not in _CURVES:
        return "is neither EC, OKP nor RSA"
    return "" if key.get("crv") in _CURVES[kind] else "is on a curve that Gatepost does not know"


def _bits(number: Any) -> int:
    """The length of a number in base64url; 0 if it is not one."""
    if not isinstance(number, str) or len(number) > MAX_NUMBER:
        return 0
    try:
        return int.from_bytes(base64url.decode(number.encode())).bit_length()
    except ValueError:
        return 0


def _refused(why: str) -> OAuthError:
    return OAuthError("invalid_request", f"{why}.", field="jwks")
