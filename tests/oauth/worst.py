"""The bill of a hostile input: CPU seconds that a parser spends on it."""

import contextlib
import time
from collections.abc import Callable
from typing import Any

from gatepost.errors import GatepostError

BODY = 64 * 1024
ALLOWED = 0.010


def cpu_of(parse: Callable[..., Any], *given: Any) -> float:
    """The least of three runs, so that a busy machine is not taken for a slow parser. Refusing is fine, crashing is not."""

    def once() -> float:
        began = time.thread_time()
        with contextlib.suppress(GatepostError):
            parse(*given)
        return time.thread_time() - began

    return min(once() for _ in range(3))
