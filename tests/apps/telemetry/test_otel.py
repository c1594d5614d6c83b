"""Spans and measurements of requests, and that a collector gets them over HTTP."""

import asyncio
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider

from tests.apps.telemetry.conftest import STEPS
from toolgate.apps.settings.config import Config
from toolgate.apps.telemetry import otel
from toolgate.apps.telemetry.otel import CAPTURE, OpenTelemetry, open_otel
from toolgate.apps.telemetry.telemetry import open_telemetry
from toolgate.engines.replay import ReplayEngine

ASKED: dict[str, Any] = {"model": "x", "messages": [{"role": "user", "content": "Hi"}]}
LABELS = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "replay",
    "gen_ai.request.model": "kimi",
    "gen_ai.response.model": "kimi",
}


async def test_a_request_is_measured_by_the_conventions(asking):
    told = await asking({**ASKED, "stream": True})
    (duration,) = told.metrics["gen_ai.client.operation.duration"]
    assert dict(duration.attributes) == LABELS
    assert duration.count == 1
    assert duration.explicit_bounds[0] == 0.01
    assert told.metrics["gen_ai.client.operation.time_to_first_chunk"][0].count == 1
    tokens = told.metrics["gen_ai.client.token.usage"]
    assert {point.attributes["gen_ai.token.type"]: point.sum for point in tokens} == {
        "input": 9,
        "output": 2,
    }


async def test_a_name_that_clients_invent_is_in_no_metric(asking):
    told = await asking({**ASKED, "model": "a-name-of-mine"})
    told_of = [dict(point.attributes) for points in told.metrics.values() for point in points]
    assert "a-name-of-mine" not in str(told_of)


async def test_the_clients_trace_goes_on(asking):
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    told = await asking(ASKED, headers={"traceparent": parent})
    assert f"{told.span.context.trace_id:032x}" == parent.split("-")[1]
    assert f"{told.span.parent.span_id:016x}" == parent.split("-")[2]


async def test_a_span_is_as_long_as_its_request(asking):
    told = await asking(ASKED)
    (duration,) = told.metrics["gen_ai.client.operation.duration"]
    lasted = (told.span.end_time - told.span.start_time) / 1e9
    assert lasted == pytest.approx(duration.sum, abs=1e-6)


def test_contents_need_opentelemetrys_own_opt_in(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    for value, expected in {
        "": False,
        "no_content": False,
        "TRUE": True,
        "span_only": True,
    }.items():
        telemetry = open_otel({CAPTURE: value})
        assert telemetry._contents is expected
        telemetry.close()


def test_a_collector_that_hangs_holds_nobody_up(monkeypatch):
    goes_on = threading.Event()
    monkeypatch.setattr(otel, "CLOSING_SECONDS", 0.0)
    tracers, meters = TracerProvider(), MeterProvider()
    monkeypatch.setattr(tracers, "shutdown", goes_on.wait)
    OpenTelemetry(tracers, meters, contents=False).close()  # else the test never ends
    assert not goes_on.is_set()
    goes_on.set()


async def test_a_collector_gets_it(open_gateway, monkeypatch):
    got: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *given: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        telemetry = open_telemetry(
            Config(opentelemetry=True), {"OTEL_EXPORTER_OTLP_ENDPOINT": address}
        )
        assert isinstance(telemetry, OpenTelemetry)
        monkeypatch.setattr(
            "toolgate.apps.serving.shared_state.open_telemetry", lambda *given: telemetry
        )
        gateway = await open_gateway(ReplayEngine(lambda prompt: STEPS), model="kimi")
        assert (await gateway.post("/v1/chat/completions", json=ASKED)).status_code == 200
        await asyncio.to_thread(telemetry.close)
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()
        thread.join()
    assert {path for path, _ in got} == {"/v1/traces", "/v1/metrics"}
    (sent,) = [ExportTraceServiceRequest.FromString(body) for path, body in got if "trac" in path]
    (resource,) = sent.resource_spans
    named = {one.key: one.value.string_value for one in resource.resource.attributes}
    assert named["service.name"] == "toolgate"
    assert resource.scope_spans[0].spans[0].name == "chat kimi"
