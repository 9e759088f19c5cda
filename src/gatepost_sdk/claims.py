"""What an access token says, read into the type that APIs see. RFC 9068 §2.2, RFC 8693 §4.1."""

from types import MappingProxyType
from typing import Any

from gatepost_sdk.rates import read_limits
from gatepost_sdk.token import Token

NO_LIMITS: MappingProxyType[str, int] = MappingProxyType({})


def read_claims(claims: dict[str, Any]) -> Token:
    """The Token of these claims. Raises ValueError if one that must be there is not, or is of another type."""
    scope, actor = claims.get("scope", ""), claims.get("act", {})
    expected = {"sub": str, "client_id": str, "exp": int, "iat": int}
    wrong = [name for name, kind in expected.items() if type(claims.get(name)) is not kind]
    optional = {"org": claims.get("org", ""), "gid": claims.get("gid", ""), "scope": scope}
    wrong += [name for name, value in optional.items() if not isinstance(value, str)]
    if not isinstance(actor, dict) or not isinstance(actor.get("sub", ""), str):
        wrong.append("act")
    if not isinstance(via := claims.get("via", []), list) or not all(isinstance(each, dict) for each in via):
        wrong.append("via")
    if wrong:
        raise ValueError(f"{', '.join(wrong)} is missing or of the wrong type")
    return Token(
        sub=claims["sub"],
        org=claims.get("org"),
        client_id=claims["client_id"],
        scopes=frozenset(scope.split()),
        expires_at=claims["exp"],
        claims=MappingProxyType(claims),
        actor=actor.get("sub"),
        grant_id=claims.get("gid"),
        limits=MappingProxyType(read_limits(claims["limits"])) if "limits" in claims else NO_LIMITS,
    )
