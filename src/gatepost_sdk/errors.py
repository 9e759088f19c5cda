"""What goes wrong, as exceptions: a code for programs, a reason for people, a hint for whoever mends it."""

from collections.abc import Collection
from typing import NamedTuple


class Refusal(NamedTuple):
    """What a code means to an API's caller: the HTTP status, and the error code of RFC 6750 §3.1."""

    status: int
    error: str
    hint: str


REFUSALS = {
    "missing": Refusal(401, "", "Send the access token as `Authorization: Bearer …`."),
    "malformed": Refusal(401, "invalid_token", "Send the access token as it was issued, and nothing else."),
    "wrong_type": Refusal(401, "invalid_token", "Send an access token (typ at+jwt), not an ID token or another JWT."),
    "wrong_algorithm": Refusal(401, "invalid_token", "The issuer has to sign access tokens with ES256 or RS256."),
    "unknown_key": Refusal(401, "invalid_token", "Check that this issuer issued the token; its keys are at jwks_uri."),
    "bad_signature": Refusal(401, "invalid_token", "The token was changed, or forged. Get a new one."),
    "wrong_issuer": Refusal(401, "invalid_token", "Get a token from the issuer that this API trusts."),
    "wrong_audience": Refusal(401, "invalid_token", "Ask for a token with this API as its `resource`."),
    "expired": Refusal(401, "invalid_token", "Refresh the access token."),
    "not_yet_valid": Refusal(401, "invalid_token", "Check the clocks of both machines."),
    "bound": Refusal(401, "invalid_token", "Send it as `Authorization: DPoP …`, with a proof of its key in `DPoP`."),
    "not_bound": Refusal(401, "invalid_token", "Send it as `Authorization: Bearer …`: it is bound to no key."),
    "bad_proof": Refusal(401, "invalid_dpop_proof", "Make a new proof for each request, of its method, URL and token."),
    "wrong_key": Refusal(401, "invalid_token", "Make the proof with the key that the token was issued for."),
    "revoked": Refusal(401, "invalid_token", "The access was taken back. The person has to connect again."),
    "wrong_org": Refusal(403, "", "Use a connection of the organization that is asked for."),
    "insufficient_scope": Refusal(403, "insufficient_scope", "Ask for a token with the scopes that are missing."),
    "rate_limited": Refusal(429, "", "Wait as long as it says, and try again."),
    "unavailable": Refusal(503, "", "Check that this machine reaches the issuer, and try again."),
}
"""Every code of a TokenError. The first that applies is the one that is raised."""


_NEEDS_PROOF = {"bound", "bad_proof", "wrong_key"}


class GatepostError(Exception):
    """Whatever this package raises. `event_id` finds a refusal of the server in the server's log, if it gave one.

    >>> GatepostError("invalid_grant", "The refresh token has expired.", "Log in again.").code
    'invalid_grant'
    """

    def __init__(self, code: str, reason: str, hint: str = "", event_id: str = "") -> None:
        # `args` stay what the constructor was given, so that exceptions can be pickled and copied.
        self.code = code
        self.reason = reason
        self.hint = hint
        self.event_id = event_id

    def __str__(self) -> str:
        return f"{self.reason} {self.hint}".rstrip()


class TokenError(GatepostError):
    """An access token is refused. `code` is one of REFUSALS; `scopes` are those that were asked for, all of them.
    `scheme` is how the token should come: `Bearer`, or `DPoP`.

    `retry_after` is after how many seconds another try makes sense, where that is known.

    >>> TokenError("expired", "The token expired at 12:00.").status
    401
    """

    def __init__(self, code: str, reason: str, *, scopes: Collection[str] = (), retry_after: int = 0) -> None:
        self.refusal = REFUSALS[code]
        super().__init__(code, reason, self.refusal.hint)
        self.scopes = frozenset(scopes)
        self.retry_after = retry_after
        self.scheme = "DPoP" if code in _NEEDS_PROOF else "Bearer"

    @property
    def status(self) -> int:
        """The HTTP status to answer with: 401, 403, 429, or 503 when it is not the token that is to blame."""
        return self.refusal.status
