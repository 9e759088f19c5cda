"""Whether an access token is good here and now, decided without asking anybody. RFC 9068 §4, RFC 8725.

The order of refusal: shape, key and signature come before anything that the token says of itself; then whom it is from and
for; then time and revocation; then what it permits; its limits come last, so that only what passes is counted.
"""

import asyncio
import hashlib
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future, wait
from datetime import UTC, datetime
from typing import Literal, NamedTuple, TypeAlias, TypedDict
from urllib.parse import urlencode

from gatepost_sdk.claims import read_claims
from gatepost_sdk.errors import TokenError
from gatepost_sdk.fetch import TIMEOUT_SECONDS, Ask, Fetch, fetch
from gatepost_sdk.jws import ALGORITHMS, Jws, is_signed_by, parse_jws, parse_object
from gatepost_sdk.keys import IssuerKeys
from gatepost_sdk.proofs import Proof, SeenProofs, judge
from gatepost_sdk.rates import Rates
from gatepost_sdk.revocations import Feed
from gatepost_sdk.secret import parse_duration
from gatepost_sdk.token import Token

LEEWAY_SECONDS = 10
REMEMBERED_TOKENS = 10_000

_TYPES = {"at+jwt", "application/at+jwt"}
PATIENCE_SECONDS = 3 * TIMEOUT_SECONDS
"""How long to wait for the issuer's documents, of which there may be three."""


WhenStale: TypeAlias = Literal["refuse", "introspect", "accept"]
"""What to do with a good token while the revocation feed is older than it may be."""


class Options(TypedDict, total=False):
    """What a Verifier may be told besides issuer and audience; each framework's `Auth` hands it on."""

    org: str | None
    revocation: str | float | None
    when_stale: WhenStale
    credentials_from: str
    remember: int
    fetch: Fetch
    clock: Callable[[], float]


class _Known(NamedTuple):
    """A token that was verified before, and the name of its key."""

    token: Token
    kid: str


class Verifier:
    """Verifies the access tokens of one issuer for one API. Make one and keep it: it remembers keys and tokens.

    `audience` is what the API is called in tokens, or several such names; with `org` only that organization's tokens pass.
    Threads and tasks may share it.

    With `revocation`, a duration, it follows the issuer's revocation feed and refuses what was revoked; while the feed is
    older than that, `when_stale` decides. `credentials_from` names the place (`env:NAME`, `file:PATH`) of an API key, or of
    `client_id:client_secret`, that may read the feed.

    >>> verifier = Verifier("https://auth.acme.dev", audience="https://api.acme.dev")
    >>> verifier = Verifier("https://auth.acme.dev", audience="https://api.acme.dev", revocation="30s")
    """

    def __init__(
        self,
        issuer: str,
        *,
        audience: str | Collection[str],
        org: str | None = None,
        revocation: str | float | None = None,
        when_stale: WhenStale = "refuse",
        credentials_from: str = "env:GATEPOST_API_KEY",
        remember: int = REMEMBERED_TOKENS,
        fetch: Fetch = fetch,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.issuer = issuer
        self.audience = frozenset([audience] if isinstance(audience, str) else audience)
        if not self.audience:
            raise ValueError("a verifier without an audience would accept the tokens of every API")
        self.org = org
        self.keys = IssuerKeys(issuer, fetch, clock)
        self.keys.on_change = self._forget
        self._when_stale = when_stale
        self._feed: Feed | None = None
        if revocation is not None:
            self._feed = Feed(self.keys, credentials_from, parse_duration(revocation), fetch, clock)
        self._fetch = fetch
        self._clock = clock
        self._remember = remember
        self._rates = Rates(remember)
        self._lock = threading.Lock()
        # By digest: a memory dump shows no token.
        self._known: dict[bytes, _Known] = {}
        self._seen = SeenProofs()

    def verify(
        self,
        raw: str,
        *scopes: str,
        any_of: Collection[str] = (),
        org: str | None = None,
        proof: Proof | None = None,
        again: bool = False,
    ) -> Token:
        """The token, if it is good here and has all of `scopes`, one of `any_of` and this `org`. Raises TokenError.

        `proof` is what came with a token of the scheme DPoP; one of the scheme Bearer has none. Each call counts as a request
        against the limits that the token carries, and uses its proof up; `again` is for a further look at the same one.

        >>> verifier.verify(raw, "agents:read").sub
        'usr_ana'
        """
        found, due = self._look_at(raw)
        if due:
            wait(due, PATIENCE_SECONDS)
            found, _ = self._look_at(raw)
        token = found.token if isinstance(found, _Known) else self._judge(raw, found)
        proved = self._check_key(raw, token, proof)
        self._admit(token, scopes, any_of, org)
        if proved and not again:
            self._spend(proved)
        if self._is_stale():
            self._ask(raw)
        if token.limits and not again:
            self._count(token)
        return token

    async def averify(
        self,
        raw: str,
        *scopes: str,
        any_of: Collection[str] = (),
        org: str | None = None,
        proof: Proof | None = None,
        again: bool = False,
    ) -> Token:
        """The same for asyncio: where `verify` waits for the issuer, other tasks run meanwhile.

        >>> asyncio.run(verifier.averify(raw, "agents:read")).sub
        'usr_ana'
        """
        found, due = self._look_at(raw)
        if due:
            await asyncio.wait([asyncio.wrap_future(each) for each in due], timeout=PATIENCE_SECONDS)
            found, _ = self._look_at(raw)
        token = found.token if isinstance(found, _Known) else self._judge(raw, found)
        proved = self._check_key(raw, token, proof)
        self._admit(token, scopes, any_of, org)
        if proved and not again:
            self._spend(proved)
        if self._is_stale():
            await asyncio.to_thread(self._ask, raw)
        if token.limits and not again:
            self._count(token)
        return token

    def close(self) -> None:
        """Stop following the revocation feed. A verifier that lives as long as its process needs no closing.

        >>> verifier.close()
        """
        if self._feed:
            self._feed.close()

    def _look_at(self, raw: str) -> "tuple[_Known | Jws, list[Future[None]]]":
        """What is known of a token, or its parts; and what has to end before it is judged."""
        found = self._known.get(_digest(raw)) or _parse(raw)
        due = self.keys.due(found.kid if isinstance(found, _Known) else found.head["kid"])
        feed = self._feed.due() if self._feed else None
        return found, [each for each in (due, feed) if each]

    def _judge(self, raw: str, jws: Jws) -> Token:
        kid = jws.head["kid"]
        key = self.keys.find(kid)
        if key is None:
            raise TokenError("unknown_key", f"{self.issuer} publishes no key of the token's name.")
        if jws.head["alg"] != key.alg:
            raise TokenError("wrong_algorithm", "The token's algorithm is not its key's.")
        if not is_signed_by(key, jws):
            raise TokenError("bad_signature", "The token's signature does not match.")
        token = self._read(jws)
        with self._lock:
            # Only while the key is published: it may have been withdrawn since it was found.
            if self.keys.find(kid) is key:
                while len(self._known) >= self._remember:
                    del self._known[next(iter(self._known))]
                self._known[_digest(raw)] = _Known(token, kid)
        return token

    def _read(self, jws: Jws) -> Token:
        """What a token of a good signature says, if it is of this issuer and for this API."""
        try:
            claims = parse_object(jws.payload)
            token = read_claims(claims)
        except ValueError as fault:
            raise TokenError("malformed", f"The token is not an access token of RFC 9068: {fault}.") from fault
        if claims.get("iss") != self.issuer:
            raise TokenError("wrong_issuer", f"The token was not issued by {self.issuer}.")
        if self.audience.isdisjoint(_audience(claims.get("aud"))):
            raise TokenError("wrong_audience", f"The token is not for {' or '.join(sorted(self.audience))}.")
        if _is_later(claims.get("nbf", 0), self._clock() + LEEWAY_SECONDS):
            raise TokenError("not_yet_valid", "The token is not valid yet.")
        return token

    def _check_key(self, raw: str, token: Token, proof: Proof | None) -> bytes | None:
        """The id of the proof that a bound token came with; None for a bearer token, which comes without one. RFC 9449 §7."""
        if (bound_to := token.claims.get("cnf")) is None:
            if proof is not None:
                raise TokenError("not_bound", "The token is bound to no key, and was sent as if it were.")
            return None
        if proof is None or not isinstance(bound_to, dict) or bound_to.keys() != {"jkt"}:
            raise TokenError("bound", "The token may be used with a proof of possession only.")
        try:
            judged = judge(proof, raw, self._clock())
        except ValueError as fault:
            raise TokenError("bad_proof", f"The proof of possession is refused: {fault}.") from fault
        if judged.jkt != bound_to["jkt"]:
            raise TokenError("wrong_key", "The proof was made with another key than the token's.")
        return judged.id

    def _spend(self, proved: bytes) -> None:
        """Use up a proof, once all the rest is good."""
        with self._lock:
            is_new = self._seen.take(proved, self._clock())
        if not is_new:
            raise TokenError("bad_proof", "The proof of possession was used before.")

    def _admit(self, token: Token, scopes: Collection[str], any_of: Collection[str], org: str | None) -> None:
        """What may change from one call to the next: the time, revocations, and what is asked of the token."""
        if self._clock() >= token.expires_at + LEEWAY_SECONDS:
            raise TokenError("expired", f"The token expired at {_instant(token.expires_at)}.")
        if self._feed and self._feed.revoked.refuses(token):
            raise TokenError("revoked", "The token was revoked.")
        for wanted in (self.org, org):
            if wanted is not None:
                token.check_org(wanted)
        if scopes or any_of:
            token.check_scopes(*scopes, any_of=any_of)

    def _count(self, token: Token) -> None:
        """Count what passes against the limits that the token carries. Raises `rate_limited`."""
        wait = self._rates.take(token)
        if wait:
            raise TokenError("rate_limited", f"Too many requests. There is room in {wait} seconds.", retry_after=wait)

    def _is_stale(self) -> bool:
        """Whether the feed is too old to say that a token is not revoked, and that matters."""
        return self._feed is not None and self._when_stale != "accept" and self._feed.age() > self._feed.bound

    def _ask(self, raw: str) -> None:
        """Ask the issuer about one token, or refuse to go on without the feed. Raises `revoked` or `unavailable`. RFC 7662."""
        assert self._feed
        if self._when_stale == "refuse":
            raise TokenError(
                "unavailable", f"The revocation feed is older than it may be: {self._feed.fault or 'no answer'}."
            )
        try:
            caller = self._feed.authorization()
            headers = {"authorization": caller, "content-type": "application/x-www-form-urlencoded"}
            endpoint = str(self.keys.metadata()["introspection_endpoint"])
            answer = self._fetch(Ask(endpoint, headers, urlencode({"token": raw}).encode()))
            active = answer.status == 200 and parse_object(answer.body)["active"]
        except (OSError, ValueError, KeyError) as fault:
            raise TokenError("unavailable", f"The issuer cannot be asked about the token: {fault}.") from fault
        if answer.status != 200:
            raise TokenError("unavailable", f"The issuer answers {answer.status} when asked about the token.")
        if active is not True:
            raise TokenError("revoked", "The token was revoked.")

    def _forget(self) -> None:
        with self._lock:
            self._known.clear()


def _digest(raw: str) -> bytes:
    return hashlib.sha256(raw.encode("utf-8", "replace")).digest()


def _parse(raw: str) -> Jws:
    try:
        jws = parse_jws(raw)
    except ValueError as fault:
        raise TokenError("malformed", "The token is not a signed JWT.") from fault
    if jws.head.get("alg") not in ALGORITHMS:
        raise TokenError("wrong_algorithm", "The token is not signed with an algorithm that is accepted here.")
    if str(jws.head.get("typ")).lower() not in _TYPES:
        raise TokenError("wrong_type", "The token is a JWT, but not an access token.")
    if not isinstance(jws.head.get("kid"), str):
        raise TokenError("unknown_key", "The token does not name its key.")
    return jws


def _audience(aud: object) -> set[str]:
    listed = aud if isinstance(aud, list) else [aud]
    return {each for each in listed if isinstance(each, str)}


def _is_later(instant: object, than: float) -> bool:
    """Whether an instant is later, or none at all."""
    return not isinstance(instant, int | float) or instant > than


def _instant(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
