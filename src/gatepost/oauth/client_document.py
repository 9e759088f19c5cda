"""Client ID Metadata Documents: a client_id that is the URL at which the app says what it is.

draft-ietf-oauth-client-id-metadata-document §3, §4. Only what would be unsafe refuses a document: redirect URIs, keys, and
secrets that everybody can read. Of the rest, what is not had here is left out: it was not written for this server.
"""

import re
from typing import Any

from gatepost.errors import OAuthError
from gatepost.oauth.client_keys import check_client_keys
from gatepost.oauth.client_metadata import SECRETLESS
from gatepost.oauth.newcomers import GRANT_TYPES, OPTIONAL, Newcomer, cut_name, make_newcomer, read_optional

MAX_URL = 1024

_URL = re.compile(
    r"(?:https://[A-Za-z0-9.-]+|https?://(?:localhost|127\.0\.0\.1|\[::1\]))(?::[0-9]{1,5})?"
    r"(?P<path>/[!$-;=@-\[\]-_a-z|~]+)(?:\?[!$-;=?@-\[\]-_a-z|~]*)?"
)
_DOTS = re.compile(r"/(?:\.|%2e){1,2}(?:/|\Z)", re.IGNORECASE)
_SECRETS = ("client_secret", "client_secret_expires_at")


def is_url(client_id: str) -> bool:
    """Whether a client_id is meant to be the URL of a document. None that we make begins like one."""
    return client_id.startswith(("https://", "http://"))


def is_document_url(client_id: str) -> bool:
    """Whether a document may be there: https (http on this machine alone), a path without dot segments, no fragment, no user."""
    match = _URL.fullmatch(client_id) if len(client_id) <= MAX_URL else None
    return match is not None and not _DOTS.search(match["path"])


def read_document(org: bytes, client_id: str, content: Any) -> Newcomer:
    """The app that a document describes. Raises ValueError, saying what is wrong with it in a few words."""
    if not isinstance(content, dict):
        raise ValueError("it is not a JSON object")
    if content.get("client_id") != client_id:
        raise ValueError("its client_id is not its URL, character by character")
    name = content.get("client_name")
    if not isinstance(name, str) or not cut_name(name):
        raise ValueError("it has no client_name")
    shared = [each for each in _SECRETS if each in content]
    if shared:
        raise ValueError(f"it has {shared[0]}, which everybody can read there")
    method = content.get("token_endpoint_auth_method", "none")
    if method not in SECRETLESS:
        raise ValueError(f"its token_endpoint_auth_method is none of {', '.join(SECRETLESS)}")
    try:
        check_client_keys(content.get("jwks"), content.get("jwks_uri"))
        if method == "private_key_jwt" and content.get("jwks") is None and content.get("jwks_uri") is None:
            raise ValueError("it has no keys for private_key_jwt")
        return make_newcomer(org, client_id, cut_name(name), content, method, _grants(content), _optional(content))
    except OAuthError as error:
        raise ValueError(error.description[0].lower() + error.description[1:].rstrip(".")) from None


def _grants(content: dict[str, Any]) -> tuple[str, ...]:
    given = content.get("grant_types")
    refreshes = not isinstance(given, list) or "refresh_token" in given
    return GRANT_TYPES if refreshes else GRANT_TYPES[:1]


def _optional(content: dict[str, Any]) -> dict[str, Any]:
    kept = {}
    for field in OPTIONAL:
        try:
            if field in content:
                kept[field] = read_optional(content, field)
        except OAuthError:
            continue
    return kept
