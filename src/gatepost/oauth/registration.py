"""Dynamic client registration: what an app may ask to be, and how it is told what it is. RFC 7591 §2, §3; OIDC Registration §2.

A registration is written for this server, so whatever it cannot mean is refused, and what we do not have is left out and
seen to be missing in the answer. What would give power is not among the members that are read.
"""

from typing import Any

import orjson

from gatepost.errors import OAuthError
from gatepost.light import replace
from gatepost.oauth.client_keys import check_client_keys
from gatepost.oauth.client_metadata import AUTH_METHODS, check_name, parse_metadata
from gatepost.oauth.consent import host_of
from gatepost.oauth.newcomers import GRANT_TYPES, OPTIONAL, Newcomer, free_app, make_newcomer, read_optional
from gatepost.records import App

_FORBIDDEN_GRANTS = ("implicit", "password")
_UNANSWERED = ("sector_identifier_uri", "software_statement")
"""Members that would have to be followed or proved to be believed."""


def read_registration(org: bytes, client_id: str, content: dict[str, Any]) -> Newcomer:
    """The app that is asked for. Raises `invalid_redirect_uri`, `invalid_client_metadata`. RFC 7591 §3.2.2."""
    try:
        method = content.get("token_endpoint_auth_method", AUTH_METHODS[0])
        if method not in AUTH_METHODS:
            raise _refused("token_endpoint_auth_method", f"is one of: {' '.join(AUTH_METHODS)}")
        _check_keys(content, method)
        content = {field: value for field, value in content.items() if value is not None}
        _check_rest(content)
        optional = {field: read_optional(content, field) for field in OPTIONAL if field in content}
        grants = _grants(content)
        newcomer = make_newcomer(org, client_id, "", content, method, grants, optional)
        name = content.get("client_name", host_of(newcomer.redirect_uris[0]))
        if not isinstance(name, str):
            raise _refused("client_name", "is a text")
        _check_pairwise(newcomer)
        return newcomer._replace(app=replace(newcomer.app, name=check_name(name, "client_name")))
    except OAuthError as error:
        if error.code == "invalid_redirect_uri":
            raise
        raise OAuthError(
            "invalid_client_metadata", error.description, field=str(error.extra.get("field", ""))
        ) from None


def describe_newcomer(app: App, redirect_uris: tuple[str, ...]) -> dict[str, Any]:
    """The app in the words of a registration. RFC 7591 §3.2.1."""
    metadata = parse_metadata(app.metadata)
    said = {field: getattr(metadata, field) for field in (*OPTIONAL, "jwks", "jwks_uri")}
    return {
        "client_id": app.client_id,
        "client_name": app.name,
        "redirect_uris": list(redirect_uris),
        "token_endpoint_auth_method": app.auth_method,
        "grant_types": app.grant_types.split(),
        "response_types": ["code"],
        "application_type": "native" if app.kind == "native" else "web",
        **{field: value for field, value in said.items() if value not in (None, ())},
    }


def dump_newcomer(newcomer: Newcomer) -> bytes:
    """The app as its client_id carries it: what of it is its own."""
    app = newcomer.app
    said = [app.name, app.kind, app.auth_method, app.grant_types, app.created_at, app.metadata]
    return orjson.dumps([*said, list(newcomer.redirect_uris)])


def load_newcomer(org: bytes, client_id: str, plain: bytes) -> Newcomer:
    """The app that a client_id carries."""
    name, kind, method, grants, created_at, text, uris = orjson.loads(plain)
    app = free_app(org, client_id, name, kind, method, grants, created_at, text)
    return Newcomer(app, parse_metadata(text), tuple(uris))


def _check_keys(content: dict[str, Any], method: str) -> None:
    for field in ("jwks", "jwks_uri"):
        if field in content and content[field] is None:
            raise _refused(field, "is null; leave it out")
    check_client_keys(content.get("jwks"), content.get("jwks_uri"))
    if method == "private_key_jwt" and "jwks" not in content and "jwks_uri" not in content:
        raise _refused("jwks", "or jwks_uri is needed for private_key_jwt")


def _check_rest(content: dict[str, Any]) -> None:
    for field in _UNANSWERED:
        if field in content:
            raise _refused(field, "is not taken here; leave it out")
    if content.get("application_type", "web") not in ("web", "native"):
        raise _refused("application_type", "is web or native")
    if content.get("response_types", ["code"]) != ["code"]:
        raise _refused("response_types", "is a list of code alone")
    if not isinstance(content.get("scope", ""), str):
        raise _refused("scope", "is a text")
    initiate = content.get("initiate_login_uri", "https://")
    if not isinstance(initiate, str) or not initiate.startswith("https://"):
        raise _refused("initiate_login_uri", "is an https URL")


def _grants(content: dict[str, Any]) -> tuple[str, ...]:
    given = content.get("grant_types", list(GRANT_TYPES))
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise _refused("grant_types", "is a list of texts")
    forbidden = [each for each in _FORBIDDEN_GRANTS if each in given]
    if forbidden:
        raise _refused("grant_types", f"cannot have {forbidden[0]}: there is no such grant here")
    if GRANT_TYPES[0] not in given:
        raise _refused("grant_types", f"needs {GRANT_TYPES[0]}: the others are for apps that an organization registers")
    return tuple(each for each in GRANT_TYPES if each in given)


def _check_pairwise(newcomer: Newcomer) -> None:
    hosts = {host_of(uri) for uri in newcomer.redirect_uris}
    if newcomer.metadata.subject_type == "pairwise" and len(hosts) > 1:
        raise _refused("subject_type", "is pairwise only for redirect URIs of one host")


def _refused(field: str, why: str) -> OAuthError:
    return OAuthError("invalid_client_metadata", f"{field} {why}.", field=field)
