"""A verified access token, as an API sees it. RFC 9068 §2.2."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from gatepost_sdk.errors import TokenError


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """Who calls, for which organization, through which app, and what they may do. Only a verifier makes one.

    >>> token = issuer.token(sub="usr_ana", org="org_acme", scope="agents:read")
    >>> token.sub, token.org, sorted(token.scopes)
    ('usr_ana', 'org_acme', ['agents:read'])
    >>> token
    <Token>
    """

    sub: str
    """The person (`usr_…`), or the organization or the app when a service acts for itself."""
    org: str | None
    client_id: str
    scopes: frozenset[str]
    expires_at: int
    """Seconds since the epoch."""
    claims: Mapping[str, Any]
    """All that the token says, read-only."""
    actor: str | None
    """Who acts in the name of `sub` just now, when that is somebody else. RFC 8693 §4.1."""
    grant_id: str | None
    """The connection behind it; None for an app's own token."""
    limits: Mapping[str, int]
    """Requests a minute of its `grant`, its `app`, its `org`, as far as they are limited; of an exchanged token those of the
    apps before it too (`via:` and the client_id). The verifier holds to them."""

    def check_org(self, org: str) -> None:
        """Raise `wrong_org`, a 403, unless the token is of this organization.

        >>> issuer.token(org="org_acme").check_org("org_acme")
        """
        if self.org != org:
            raise TokenError("wrong_org", "The token belongs to another organization.")

    def check_scopes(self, *scopes: str, any_of: Collection[str] = ()) -> None:
        """Raise `insufficient_scope`, a 403, unless the token has all of `scopes` and, if there are any, one of `any_of`.

        >>> issuer.token(scope="read write").check_scopes("read", any_of=["write", "admin"])
        """
        if self.scopes.issuperset(scopes) and (not any_of or not self.scopes.isdisjoint(any_of)):
            return
        lacking = " ".join(sorted(set(scopes) - self.scopes)) or " or ".join(sorted(any_of))
        raise TokenError("insufficient_scope", f"The token lacks the scope {lacking}.", scopes={*scopes, *any_of})

    def __repr__(self) -> str:
        # Tracebacks and logs show what functions were called with.
        return "<Token>"

    def __bool__(self) -> NoReturn:
        # `if token:` reads as if it asked whether the token is good; every Token is. Ask `is None` of an optional one.
        raise TypeError("a Token is neither true nor false: compare with None, or check a scope")
