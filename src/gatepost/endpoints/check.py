"""`/check`: a reverse proxy asks whether a request may pass, and learns who sends it. RFC 6750, RFC 9449 §7.

The proxy hands the head of its client's request on; of that, Authorization counts, and for a token that is bound to a key the
proof in DPoP. Which request the proof has to be for the proxy says in X-Forwarded-Method and X-Forwarded-Uri, which it must
set itself; where it was sent is configured: it is the origin of the audience, or of `origin`. The answer always has every
identity header, so a proxy that copies them to the request overwrites whatever its client put there.
"""

from functools import lru_cache

from gatepost.endpoints.proofs import PROOF, nonce_headers
from gatepost.errors import OAuthError
from gatepost.flows.bearer import BEARER, Presented, parse_authorization
from gatepost.flows.check import Passed, Wanted, check
from gatepost.flows.dpop import SeenProofs
from gatepost.flows.instance import Instance
from gatepost.flows.introspect import VerifiedTokens
from gatepost.oauth.dpop import origin_of
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
        self._seen = SeenProofs()
        self._wanted = lru_cache(maxsize=1024)(self._read)

    async def check(self, request: Request) -> Reply:
        wanted = self._wanted(request.query)
        passed = await check(self._instance, self._verified, self._seen, wanted, _presented(request, wanted.origin))
        return Reply(204, EMPTY, b"", _identity(passed) + nonce_headers(self._instance, request))

    def _read(self, query: bytes) -> Wanted:
        """What the proxy asks for. Its configuration says it, so the same few come again and again."""
        asked = parse_form(query)
        audience = asked.get("audience", "")
        origin = origin_of(asked.get("origin") or audience or self._instance.issuer)
        return Wanted(audience, frozenset(parse_scope(asked.get("scope", ""))), origin)


@lru_cache(maxsize=4096)
def _identity(passed: Passed) -> tuple[tuple[bytes, bytes], ...]:
    return tuple(zip(IDENTITY, (each.encode() for each in passed), strict=True))


def _presented(request: Request, origin: str) -> Presented:
    """The token of the request that the proxy was sent, and its proof. Raises `invalid_token`."""
    headers = request.headers
    scheme, token = parse_authorization(headers.get(b"authorization", b"").decode("latin-1"))
    if not token:
        raise OAuthError("invalid_token", "Send an access token: Authorization: Bearer …", scheme="Bearer")
    if scheme == BEARER:
        return Presented(Secret(token))
    proof, method, path = (
        headers.get(name, b"").decode("latin-1") for name in (PROOF, b"x-forwarded-method", b"x-forwarded-uri")
    )
    # A path that begins otherwise could change the host it is put behind.
    return Presented(Secret(token), scheme, proof, method, origin + path if path.startswith("/") else "")
