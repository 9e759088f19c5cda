"""The documents that describe this server, made once from what it has. RFC 8414, OpenID Connect Discovery, RFC 7517."""

from collections.abc import Iterable
from typing import Any

from gatepost.oauth.app_rules import SUBJECT_TYPES
from gatepost.oauth.assurance import ACR_VALUES
from gatepost.oauth.authorize import PROMPTS, RESPONSE_MODES, RESPONSE_TYPE
from gatepost.oauth.claims import CLAIMS
from gatepost.oauth.foreign_jwt import KEY_OF
from gatepost.oauth.identity_assertion import PROFILE
from gatepost.oauth.pkce import METHOD
from gatepost.oauth.scope import STANDARD

ENDPOINTS = {
    "authorization_endpoint": "/authorize",
    "token_endpoint": "/token",
    "userinfo_endpoint": "/userinfo",
    "introspection_endpoint": "/introspect",
    "revocation_endpoint": "/revoke",
    "revocation_feed_endpoint": "/revocations",
    "pushed_authorization_request_endpoint": "/par",
    "end_session_endpoint": "/logout",
    "registration_endpoint": "/register",
    "device_authorization_endpoint": "/device_authorization",
    "jwks_uri": "/jwks.json",
}
"""An endpoint is in the document if its path is among the server's."""

_CLAIMS = ("sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "at_hash", "sid")
"""What the protocol puts into ID tokens."""

_AUTHENTICATED = ("token", "introspection", "revocation")


def render_metadata(
    issuer: str,
    paths: Iterable[str],
    grant_types: Iterable[str],
    auth_methods: Iterable[str],
    algorithms: Iterable[str],
) -> dict[str, Any]:
    """The metadata of a server that has these paths, grant types, client authentication methods and ID token algorithms."""
    known, methods = set(paths), list(auth_methods)
    document: dict[str, Any] = {"issuer": issuer}
    document |= {name: issuer.rstrip("/") + path for name, path in ENDPOINTS.items() if path in known}
    confidential = [method for method in methods if method != "none"]
    signing = {f"{name}_endpoint_auth_signing_alg_values_supported": list(KEY_OF) for name in _AUTHENTICATED}
    return document | {
        "response_types_supported": [RESPONSE_TYPE],
        "response_modes_supported": list(RESPONSE_MODES),
        "grant_types_supported": list(grant_types),
        "authorization_grant_profiles_supported": [PROFILE],
        "scopes_supported": list(STANDARD),
        "claims_supported": [*_CLAIMS, *CLAIMS],
        "claims_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "subject_types_supported": list(SUBJECT_TYPES),
        "id_token_signing_alg_values_supported": list(algorithms),
        "userinfo_signing_alg_values_supported": list(algorithms),
        "acr_values_supported": list(ACR_VALUES),
        "prompt_values_supported": list(PROMPTS),
        "code_challenge_methods_supported": [METHOD],
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "authorization_response_iss_parameter_supported": True,
        "client_id_metadata_document_supported": True,
        "dpop_signing_alg_values_supported": list(KEY_OF),
        "token_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_methods_supported": confidential,
        "revocation_endpoint_auth_methods_supported": methods,
        **signing,
    }


def render_jwks(keys: list[dict[str, str]]) -> dict[str, Any]:
    """The public halves of the published keys. RFC 7517 §5."""
    return {"keys": keys}
