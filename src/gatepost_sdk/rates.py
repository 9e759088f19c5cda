"""The limits that a token carries, held where it is verified: requests a minute of its grant, its app, its organization.

One that was exchanged carries those of the apps before it too, each as `via:` and the client_id.
"""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from gatepost_sdk.token import Token

MINUTE = 60
NAMES = ("grant", "app", "org")
VIA = "via:"
_ROUNDING = 1e-6


def read_limits(said: object) -> dict[str, int]:
    """What the claim `limits` says: a number of requests a minute by what is limited. Raises ValueError."""
    if not isinstance(said, dict) or not all(type(rate) is int and rate > 0 for rate in said.values()):
        raise ValueError("limits is of the wrong type")
    return {name: rate for name, rate in said.items() if name in NAMES or name.startswith(VIA)}


def _place(name: str, token: Token) -> tuple[str, str | None]:
    """Whose bucket it is that a limit is counted in: an app has one, for its own tokens and for what came from them."""
    if name.startswith(VIA):
        return "app", name.removeprefix(VIA)
    return name, {"grant": token.grant_id, "app": token.client_id, "org": token.org}[name]


class Rates:
    """Buckets of one verifier: each holds a minute's worth of requests, and as much flows in, evenly.

    A bucket is kept as the instant at which it would be full again. There are at most `remember`; then the one that was
    asked longest ago is dropped, and starts full again.
    """

    def __init__(self, remember: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._remember = remember
        self._clock = clock
        self._lock = threading.Lock()
        self._full_at: OrderedDict[tuple[str, str | None], float] = OrderedDict()

    def take(self, token: Token) -> int:
        """Take a request from each of the token's buckets: 0. Or from none, when one is empty: the seconds to wait."""
        rates = {_place(name, token): rate for name, rate in token.limits.items()}
        with self._lock:
            now = self._clock()
            debts = {key: max(self._full_at.get(key, now) - now, 0.0) for key in rates}
            wait = max(debts[key] - MINUTE + MINUTE / rate for key, rate in rates.items())
            if wait > _ROUNDING:
                return math.ceil(wait)
            for key, rate in rates.items():
                self._full_at[key] = now + debts[key] + MINUTE / rate
                self._full_at.move_to_end(key)
            while len(self._full_at) > self._remember:
                self._full_at.popitem(last=False)
        return 0
