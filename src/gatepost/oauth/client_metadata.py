"""What an app says of itself: its id, its name, its kind. RFC 6749 §2.2, RFC 7591 §2."""

import re
import unicodedata

from gatepost.errors import OAuthError

KINDS = {
    "web": "a website with a server",
    "spa": "an app in the browser",
    "native": "an app on a phone or a desktop",
    "device": "a device or a command line",
    "service": "a job or a service of your own",
}
PUBLIC_KINDS = ("spa", "native", "device")
"""Kinds that cannot keep a secret and have none. RFC 6749 §2.1, RFC 8252 §8.4."""

SUPPORTED_GRANTS = (
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "urn:ietf:params:oauth:grant-type:device_code",
)

PROFILES = ("oauth21", "oidc", "fapi2")
AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none")

MAX_CLIENT_ID = 200

_CLIENT_ID = re.compile(rf"[A-Za-z0-9._~-]{{1,{MAX_CLIENT_ID}}}")
_HIDDEN = frozenset(("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"))


def check_client_id(client_id: str) -> str:
    """A client_id that no client mangles: unreserved characters only. Raises `invalid_request`."""
    if not _CLIENT_ID.fullmatch(client_id):
        raise OAuthError(
            "invalid_request",
            f"A client_id is 1 to {MAX_CLIENT_ID} characters of A-Z a-z 0-9 . _ ~ and -.",
            field="client_id",
        )
    return client_id


def check_name(name: str, field: str = "name") -> str:
    """A name that shows as it is: no control, bidirectional or invisible characters. Raises `invalid_request`."""
    if not 1 <= len(name) <= 200 or not name.strip():
        raise OAuthError("invalid_request", f"{field} has 1 to 200 characters, not all of them blank.", field=field)
    if any(unicodedata.category(character) in _HIDDEN for character in name):
        raise OAuthError("invalid_request", f"{field} has control or invisible characters.", field=field)
    return unicodedata.normalize("NFC", name)
