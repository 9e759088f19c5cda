"""What of one process can be watched, and where: figures at `/metrics`, spans and figures sent by OpenTelemetry.

Each process counts for itself, and answers for itself: a request is counted where it was answered, with no lock and no
file between processes. So each is a target of its own, at a port of its own, and whoever draws the charts adds them up.
"""

import socket
from collections.abc import Sized
from typing import TYPE_CHECKING

from gatepost.endpoints.refusals import Refusals, in_json, render_oauth
from gatepost.errors import OAuthError
from gatepost.flows.duties import Duty
from gatepost.flows.feed import Feed
from gatepost.flows.instance import Instance
from gatepost.flows.introspect import VerifiedTokens
from gatepost.settings import Settings
from gatepost.web.app import ANY_METHOD, App, Route
from gatepost.web.beside import Beside
from gatepost.web.limits import Unlimited
from gatepost.web.message import Reply, Request
from gatepost.web.places import Places
from gatepost.web.traffic import Observe, Traffic

if TYPE_CHECKING:
    from gatepost.endpoints.metrics import Metrics
    from gatepost.endpoints.telemetry import Telemetry

METRICS = "/metrics"


class Watch:
    """What is watched of one process. What nobody asked for is not even imported."""

    def __init__(self, settings: Settings, instance: Instance) -> None:
        self.verified = VerifiedTokens()
        self.feed = Feed(instance)
        self.connections: Sized = ()
        """The open ones; the application that has them puts them here."""
        self._instance = instance
        self._traffic = Traffic()
        self._metrics = self._make_metrics(settings) if settings.metrics.listen or settings.metrics.token else None
        self._telemetry = _make_telemetry(settings) if settings.telemetry.otlp else None

    @property
    def observe(self) -> Observe | None:
        """Who is told of each request."""
        told: list[Observe] = [self._traffic.note] if self._metrics else []
        told += [self._telemetry.note] if self._telemetry else []
        return _all_of(told) if len(told) > 1 else told[0] if told else None

    def routes(self, refusals: Refusals) -> dict[str, Route]:
        """`/metrics` among the server's own routes, if a token guards it there."""
        if self._metrics is None or not self._metrics.is_guarded:
            return {}
        return {METRICS: Route({"GET": self._metrics.metrics}, refusals.style(in_json(render_oauth)))}

    def beside(self, listener: socket.socket | None) -> list[Duty]:
        """What runs beside the requests: the listener for `/metrics`, and the one who sends."""
        duties: list[Duty] = []
        if listener and self._metrics:
            duties.append(Beside(self._own_app(self._metrics), listener).run)
        if self._telemetry:
            duties.append(self._telemetry.run)
        return duties

    def _own_app(self, metrics: "Metrics") -> App:
        """The application of the listener: one route."""
        refusals = Refusals(self._instance.store, self._instance.counts, self._instance.clock)
        refuse = refusals.style(in_json(render_oauth))
        route = Route({"GET": metrics.metrics, "HEAD": metrics.metrics}, refuse)
        nowhere = {b"": Route({ANY_METHOD: _nothing}, refuse)}
        return App({METRICS.encode(): route}, {}, Places({}), nowhere, Unlimited(), ())

    def _make_metrics(self, settings: Settings) -> "Metrics":
        from gatepost.endpoints.metrics import Metrics

        return Metrics(
            self._traffic,
            self._instance.store.figures,
            self._instance.counts,
            self.verified,
            self.feed,
            lambda: len(self.connections),
            settings.metrics.token,
        )


async def _nothing(request: Request) -> Reply:
    raise OAuthError("not_found", "There is only /metrics here.")


def _make_telemetry(settings: Settings) -> "Telemetry":
    from gatepost.endpoints.telemetry import Telemetry

    return Telemetry(settings.telemetry.otlp)


def _all_of(told: list[Observe]) -> Observe:
    def observe(request: Request, path: str, status: int, seconds: float) -> None:
        for each in told:
            each(request, path, status, seconds)

    return observe
