"""`/metrics`: what is counted, who may read it, and that it says nothing of anybody. The dashboard asks for what there is."""

import asyncio
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from gatepost.endpoints.telemetry import SEND_SECONDS, Telemetry
from gatepost.web.message import Request

from .conftest import OpenWorld
from .world import World

TOKEN = "a-token-for-the-scraper-0123456789"
DASHBOARD = Path(__file__).parents[2] / "deploy" / "grafana" / "gatepost.json"


@pytest.fixture
async def watched(open_world: OpenWorld) -> World:
    return await open_world({"metrics.token": TOKEN})


async def scrape(world: World) -> str:
    answer = await world.call("GET", "/metrics", f"Bearer {TOKEN}")
    assert answer.status_code == 200, answer.text
    return answer.text


def families(text: str) -> dict[str, Metric]:
    return {family.name: family for family in text_string_to_metric_families(text)}


def value(text: str, sample: str, **labels: str) -> float:
    """One sample; 0 when there is none yet."""
    found = [
        each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
        if each.name == sample and each.labels == labels
    ]
    return found[0] if found else 0.0


async def use(world: World) -> None:
    """A little of everything that is counted."""
    pair = await world.tokens()
    await world.refreshed(pair.refresh_token)
    await world.call("POST", "/introspect", world.acme, form={"token": pair.access_token})
    await world.call("POST", "/introspect", world.acme, form={"token": pair.access_token})
    await world.call("POST", "/token", world.acme.web, form={"grant_type": "password"})
    await world.call("GET", "/no/such/place")


async def test_requests_are_counted_by_route_and_status(watched: World) -> None:
    before = await scrape(watched)
    await use(watched)
    after = await scrape(watched)

    def more(sample: str, **labels: str) -> float:
        return value(after, sample, **labels) - value(before, sample, **labels)

    count = "gatepost_http_request_seconds_count"
    assert more(count, route="/refresh", status="200") == 1
    assert more(count, route="/token", status="400") == 1
    assert more(count, route="/introspect", status="200") == 2
    assert more(count, route="(elsewhere)", status="404") == 1
    assert more("gatepost_http_request_seconds_bucket", route="/refresh", status="200", le="+Inf") == 1
    assert 0 < more("gatepost_http_request_seconds_sum", route="/refresh", status="200") < 5
    assert more("gatepost_tokens_issued_total", grant_type="refresh_token") == 1
    assert more("gatepost_refusals_total", code="unsupported_grant_type") == 1
    assert more("gatepost_tokens_accepted_total", at="introspect") == 2
    assert more("gatepost_cache_reads_total", cache="verified_tokens", outcome="hit") == 1
    assert more("gatepost_cache_reads_total", cache="verified_tokens", outcome="miss") == 1
    assert more("gatepost_store_commit_seconds_count") == more("gatepost_store_batch_size_count") > 0


async def test_what_was_written_to_the_store_stays_counted(watched: World) -> None:
    await use(watched)
    before = await scrape(watched)
    await watched.instance.counts.flush()
    after = await scrape(watched)
    for labels in ({"grant_type": "verify"}, {"grant_type": "refresh_token"}):
        sample = "gatepost_tokens_issued_total"
        assert value(after, sample, **labels) == value(before, sample, **labels) > 0


@pytest.mark.parametrize("sent", [None, "Bearer wrong", f"Bearer {TOKEN}x", TOKEN, f"Basic {TOKEN}"])
async def test_only_the_token_opens_it(watched: World, sent: str | None) -> None:
    answer = await watched.call("GET", "/metrics", sent)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")


async def test_without_a_token_there_is_nothing_at_the_port_that_faces_the_world(world: World) -> None:
    assert (await world.call("GET", "/metrics", world.acme)).status_code == 404


async def test_it_says_nothing_of_anybody(watched: World) -> None:
    await use(watched)
    text = await scrape(watched)
    for private in (watched.acme.id, watched.acme.web.client_id, watched.acme.key, watched.acme.ann, "192.0.2", TOKEN):
        assert private not in text


async def test_what_a_client_makes_up_makes_no_new_line(watched: World) -> None:
    await use(watched)
    await scrape(watched)
    before = (await scrape(watched)).count("\n")
    for number in range(20):
        await watched.call("GET", f"/made/up/{number}")
        await watched.call("POST", "/token", watched.acme.web, form={"grant_type": f"made-up-{number}"})
    assert (await scrape(watched)).count("\n") == before


async def test_every_query_of_the_dashboard_finds_what_it_asks_for(watched: World) -> None:
    await use(watched)
    there: dict[str, set[str]] = {}
    for family in families(await scrape(watched)).values():
        for sample in family.samples:
            there.setdefault(sample.name, set()).update(sample.labels)
    queries = [target["expr"] for panel in json.loads(DASHBOARD.read_text())["panels"] for target in panel["targets"]]
    assert len(queries) > 15
    for query in queries:
        selected = re.findall(r"([a-z_:]+)\{([^}]*)\}", query)
        assert selected, query
        grouped = {name.strip() for group in re.findall(r"by \(([^)]*)\)", query) for name in group.split(",")}
        for metric, matchers in selected:
            assert metric in there, f"{metric} of {query}"
            labels = {name.strip() for name in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers)} | grouped
            assert labels - {"job", "instance"} <= there[metric], query


async def test_a_request_keeps_the_name_it_came_with(world: World, caplog: pytest.LogCaptureFixture) -> None:
    named = {"x-request-id": "edge-7/abc.42"}
    with caplog.at_level("DEBUG", "gatepost.refusals"):
        answer = await world.call("POST", "/refresh", json={"refresh_token": "none of ours"}, headers=named)
    assert answer.headers["x-request-id"] == named["x-request-id"]
    lines = [record for record in caplog.records if getattr(record, "event_id", "") == answer.headers["x-event-id"]]
    assert [getattr(line, "request_id", "") for line in lines] == [named["x-request-id"]]
    assert (await world.call("GET", "/healthz", headers=named)).headers["x-request-id"] == named["x-request-id"]


@pytest.mark.parametrize("sent", ["a b", "x" * 129, 'a"b', "a,b"])
async def test_a_name_that_could_do_harm_is_not_repeated(world: World, sent: str) -> None:
    answer = await world.call("GET", "/healthz", headers={"x-request-id": sent})
    assert "x-request-id" not in answer.headers


def test_a_span_tells_the_route_and_no_secret() -> None:
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    telemetry = Telemetry("http://127.0.0.1:1", SimpleSpanProcessor(exporter), reader)
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    headers = {
        b"traceparent": f"00-{trace}-{parent}-01".encode(),
        b"authorization": b"Bearer secret",
        b"x-request-id": b"edge-7",
    }
    request = Request("POST", b"/consent/gp_flow_secret", b"token=secret", headers, "192.0.2.1", b"secret")
    telemetry.note(request, "/consent/…", 503, 0.25)
    (span,) = exporter.get_finished_spans()
    assert span.name == "POST /consent/…"
    assert span.context
    assert f"{span.context.trace_id:032x}" == trace
    assert span.parent
    assert f"{span.parent.span_id:016x}" == parent
    assert span.end_time
    assert span.start_time
    assert span.end_time - span.start_time == 250_000_000
    assert dict(span.attributes or {}) == {
        "http.request.method": "POST",
        "http.route": "/consent/…",
        "http.response.status_code": 503,
        "gatepost.request_id": "edge-7",
    }
    assert not span.status.is_ok
    assert "secret" not in span.to_json() + str(reader.get_metrics_data())


class Collector(BaseHTTPRequestHandler):
    """Takes what is sent to it, and remembers where to."""

    paths: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.paths.append(self.path)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


async def end(telemetry: Telemetry) -> float:
    """The seconds that a server with this one waits for it at its end."""
    running = asyncio.create_task(telemetry.run())
    await asyncio.sleep(0)
    began = time.monotonic()
    running.cancel()
    await asyncio.wait([running])
    return time.monotonic() - began


async def test_what_is_left_is_sent_at_the_end() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        telemetry = Telemetry(f"http://127.0.0.1:{server.server_port}")
        telemetry.note(Request("GET", b"/healthz", b"", {}, "192.0.2.1", b""), "/healthz", 200, 0.001)
        await end(telemetry)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert set(Collector.paths) == {"/v1/traces", "/v1/metrics"}


async def test_a_collector_that_is_away_keeps_no_server_from_ending() -> None:
    telemetry = Telemetry("http://127.0.0.1:1")
    telemetry.note(Request("GET", b"/healthz", b"", {}, "192.0.2.1", b""), "/healthz", 200, 0.001)
    assert await end(telemetry) < 2 * SEND_SECONDS + 2


def _points(reader: InMemoryMetricReader) -> list[Any]:
    data: Any = reader.get_metrics_data()
    return list(data.resource_metrics[0].scope_metrics[0].metrics[0].data.data_points)


def test_a_broken_trace_begins_a_new_one_and_durations_add_up() -> None:
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    telemetry = Telemetry("http://127.0.0.1:1", SimpleSpanProcessor(exporter), reader)
    for method in ("GET", "MADE-UP"):
        request = Request(method, b"/healthz", b"", {b"traceparent": b"nonsense"}, "192.0.2.1", b"")
        telemetry.note(request, "/healthz", 200, 0.001)
    assert {span.name for span in exporter.get_finished_spans()} == {"GET /healthz", "_OTHER /healthz"}
    assert all(span.parent is None for span in exporter.get_finished_spans())
    assert sum(point.count for point in _points(reader)) == 2
