"""How an app says who it is: with a secret, in a header or the form, with an assertion, or not at all. RFC 6749 §2.3.1.

A refusal challenges with Basic only those who sent an Authorization header, as RFC 6749 §5.2 asks. RFC 9110 §15.5.2 would have a
challenge with every 401; but to a page's script that sent its client_id in the form, browsers answer Basic by asking the
person for a name and a password, which no app wants and nobody should learn to type in.
"""

import base64
from urllib.parse import unquote_plus

from gatepost.errors import OAuthError
from gatepost.light import Light
from gatepost.oauth.client_assertion import ASSERTION_TYPE
from gatepost.oauth.foreign_jwt import UnverifiedJwt, parse_jwt
from gatepost.secrets import Secret


class ClientClaim(Light, frozen=True):
    """Who an app says it is, and by which method; nothing of it is checked yet."""

    client_id: str
    method: str
    secrets: tuple[Secret, ...] = ()
    """The secret as it may have been meant: some clients percent-encode it in Basic, some do not."""
    assertion: UnverifiedJwt | None = None

    @property
    def is_bare(self) -> bool:
        """Whether it is a name and nothing else, as public apps send it; some clients put that into Basic."""
        return not self.secrets and self.assertion is None


def parse_client_claim(authorization: str | None, form: dict[str, str]) -> ClientClaim:
    """The one claim in a request. Raises `invalid_request` when there are two, `invalid_client` when there is none."""
    client_id = form.get("client_id", "")
    secret = form.get("client_secret")
    if "client_assertion" in form or "client_assertion_type" in form:
        if authorization is not None or secret:
            raise OAuthError(
                "invalid_request", "The app authenticates twice, with an assertion and a secret; use one of them."
            )
        return _parse_assertion(form)
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


def _parse_assertion(form: dict[str, str]) -> ClientClaim:
    """An assertion names its app itself; a client_id beside it has to say the same. RFC 7521 §4.2."""
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        raise OAuthError("invalid_client", f"client_assertion_type must be {ASSERTION_TYPE}.")
    try:
        jwt = parse_jwt(form.get("client_assertion", ""))
    except ValueError as fault:
        raise OAuthError("invalid_client", "The client_assertion is not a signed JWT.", detail=str(fault)) from None
    named = jwt.claims.get("sub")
    client_id = form.get("client_id", named)
    if not isinstance(named, str) or client_id != named:
        raise OAuthError("invalid_client", "The client_assertion is not this app's.", detail="sub is not the client_id")
    return ClientClaim(named, "private_key_jwt", assertion=jwt)


def _parse_basic(authorization: str) -> ClientClaim:
    scheme, _, encoded = authorization.partition(" ")
    try:
        if scheme.lower() != "basic":
            raise ValueError("not Basic")
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
        client_id = unquote_plus(user)
        if "\0" in client_id:
            raise ValueError("a NUL character")
    except ValueError:
        raise OAuthError(
            "invalid_client", "The Authorization header is not readable as HTTP Basic.", scheme="Basic"
        ) from None
    if not colon:
        raise OAuthError(
            "invalid_client", "HTTP Basic needs client_id and secret with a colon between them.", scheme="Basic"
        )
    # An empty secret is one that was left out, as in the form.
    readings = dict.fromkeys((unquote_plus(password), password)) if password else ()
    return ClientClaim(client_id, "client_secret_basic", tuple(map(Secret, readings)))
