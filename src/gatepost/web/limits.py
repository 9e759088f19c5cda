"""Rate limits: token buckets in one number each, bounded in memory."""

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from typing import NamedTuple, TypeAlias, TypeVar

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_Key = TypeVar("_Key", bound=Hashable)

MAX_BUCKETS = 50_000

MINUTE = 60
"""Seconds."""

_ROUNDING = 1e-6
"""Seconds that sums of instants may be off by; without it a full bucket could refuse its last token."""


class Buckets:
    """A bucket for each key: `rate` tokens a second flow in, up to `burst`.

    A bucket is kept as the instant at which it would be full again, so an idle one is worth nothing and is dropped: one
    with each token that is taken, or a busy one when there are too many.
    """

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 1 / rate
        self._slack = burst / rate + _ROUNDING - self._interval
        self._clock = clock
        # Ordered by use. Looking for the first key of a plain dict passes all that were ever deleted before it.
        self._full_at: OrderedDict[object, float] = OrderedDict()

    def take(self, key: object) -> int:
        """Take a token. Answers 0, or the seconds after which there is one again."""
        now = self._clock()
        full_at = self._full_at.get(key, now)
        if full_at < now:
            full_at = now
        wait = full_at - now - self._slack
        self._full_at[key] = full_at + self._interval if wait <= 0 else full_at
        self._full_at.move_to_end(key)
        quietest = next(iter(self._full_at))
        if self._full_at[quietest] <= now or len(self._full_at) > MAX_BUCKETS:
            del self._full_at[quietest]
        return math.ceil(wait) if wait > 0 else 0

    def give_back(self, key: object) -> None:
        """Undo a `take` that answered 0."""
        if key in self._full_at:
            self._full_at[key] -= self._interval

    def is_empty(self, key: object) -> int:
        """The seconds until there is a token, without taking one; 0 when there is."""
        now = self._clock()
        wait = self._full_at.get(key, now) - now - self._slack
        return math.ceil(wait) if wait > 0 else 0


class Unlimited(Buckets):
    """Limits that are switched off."""

    def __init__(self) -> None:
        super().__init__(1, 1)

    def take(self, key: object) -> int:
        return 0

    def give_back(self, key: object) -> None:
        pass

    def is_empty(self, key: object) -> int:
        return 0


class Quota(NamedTuple):
    """What is left of a limit: of `rate` requests a minute `left` may come now, and after `full_in` seconds all of them.

    `wait` are the seconds until there is one; 0 when this request was let in.
    """

    rate: int
    left: int
    full_in: int
    wait: int = 0


class MinuteBuckets:
    """Buckets whose rate comes with the question: each holds a minute's worth, and as much flows in, evenly.

    They are kept as in `Buckets` and bounded as there: when there are too many, the one that was asked longest ago is dropped.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._full_at: OrderedDict[object, float] = OrderedDict()

    def take(self, rates: Mapping[_Key, int]) -> dict[_Key, Quota]:
        """Take one request from each of these buckets, or from none if one of them is empty; what is left of each."""
        now = self._clock()
        debts = {key: max(self._full_at.get(key, now) - now, 0.0) for key in rates}
        waits = {key: debts[key] - MINUTE + MINUTE / rate - _ROUNDING for key, rate in rates.items()}
        if max(waits.values()) > 0:
            return {key: _quota(rate, debts[key], waits[key]) for key, rate in rates.items()}
        for key, rate in rates.items():
            debts[key] += MINUTE / rate
            self._full_at[key] = now + debts[key]
            self._full_at.move_to_end(key)
        while len(self._full_at) > MAX_BUCKETS or next(iter(self._full_at.values())) <= now:
            self._full_at.popitem(last=False)
        return {key: _quota(rate, debts[key], 0) for key, rate in rates.items()}


def _quota(rate: int, debt: float, wait: float) -> Quota:
    """What is left of a bucket that is `debt` seconds away from being full."""
    left = max(math.floor((MINUTE - debt + _ROUNDING) * rate / MINUTE), 0)
    return Quota(rate, left, math.ceil(debt - _ROUNDING), max(math.ceil(wait), 0))


class NoMinuteBuckets(MinuteBuckets):
    """Limits that are switched off."""

    def take(self, rates: Mapping[_Key, int]) -> dict[_Key, Quota]:
        return {key: Quota(rate, rate, 0) for key, rate in rates.items()}


def bucket_of(address: str) -> str:
    """The address as limits count it: IPv6 by /64, an IPv4-mapped one as IPv4."""
    if ":" not in address:
        return address
    try:
        parsed = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, 64), strict=False))


def client_address(peer: str, forwarded: str, trusted: tuple[Network, ...]) -> str:
    """Who is asking: the peer, or what a trusted peer says stood before it, hop by hop from the last."""
    address = peer
    hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()]
    while hops and _is_trusted(address, trusted):
        hop = hops.pop()
        try:
            address = str(ipaddress.ip_address(hop))
        except ValueError:
            return address
    return address


def _is_trusted(address: str, trusted: tuple[Network, ...]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    # A socket that serves both families shows an IPv4 peer as an IPv6 address.
    mapped = parsed.ipv4_mapped if parsed.version == 6 else None
    return any((mapped or parsed) in network for network in trusted)
