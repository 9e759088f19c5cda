"""Which choices of an app go together: what its profile asks of it, and what would leave it weaker than it looks.

FAPI 2.0 Security Profile §5.3, OpenID Connect Registration §2, Back-Channel Logout §2.2.
"""

from collections.abc import Mapping
from typing import Any

from gatepost.errors import OAuthError
from gatepost.jose import ALGORITHMS, ES256
from gatepost.oauth.client_keys import check_client_keys
from gatepost.oauth.client_metadata import (
    AUTH_METHODS,
    CONFIDENTIAL_GRANTS,
    KINDS,
    PROFILES,
    PUBLIC_KINDS,
    SUPPORTED_GRANTS,
    ClientMetadata,
)
from gatepost.oauth.foreign_jwt import KEY_OF, STRONG
from gatepost.oauth.redirects import check_redirect_uri
from gatepost.oauth.scope import parse_scope
from gatepost.records import App

FAPI: dict[str, Any] = {
    "require_pushed_authorization_requests": True,
    "dpop_bound_access_tokens": True,
    "id_token_signed_response_alg": ES256,
}
"""What the profile fapi2 sets for an app that does not say it itself."""

SUBJECT_TYPES = ("public", "pairwise")

_URIS = ("client_uri", "policy_uri", "tos_uri", "backchannel_logout_uri")


def settle(given: Mapping[str, Any], known: ClientMetadata, profile: str, kind: str) -> ClientMetadata:
    """The metadata with what was given, and with what the profile asks for where nothing was said. Raises `invalid_request`.

    Keys come inline or by URL: giving one of the two takes the place of the other.
    """
    implied = {name: value for name, value in FAPI.items() if profile == "fapi2" and name not in given}
    other = {"jwks": "jwks_uri", "jwks_uri": "jwks"}
    replaced = {other[name]: None for name in other if given.get(name) is not None and other[name] not in given}
    metadata = known._replace(**{**implied, **replaced, **given})
    check_client_keys(metadata.jwks, metadata.jwks_uri)
    for field, values in (
        ("subject_type", SUBJECT_TYPES),
        ("id_token_signed_response_alg", ALGORITHMS),
        ("userinfo_signed_response_alg", (None, *ALGORITHMS)),
        ("token_endpoint_auth_signing_alg", (None, *KEY_OF)),
    ):
        _check_one_of(getattr(metadata, field), values, field)
    for field in _URIS:
        uri = getattr(metadata, field)
        if uri is not None:
            check_redirect_uri(uri, "web", field)
    for uri in metadata.post_logout_redirect_uris:
        check_redirect_uri(uri, kind, "post_logout_redirect_uris")
    if metadata.default_max_age is not None and metadata.default_max_age < 0:
        raise _refused("default_max_age", "default_max_age is negative", "")
    if metadata.skip_consent and not metadata.first_party:
        raise _refused("skip_consent", "Only a first-party app may ask nobody", "set first_party too")
    return metadata._replace(optional_scope=" ".join(parse_scope(metadata.optional_scope)))


def check_choices(app: App, metadata: ClientMetadata) -> None:
    """Raises `invalid_request` for choices that exclude each other, saying how to mend it."""
    _check_one_of(app.kind, KINDS, "kind")
    _check_one_of(app.profile, PROFILES, "profile")
    _check_one_of(app.auth_method, (None, *AUTH_METHODS), "auth_method")
    for grant_type in app.grant_types.split():
        _check_one_of(grant_type, SUPPORTED_GRANTS, "grant_types")
    if app.kind in PUBLIC_KINDS and not app.is_public:
        raise _refused("auth_method", f"A {app.kind} app cannot keep a secret", "leave auth_method out")
    if app.kind == "service" and app.is_public:
        raise _refused("auth_method", "A service proves who it is with a secret", "leave auth_method out")
    for grant_type in CONFIDENTIAL_GRANTS:
        if app.is_public and grant_type in app.grant_types.split():
            raise _refused("grant_types", "A public app cannot act by itself", f"leave {grant_type} out")
    has_keys = metadata.jwks is not None or metadata.jwks_uri is not None
    if app.auth_method == "private_key_jwt" and not has_keys:
        raise _refused("jwks", "private_key_jwt needs the app's public keys", "give jwks or jwks_uri")
    if app.profile == "fapi2":
        _check_fapi(app, metadata)


def _check_fapi(app: App, metadata: ClientMetadata) -> None:
    if app.auth_method != "private_key_jwt":
        raise _refused(
            "auth_method",
            "An app of the profile fapi2 proves who it is with private_key_jwt",
            "set auth_method to private_key_jwt, with jwks or jwks_uri",
        )
    for field, value, allowed in (
        (
            "require_pushed_authorization_requests",
            metadata.require_pushed_authorization_requests,
            (True,),
        ),
        ("dpop_bound_access_tokens", metadata.dpop_bound_access_tokens, (True,)),
        ("id_token_signed_response_alg", metadata.id_token_signed_response_alg, STRONG),
        ("userinfo_signed_response_alg", metadata.userinfo_signed_response_alg, (None, *STRONG)),
        ("token_endpoint_auth_signing_alg", metadata.token_endpoint_auth_signing_alg, (None, *STRONG)),
    ):
        if value not in allowed:
            raise _refused(field, f"{field} {_shown(value)} does not go with the profile fapi2", "leave it out")


def _check_one_of(value: Any, allowed: Any, field: str) -> None:
    if value not in allowed:
        names = ", ".join(each for each in allowed if each)
        raise _refused(field, f"{field} {_shown(value)} is none of {names}", "")


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _refused(field: str, why: str, fix: str) -> OAuthError:
    return OAuthError("invalid_request", f"{why}.", fix=fix, field=field)
