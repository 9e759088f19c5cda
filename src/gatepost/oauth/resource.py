"""Resource indicators: which spelling of a resource is meant. RFC 8707."""

import re

from gatepost.errors import OAuthError
from gatepost.records import Resource

MAX_LENGTH = 2048

_URI = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?://(?P<host>[^/?\s#@]+)(?=[/?]|\Z)|(?!//))(?P<rest>[^\s#]*)")


def check_resource_uri(uri: str) -> str:
    """The URI, if it is absolute, has no fragment and no user info, and is ASCII. Raises `invalid_target`."""
    match = _URI.fullmatch(uri) if uri.isascii() and uri.isprintable() and len(uri) <= MAX_LENGTH else None
    if not match or not (match["host"] or match["rest"]):
        raise OAuthError(
            "invalid_target", "A resource is an absolute URI without a fragment, as in https://api.example.com/v1."
        )
    return uri


def find_resource(asked: str, registered: list[Resource]) -> Resource:
    """The registered resource that is meant. Raises `invalid_target`.

    Two spellings are equal when they differ only in the case of scheme and host, or in an empty path against `/`.
    """
    meant = _canonical(check_resource_uri(asked))
    for resource in registered:
        if _canonical(resource.uri) == meant:
            return resource
    known = [resource.uri for resource in registered]
    raise OAuthError(
        "invalid_target",
        "This resource is not registered with the organization.",
        detail=f"{asked} is not one of {known}",
    )


def are_equal(one: str, other: str) -> bool:
    """Whether two spellings mean the same resource, as `find_resource` says."""
    return _canonical(one) == _canonical(other)


def _canonical(uri: str) -> str:
    match = _URI.fullmatch(uri)
    if not match:
        return uri
    host = f"//{match['host'].lower()}" if match["host"] else ""
    empty_path = host and not match["rest"].startswith("/")
    return f"{match['scheme'].lower()}:{host}{'/' if empty_path else ''}{match['rest']}"
