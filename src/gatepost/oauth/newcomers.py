"""Apps that belong to no organization: what they say of themselves, in a document or a registration. RFC 7591 §2.

Nobody here vouches for such an app, so what it says gives it no power: it is public or has keys of its own, leads a person
through the authorization code flow, and may ask for what the organization has in which the person connects it.
"""

import unicodedata
from typing import Any, NamedTuple

from gatepost.errors import OAuthError
from gatepost.oauth.app_rules import settle
from gatepost.oauth.client_metadata import ClientMetadata, is_hidden, render_metadata
from gatepost.oauth.consent import is_elsewhere
from gatepost.oauth.redirects import check_redirect_uri
from gatepost.records import App
from gatepost.secrets import REGISTRATION

CLIENT_IDS = ("https://", "http://", REGISTRATION)
"""How their client_ids begin, and no others."""

GRANT_TYPES = ("authorization_code", "refresh_token")
MAX_REDIRECT_URIS = 100
MAX_NAME = 80

OPTIONAL: dict[str, type] = {
    "id_token_signed_response_alg": str,
    "userinfo_signed_response_alg": str,
    "token_endpoint_auth_signing_alg": str,
    "subject_type": str,
    "default_max_age": int,
    "require_pushed_authorization_requests": bool,
    "dpop_bound_access_tokens": bool,
    "post_logout_redirect_uris": list,
    "backchannel_logout_uri": str,
    "backchannel_logout_session_required": bool,
    "client_uri": str,
    "policy_uri": str,
    "tos_uri": str,
    "agent": bool,
}
"""The members that an app may leave out, by the type of JSON they have. None of them gives it power.

`agent` is a word of ours: nobody registered one by which an app says that it decides for itself.
"""

_LINKS = ("client_uri", "policy_uri", "tos_uri")


class Newcomer(NamedTuple):
    """An app as it says it is, in the form in which others are registered."""

    app: App
    metadata: ClientMetadata
    redirect_uris: tuple[str, ...]


def make_newcomer(
    org: bytes,
    client_id: str,
    name: str,
    content: dict[str, Any],
    auth_method: str,
    grant_types: tuple[str, ...],
    optional: dict[str, Any],
) -> Newcomer:
    """The app of these choices. Raises `invalid_redirect_uri`."""
    uris = _redirect_uris(content.get("redirect_uris"))
    kind = _kind(auth_method, content.get("application_type"), uris)
    for uri in uris:
        try:
            check_redirect_uri(uri, kind, "redirect_uris")
        except OAuthError as error:
            raise OAuthError("invalid_redirect_uri", error.description, field="redirect_uris") from None
    keys = {field: content[field] for field in ("jwks", "jwks_uri") if content.get(field) is not None}
    metadata = ClientMetadata(**{**optional, **keys, "open_to_others": True})
    app = free_app(org, client_id, name, kind, auth_method, " ".join(grant_types), 0, render_metadata(metadata))
    return Newcomer(app, metadata, uris)


def free_app(
    org: bytes,
    client_id: str,
    name: str,
    kind: str,
    auth_method: str,
    grant_types: str,
    created_at: int,
    metadata: str,
) -> App:
    """The record of an app that belongs to no organization: it has no scope and no policy of its own."""
    return App(
        org=org,
        client_id=client_id,
        name=name,
        kind=kind,
        profile="oauth21",
        auth_method=auth_method,
        grant_types=grant_types,
        scope="",
        default_resource=None,
        access_ttl=None,
        grant_idle_ttl=None,
        grant_ttl=None,
        retry_window=None,
        disabled_at=None,
        created_at=created_at,
        org_disabled_at=None,
        metadata=metadata,
    )


def read_optional(content: dict[str, Any], field: str) -> Any:
    """What an optional member says. Raises `invalid_request` for what nobody can mean."""
    value = content[field]
    if type(value) is not OPTIONAL[field] or value == "":
        raise OAuthError("invalid_request", f"{field} is empty, or not of its type.", field=field)
    if isinstance(value, list):
        if not all(isinstance(each, str) for each in value):
            raise OAuthError("invalid_request", f"{field} is not a list of texts.", field=field)
        value = tuple(value)
    if field in _LINKS and not value.startswith("https://"):
        raise OAuthError("invalid_request", f"{field} is not an https URL.", field=field)
    settle({field: value}, ClientMetadata(), "oauth21", "native")
    return value


def cut_name(name: str) -> str:
    """As much of a name as fits and shows as it is: what cannot be seen is left out."""
    seen = "".join(each for each in name if not is_hidden(each))
    return unicodedata.normalize("NFC", seen.strip())[:MAX_NAME]


def _redirect_uris(given: Any) -> tuple[str, ...]:
    is_list = isinstance(given, list) and all(isinstance(each, str) for each in given)
    if not is_list or not 1 <= len(given) <= MAX_REDIRECT_URIS:
        raise OAuthError(
            "invalid_redirect_uri",
            f"redirect_uris is a list of 1 to {MAX_REDIRECT_URIS} texts.",
            field="redirect_uris",
        )
    return tuple(dict.fromkeys(given))


def _kind(auth_method: str, application_type: Any, uris: tuple[str, ...]) -> str:
    """The kind that this makes it. One that leads back to the person's device without saying so is native too."""
    if auth_method != "none":
        return "web"
    is_on_device = application_type != "web" and not all(map(is_elsewhere, uris))
    return "native" if application_type == "native" or is_on_device else "spa"
