"""`/check`: a reverse proxy asks whether a request may pass, and learns who sends it. RFC 6750.

The proxy hands the head of its client's request on; of that, only Authorization counts. The answer always has every
identity header, so a proxy that copies them to the request overwrites whatever its client put there.
"""

from functools import lru_cache

from gatepost.errors import OAuthError
from gatepost.flows.check import Passed, Wanted, check
from gatepost.flows.instance import Instance
from gatepost.flows.introspect import VerifiedTokens
from gatepost.oauth.form import parse_form
from gatepost.oauth.scope import parse_scope
from gatepost.secrets import Secret
from gatepost.web.message import EMPTY, Reply, Request

IDENTITY = (b"x-auth-subject", b"x-auth-org", b"x-auth-client", b"x-auth-scope", b"x-auth-grant")
"""The headers that say who passes, in the order of `Passed`."""


class Check:
    """The handler of checks."""

    def __init__(self, instance: Instance, verified: VerifiedTokens) -> None:
        self._instance = instance
        self._verified = verified

    async def check(self, request: Request) -> Reply:
        wanted = _wanted(request.query)
        passed = await check(self._instance, self._verified, wanted, _token(request))
        return Reply(204, EMPTY, b"", _identity(passed))


@lru_cache(maxsize=1024)
def _wanted(query: bytes) -> Wanted:
    """What the proxy asks for. Its configuration says it, so the same few come again and again."""
    asked = parse_form(query)
    return Wanted(asked.get("audience", ""), frozenset(parse_scope(asked.get("scope", ""))))


@lru_cache(maxsize=4096)
def _identity(passed: Passed) -> tuple[tuple[bytes, bytes], ...]:
    return tuple(zip(IDENTITY, (each.encode() for each in passed), strict=True))


def _token(request: Request) -> Secret:
    """The token of the request that the proxy was sent. Raises `invalid_token`."""
    scheme, _, token = request.headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise OAuthError("invalid_token", "Send an access token: Authorization: Bearer …", scheme="Bearer")
    return Secret(token)
