"""The documents that describe this server, made once from what it has. RFC 8414, OpenID Connect Discovery, RFC 7517."""

from typing import Any

from gatepost.oauth.client_metadata import AUTH_METHODS


def render_metadata(issuer: str, paths: set[str]) -> dict[str, Any]:
    """The metadata of a server that has these paths: an endpoint that is not among them is not in the document."""
    endpoints = {
        "introspection_endpoint": "/introspect",
        "revocation_endpoint": "/revoke",
        "jwks_uri": "/jwks.json",
    }
    document: dict[str, Any] = {"issuer": issuer}
    document |= {name: issuer.rstrip("/") + path for name, path in endpoints.items() if path in paths}
    return document | {
        # Leaving these out would mean their defaults, which this server does not have.
        "response_types_supported": [],
        "grant_types_supported": [],
        "introspection_endpoint_auth_methods_supported": [method for method in AUTH_METHODS if method != "none"],
        "revocation_endpoint_auth_methods_supported": list(AUTH_METHODS),
    }


def render_jwks(keys: list[dict[str, str]]) -> dict[str, Any]:
    """The public halves of the published keys. RFC 7517 §5."""
    return {"keys": keys}
