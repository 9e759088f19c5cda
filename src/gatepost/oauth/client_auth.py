"""How an app says who it is: client_secret_basic, client_secret_post, or no secret at all. RFC 6749 §2.3.1."""

import base64
import binascii
from typing import NamedTuple
from urllib.parse import unquote_plus

from gatepost.errors import OAuthError
from gatepost.secrets import Secret


class ClientClaim(NamedTuple):
    """Who an app says it is, and by which method; nothing of it is checked yet."""

    client_id: str
    method: str
    secrets: tuple[Secret, ...] = ()
    """The secret as it may have been meant: some clients percent-encode it in Basic, some do not."""


def parse_client_claim(authorization: str | None, form: dict[str, str]) -> ClientClaim:
    """The one claim in a request. Raises `invalid_request` when there are two, `invalid_client` when there is none."""
    client_id = form.get("client_id", "")
    secret = form.get("client_secret")
    if authorization is None:
        if not client_id:
            raise OAuthError(
                "invalid_client", "Say which app is asking: client_id and its secret, or an Authorization header."
            )
        return (
            ClientClaim(client_id, "client_secret_post", (Secret(secret),))
            if secret
            else ClientClaim(client_id, "none")
        )
    if secret:
        raise OAuthError(
            "invalid_request", "The app authenticates twice, in the header and in the form; use one of them."
        )
    claim = _parse_basic(authorization)
    if client_id and client_id != claim.client_id:
        raise OAuthError("invalid_request", "The header and the form name different apps.")
    return claim


def _parse_basic(authorization: str) -> ClientClaim:
    scheme, _, encoded = authorization.partition(" ")
    try:
        if scheme.lower() != "basic":
            raise ValueError("not Basic")
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (ValueError, binascii.Error):
        raise OAuthError(
            "invalid_client", "The Authorization header is not readable as HTTP Basic.", scheme="Basic"
        ) from None
    if not colon:
        raise OAuthError(
            "invalid_client", "HTTP Basic needs client_id and secret with a colon between them.", scheme="Basic"
        )
    readings = dict.fromkeys((unquote_plus(password), password))
    return ClientClaim(unquote_plus(user), "client_secret_basic", tuple(map(Secret, readings)))
