"""Proof key for code exchange, S256 alone. RFC 7636 §4, RFC 9700 §2.1.1."""

import hashlib
import hmac
import re

from gatepost import base64url
from gatepost.errors import OAuthError

METHOD = "S256"

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def check_challenge(challenge: str | None, method: str | None, *, required: bool) -> str | None:
    """The challenge of an authorization request; None when none was sent and none is required. Raises `invalid_request`."""
    if challenge is None:
        if required:
            raise OAuthError("invalid_request", "code_challenge is missing: this app must use PKCE (RFC 7636).")
        if method is not None:
            raise OAuthError("invalid_request", "code_challenge_method was sent without a code_challenge.")
        return None
    if method != METHOD:
        raise OAuthError("invalid_request", "code_challenge_method must be S256.")
    if not _CHALLENGE.fullmatch(challenge):
        raise OAuthError("invalid_request", "code_challenge is not the base64url of a SHA-256 hash.")
    return challenge


def challenge_of(verifier: str) -> str:
    """What an app that holds this verifier sends first. RFC 7636 §4.2."""
    return base64url.encode(hashlib.sha256(verifier.encode()).digest()).decode()


def check_verifier(verifier: str | None, challenge: str | None) -> None:
    """Raises `invalid_grant` unless the verifier is the challenge's, or neither was sent."""
    if verifier is None and challenge is None:
        return
    if verifier is None or challenge is None or not _VERIFIER.fullmatch(verifier):
        raise OAuthError("invalid_grant", "code_verifier does not belong to this code.")
    if not hmac.compare_digest(challenge_of(verifier), challenge):
        raise OAuthError("invalid_grant", "code_verifier does not belong to this code.")
