"""private_key_jwt: an app proves who it is with a JWT that only it can sign. RFC 7523 §3, OpenID Connect Core §9.

The audience is the issuer and nothing else, whichever endpoint the assertion is sent to: an assertion made for another
server, or one that another server made the app sign, opens nothing here (draft-ietf-oauth-rfc7523bis). OpenID Connect Core §9
would have the URL of the token endpoint there, and older clients know no other: apps of the profile `oidc` may say that too.
"""

from typing import Any, NamedTuple

from gatepost.oauth.foreign_jwt import KEY_OF, STRONG, UnverifiedJwt, id_of, instant_of

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SKEW = 60
MAX_AHEAD = 3600
MAX_AHEAD_FAPI = 300

_TYPES = (None, "JWT", "jwt", "client-authentication+jwt")


class Life(NamedTuple):
    """From when and until when an assertion is good."""

    made_at: int | None
    expires_at: int


class Once(NamedTuple):
    """What tells one assertion from all others: its id, to be spent, when it was made, and until when it can be sent again."""

    id: bytes
    made_at: int
    expires_at: int


def algorithms_of(profile: str, registered: str | None) -> tuple[str, ...]:
    """The algorithms that an app's assertions may be signed with."""
    allowed = STRONG if profile == "fapi2" else tuple(KEY_OF)
    return allowed if registered is None else tuple(alg for alg in allowed if alg == registered)


def check_assertion(jwt: UnverifiedJwt, client_id: str, issuer: str, profile: str, now: int) -> Once:
    """Whether a verified assertion says, now and to us, that this app sent it. Raises ValueError."""
    claims = jwt.claims
    if jwt.typ not in _TYPES:
        raise ValueError("its typ is another's")
    if claims.get("iss") != client_id or claims.get("sub") != client_id:
        raise ValueError("iss and sub are not the client_id")
    if not _is_for(claims.get("aud"), issuer, profile):
        raise ValueError("aud is not the issuer")
    ahead = MAX_AHEAD_FAPI if profile == "fapi2" else MAX_AHEAD
    return once_of(claims, client_id, check_life(claims, ahead, now))


def check_life(claims: dict[str, Any], ahead: int, now: int) -> Life:
    """Whether an assertion is good now, and expires at most `ahead` seconds from now. Raises ValueError."""
    expires_at, made_at, not_before = (instant_of(claims, name) for name in ("exp", "iat", "nbf"))
    if expires_at is None or expires_at <= now - SKEW:
        raise ValueError("it has expired, or never does")
    if expires_at > now + ahead + SKEW:
        raise ValueError(f"exp is more than {ahead} s ahead")
    if max(made_at or 0, not_before or 0) > now + SKEW:
        raise ValueError("it is from the future")
    return Life(made_at, expires_at)


def once_of(claims: dict[str, Any], signer: str, life: Life) -> Once:
    """What tells an assertion from its signer's others. Raises ValueError."""
    return Once(id_of(claims, signer), life.made_at or life.expires_at - MAX_AHEAD, life.expires_at + SKEW)


def _is_for(audience: Any, issuer: str, profile: str) -> bool:
    """Whether the audience is this server, in the ways that the profile allows."""
    if not issuer:
        return False
    token_endpoint = issuer.rstrip("/") + "/token"
    if profile == "oidc" and audience in (token_endpoint, [token_endpoint], [issuer, token_endpoint]):
        return True
    return audience == issuer or (profile != "fapi2" and audience == [issuer])
