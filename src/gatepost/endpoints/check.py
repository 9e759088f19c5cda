"""`/check`: a reverse proxy asks whether a request may pass, and learns who sends it. RFC 6750, RFC 9449 §7.

The proxy hands the head of its client's request on; of that, Authorization counts, and for a token that is bound to a
key the proof in DPoP. The proof has to be for the request that the proxy names in X-Forwarded-Method and
X-Forwarded-Uri, which it must set itself; the origin of that request is configured: it is that of the audience, or
`origin`. The answer always has every identity header, so a proxy that copies them to the request overwrites whatever
its client put there.

What passes is counted against the limits of its grant, app and organization, and of the apps whose tokens it came from, in
this process; what does not is not.
"""

from collections.abc import Mapping
from functools import lru_cache

from gatepost.endpoints.proofs import PROOF, nonce_headers
from gatepost.errors import OAuthError
from gatepost.flows.bearer import BEARER, Presented, parse_authorization
from gatepost.flows.check import Passed, Wanted, check
from gatepost.flows.counting import PASSED
from gatepost.flows.dpop import SeenProofs
from gatepost.flows.instance import Instance
from gatepost.flows.introspect import VerifiedTokens
from gatepost.oauth.dpop import origin_of
from gatepost.oauth.form import parse_form
from gatepost.oauth.scope import parse_scope
from gatepost.rates import VIA, Rates
from gatepost.secrets import Secret
from gatepost.web.limits import MINUTE, MinuteBuckets, Quota
from gatepost.web.message import EMPTY, Header, Reply, Request

WANTED = 256
LONGEST_WANTED = 512
"""How many queries are remembered once they were read, and how long they are: strangers make up others at no cost."""

IDENTITY = (b"x-auth-subject", b"x-auth-org", b"x-auth-client", b"x-auth-scope", b"x-auth-grant")
"""The headers that say who passes, in the order of `Passed`."""


class Check:
    """The handler of checks."""

    def __init__(self, instance: Instance, verified: VerifiedTokens, buckets: MinuteBuckets) -> None:
        self._instance = instance
        self._verified = verified
        self._buckets = buckets
        self._seen = SeenProofs()
        self._known = lru_cache(maxsize=WANTED)(self._read)

    async def check(self, request: Request) -> Reply:
        wanted = (self._known if len(request.query) <= LONGEST_WANTED else self._read)(request.query)
        presented = _presented(request, wanted.origin)
        passed, rates, org = await check(self._instance, self._verified, self._seen, wanted, presented)
        headers = _identity(passed) + nonce_headers(self._instance, request)
        if rates:
            headers += self._take(passed, rates, org)
        self._instance.counts.count(org, passed.client_id, PASSED, "check")
        return Reply(204, EMPTY, b"", headers)

    def _take(self, passed: Passed, rates: Rates, org: bytes) -> tuple[Header, ...]:
        """Count a request, and say what is left. Raises `too_many_requests`."""
        limits = rates.by_name()
        taken = self._buckets.take({_place(name, passed): rate for name, rate in limits.items()})
        quotas = dict(zip(limits, taken.values(), strict=True))
        for name, quota in quotas.items():
            if quota.wait:
                raise OAuthError(
                    "too_many_requests",
                    f"The limit of this {name} is {quota.rate} requests a minute. Try again in {quota.wait} seconds.",
                    org=org,
                    headers=_rate_headers(quotas),
                    retry_after=quota.wait,
                    limit=name,
                )
        return _rate_headers(quotas)

    def _read(self, query: bytes) -> Wanted:
        """What the proxy asks for. Its configuration says it, so the same few short ones come again and again."""
        asked = parse_form(query)
        audience = asked.get("audience", "")
        origin = origin_of(asked.get("origin") or audience or self._instance.issuer)
        return Wanted(audience, frozenset(parse_scope(asked.get("scope", ""))), origin)


def _place(name: str, passed: Passed) -> tuple[str, str]:
    """Whose bucket it is that a limit is counted in: an app has one, for its own tokens and for what came from them."""
    if name.startswith(VIA):
        return "app", name.removeprefix(VIA)
    return name, {"grant": passed.grant, "app": passed.client_id, "org": passed.org}[name]


def _rate_headers(quotas: Mapping[str, Quota]) -> tuple[Header, ...]:
    """What the limits are, and what is left of them. draft-ietf-httpapi-ratelimit-headers-10 §3 and §4."""
    policies = (f'"{name}";q={quota.rate};w={MINUTE}' for name, quota in quotas.items())
    left = (f'"{name}";r={quota.left};t={quota.full_in}' for name, quota in quotas.items())
    return (
        (b"ratelimit-policy", ", ".join(policies).encode()),
        (b"ratelimit", ", ".join(left).encode()),
    )


@lru_cache(maxsize=4096)
def _identity(passed: Passed) -> tuple[tuple[bytes, bytes], ...]:
    return tuple(zip(IDENTITY, (each.encode() for each in passed), strict=True))


def _presented(request: Request, origin: str) -> Presented:
    """The token of the request that the proxy was sent, and its proof. Raises `invalid_token`."""
    headers = request.headers
    scheme, token = parse_authorization(headers.get(b"authorization", b"").decode("latin-1"))
    if not token:
        raise OAuthError("invalid_token", "Send an access token: Authorization: Bearer, and the token", scheme="Bearer")
    if scheme == BEARER:
        return Presented(Secret(token))
    proof, method, path = (
        headers.get(name, b"").decode("latin-1") for name in (PROOF, b"x-forwarded-method", b"x-forwarded-uri")
    )
    # A path that begins otherwise could change the host it is put behind.
    return Presented(Secret(token), scheme, proof, method, origin + path if path.startswith("/") else "")
