"""A gateway that tells what it does to exporters in memory."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from msgspec import Struct
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from toolgate.apps.serving import shared_state
from toolgate.apps.telemetry.otel import OpenTelemetry
from toolgate.core.chunk import Chunk, Usage
from toolgate.engines.replay import ReplayEngine, Step

SAID = (
    "I look.<|tool_calls_section_begin|><|tool_call_begin|>functions.look:0"
    '<|tool_call_argument_begin|>{"at": "Ann"}<|tool_call_end|><|tool_calls_section_end|>'
)
STEPS: list[Step] = [
    Chunk(text=SAID),
    Chunk(finish_reason="stop", usage=Usage(prompt_tokens=9, completion_tokens=2, cached_tokens=4)),
]


class Told(Struct):
    """What exporters were given."""

    status: int
    span: Any
    metrics: dict[str, list[Any]]


Asking = Callable[..., Awaitable[Told]]


@pytest.fixture
def asking(open_gateway, monkeypatch) -> Asking:
    """Asks once, and gives what the exporters heard of it."""

    async def ask(
        body: Any,
        steps: list[Step] = STEPS,
        *,
        contents: bool = False,
        headers: dict[str, str] | None = None,
        path: str = "/v1/chat/completions",
        **settings: Any,
    ) -> Told:
        spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
        tracers = TracerProvider()
        tracers.add_span_processor(SimpleSpanProcessor(spans))
        telemetry = OpenTelemetry(
            tracers, MeterProvider(metric_readers=[reader]), contents=contents
        )
        monkeypatch.setattr(shared_state, "open_telemetry", lambda *given: telemetry)
        gateway = await open_gateway(ReplayEngine(lambda prompt: steps), model="kimi", **settings)
        sent = {"content-type": "application/json", "x-request-id": "req_1"} | (headers or {})
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        answer = await gateway.post(path, content=content, headers=sent)
        (span,) = spans.get_finished_spans()
        return Told(answer.status_code, span, _points(reader))

    return ask


def _points(reader: InMemoryMetricReader) -> dict[str, list[Any]]:
    data = reader.get_metrics_data()
    assert data is not None
    return {
        metric.name: list(metric.data.data_points)
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
