"""OpenTelemetry: a span and a duration for each request, sent by OTLP over HTTP. Needs the extra `gatepost[otel]`.

A span has the names that the semantic conventions for HTTP servers give, the pattern of the route, and the request's own
id if it had one. It has no path, no query, no header, no address: nothing that could be a secret. It continues the trace
of a `traceparent` (W3C Trace Context). How many are kept is the SDK's own setting, `OTEL_TRACES_SAMPLER`.
"""

import asyncio
import time

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gatepost import __version__
from gatepost.tally import SECONDS
from gatepost.web.app import request_id_of
from gatepost.web.message import Request

SEND_SECONDS = 2
"""How long a collector may take.

A stopping server waits at most as long for one that is away: once for spans, once for figures.
"""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Telemetry:
    """The spans and figures of one process, on their way to a collector. Sending is a thread's business, not a request's."""

    def __init__(self, otlp: str, spans: SpanProcessor | None = None, reader: MetricReader | None = None) -> None:
        resource = Resource.create({"service.name": "gatepost", "service.version": __version__})
        spans = spans or BatchSpanProcessor(OTLPSpanExporter(f"{otlp}/v1/traces", timeout=SEND_SECONDS))
        reader = reader or PeriodicExportingMetricReader(OTLPMetricExporter(f"{otlp}/v1/metrics", timeout=SEND_SECONDS))
        self._tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._tracers.add_span_processor(spans)
        self._meters = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        self._tracer = self._tracers.get_tracer("gatepost", __version__)
        self._took = self._meters.get_meter("gatepost", __version__).create_histogram(
            "http.server.request.duration", "s", explicit_bucket_boundaries_advisory=SECONDS
        )
        self._parents = TraceContextTextMapPropagator()

    def note(self, request: Request, path: str, status: int, seconds: float) -> None:
        """Tell of one request that was answered just now."""
        end = time.time_ns()
        method = request.method if request.method in _METHODS else "_OTHER"
        attributes: dict[str, str | int] = {
            "http.request.method": method,
            "http.route": path,
            "http.response.status_code": status,
        }
        self._took.record(seconds, attributes)
        span = self._tracer.start_span(
            f"{method} {path}",
            self._parents.extract(_carrier(request)),
            SpanKind.SERVER,
            attributes,
            start_time=end - int(seconds * 1e9),
        )
        request_id = request_id_of(request)
        if request_id:
            span.set_attribute("gatepost.request_id", request_id)
        if status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        span.end(end)

    async def run(self) -> None:
        """Wait for the end, and then send what is left."""
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.to_thread(self._end)

    def _end(self) -> None:
        self._tracers.shutdown()
        self._meters.shutdown()


def _carrier(request: Request) -> dict[str, str]:
    return {
        name: request.headers[name.encode()].decode("latin-1")
        for name in ("traceparent", "tracestate")
        if name.encode() in request.headers
    }
