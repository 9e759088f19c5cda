"""What passed through the application: by route and status, how many requests and how long each took.

A route is named by its pattern, never by what was sent: what has no route is all one, and no name in a path is kept.
"""

from collections.abc import Callable
from typing import TypeAlias

from gatepost.tally import SECONDS, Tally
from gatepost.web.message import Request

Observe: TypeAlias = Callable[[Request, str, int, float], None]
"""Is told of each request that was answered: the request, the pattern of its route, the status, and the seconds it took."""


class Traffic:
    """The requests that this process has answered."""

    def __init__(self) -> None:
        self.tallies: dict[tuple[str, int], Tally] = {}

    def note(self, request: Request, path: str, status: int, seconds: float) -> None:
        """Count one request."""
        tally = self.tallies.get((path, status))
        if tally is None:
            tally = self.tallies[path, status] = Tally(SECONDS)
        tally.note(seconds)
