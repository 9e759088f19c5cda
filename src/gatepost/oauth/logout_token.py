"""Logout tokens: that somebody's session has ended, said to one app. OpenID Connect Back-Channel Logout 1.0 §2.4."""

from typing import Any

LOGOUT_TOKEN_TTL = 120

EVENT = "http://schemas.openid.net/event/backchannel-logout"


def render_logout_token(issuer: str, subject: str, client_id: str, *, sid: str, jti: str, now: int) -> dict[str, Any]:
    """The claims. There is never a nonce in them: so nobody takes one for an ID token."""
    return {
        "iss": issuer,
        "sub": subject,
        "aud": client_id,
        "iat": now,
        "exp": now + LOGOUT_TOKEN_TTL,
        "jti": jti,
        "sid": sid,
        "events": {EVENT: {}},
    }
