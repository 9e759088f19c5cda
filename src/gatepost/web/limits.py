"""Rate limits: token buckets in one number each, bounded in memory."""

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeAlias

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_BUCKETS = 50_000

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

    def is_empty(self, key: object) -> int:
        return 0


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
