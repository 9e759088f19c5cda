"""A wish to sign out, as an app sends a person with it. OpenID Connect RP-Initiated Logout 1.0 §2, §3."""

from typing import Any, NamedTuple

from gatepost.errors import OAuthError
from gatepost.oauth.client_metadata import ClientMetadata
from gatepost.oauth.form import parse_form

MAX_STATE = 2048


class LogoutAsk(NamedTuple):
    """What the app asks for; nothing of it is checked."""

    id_token_hint: str | None
    client_id: str | None
    redirect_uri: str | None
    state: str | None
    ui_locales: str


class Hint(NamedTuple):
    """Whom an ID token of ours speaks of, to which app and of which session. It may have expired long ago."""

    client_id: str
    subject: str
    session: str


def parse_logout(form: bytes) -> LogoutAsk:
    """Shape only. Raises `invalid_request`."""
    fields = parse_form(form)
    state = fields.get("state")
    if len(state or "") > MAX_STATE:
        raise OAuthError("invalid_request", f"state is longer than {MAX_STATE:,} characters.")
    return LogoutAsk(
        fields.get("id_token_hint"),
        fields.get("client_id"),
        fields.get("post_logout_redirect_uri"),
        state,
        fields.get("ui_locales", ""),
    )


def read_hint(claims: dict[str, Any] | None, ask: LogoutAsk, issuer: str) -> Hint | None:
    """The hint behind the claims of an ID token that we signed; None for one of another issuer or another app."""
    if claims is None or claims["iss"] != issuer or ask.client_id not in (None, claims["aud"]):
        return None
    return Hint(claims["aud"], claims["sub"], claims.get("sid", ""))


def may_return(ask: LogoutAsk, metadata: ClientMetadata) -> bool:
    """Whether the person may be sent to the URI that is asked for: byte for byte one that the app registered for this."""
    return ask.redirect_uri in metadata.post_logout_redirect_uris
