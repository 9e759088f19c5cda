"""`/metrics`: what this process counted, in the formats that Prometheus reads. Nothing is asked of the database for it.

The server counts into plain tables of its own, where a request costs least. They are looked at here, when somebody
asks; the library writes them down. No label says whose a request was: no organization, no app, no person, no address.
"""

import platform
import time
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from gatepost import __version__
from gatepost.errors import OAuthError
from gatepost.flows.counting import ISSUED, PASSED, REFUSED, Counts
from gatepost.flows.feed import Feed
from gatepost.flows.introspect import VerifiedTokens
from gatepost.secrets import Secret
from gatepost.store.figures import Figures
from gatepost.store.migrations import NEWEST
from gatepost.tally import Tally
from gatepost.web.message import EMPTY, Reply, Request
from gatepost.web.traffic import Traffic


class Metrics(Collector):
    """The figures of one process, and the handler that answers with them."""

    def __init__(
        self,
        traffic: Traffic,
        figures: Callable[[], Figures],
        counts: Counts,
        verified: VerifiedTokens,
        feed: Feed,
        connections: Callable[[], int],
        token: Secret | None,
    ) -> None:
        self._traffic = traffic
        self._figures = figures
        self._counts = counts
        self._verified = verified
        self._feed = feed
        self._connections = connections
        self._token = token
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    @property
    def is_guarded(self) -> bool:
        """Whether a token is asked for."""
        return self._token is not None

    async def metrics(self, request: Request) -> Reply:
        """The figures, for whoever has the token; for everybody who gets here where none is set."""
        given = request.headers.get(b"authorization", b"").decode("latin-1")
        if self._token and Secret(given) != Secret(f"Bearer {self._token.reveal()}"):
            raise OAuthError("invalid_token", "Send metrics.token as a bearer token.", scheme="Bearer")
        encode, media_type = choose_encoder(request.headers.get(b"accept", b"").decode("latin-1"))
        return Reply(200, ((b"content-type", media_type.encode()), *EMPTY), encode(self._registry))

    def collect(self) -> Iterator[Metric]:
        """Everything, as it is now."""
        yield InfoMetricFamily(
            "gatepost_build",
            "The program that runs, and the newest schema it knows.",
            {"version": __version__, "schema": str(NEWEST), "python": platform.python_version()},
        )
        yield from self._requests()
        yield from self._outcomes()
        yield from self._store()
        yield from self._caches()

    def _requests(self) -> Iterator[Metric]:
        took = HistogramMetricFamily(
            "gatepost_http_request_seconds",
            "Requests by route and status: how many, and how long until the answer was ready.",
            labels=("route", "status"),
        )
        for (path, status), tally in list(self._traffic.tallies.items()):
            _add(took, (path, str(status)), tally)
        yield took
        yield GaugeMetricFamily("gatepost_http_connections", "Connections that are open.", self._connections())

    def _outcomes(self) -> Iterator[Metric]:
        totals = self._counts.totals()
        for kind, name, meaning, label in (
            (ISSUED, "gatepost_tokens_issued", "Access tokens, by what they were issued for.", "grant_type"),
            (REFUSED, "gatepost_refusals", "Refusals, by the code of docs/errors.md.", "code"),
            (PASSED, "gatepost_tokens_accepted", "Tokens that were looked at and found good, by where.", "at"),
        ):
            family = CounterMetricFamily(name, meaning, labels=(label,))
            for (each, value), times in totals.items():
                if each == kind:
                    family.add_metric((value,), times)
            yield family

    def _store(self) -> Iterator[Metric]:
        figures = self._figures()
        for name, meaning, tally in (
            ("gatepost_store_commit_seconds", "Commits: from the batch's start until it was durable.", figures.commits),
            ("gatepost_store_batch_size", "Questions that shared a commit.", figures.sizes),
        ):
            family = HistogramMetricFamily(name, meaning, labels=())
            _add(family, (), tally)
            yield family
        yield GaugeMetricFamily("gatepost_store_waiting", "Questions that wait to be committed.", figures.waiting)
        yield GaugeMetricFamily("gatepost_store_connections", "Connections to the database.", figures.connections)

    def _caches(self) -> Iterator[Metric]:
        reads = CounterMetricFamily(
            "gatepost_cache_reads", "What caches were asked, and whether they knew.", labels=("cache", "outcome")
        )
        figures, verified = self._figures(), self._verified
        for cache, known, unknown in (
            ("recent", figures.kept, figures.looked_up),
            ("verified_tokens", verified.known, verified.unknown),
        ):
            reads.add_metric((cache, "hit"), known)
            reads.add_metric((cache, "miss"), unknown)
        yield reads
        age = time.monotonic() - self._feed.looked_at if self._feed.waiting else 0.0
        yield GaugeMetricFamily(
            "gatepost_feed_readers", "Readers that wait for the next revocation.", self._feed.waiting
        )
        yield GaugeMetricFamily(
            "gatepost_feed_age_seconds", "How long ago the revocations were last looked at for those who wait.", age
        )


def _add(family: HistogramMetricFamily, labels: Iterable[str], tally: Tally) -> None:
    family.add_metric(list(labels), list(tally.cumulated()), tally.total)
