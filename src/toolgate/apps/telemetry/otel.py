"""Requests as OpenTelemetry's spans and metrics, sent by its SDK's own threads.

One span and some measurements for each request, made once it is over: nothing happens for a chunk.
Everything else (where to, how often, which part of the traces) is told by OpenTelemetry's own
variables, which the SDK reads.
"""

import time
from collections.abc import Mapping
from threading import Thread
from typing import Any, Final

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from toolgate import __version__
from toolgate.apps.serving.recorder import Take
from toolgate.apps.telemetry.attributes import (
    OPERATION,
    contents_of,
    describe,
    error_of,
    first_seconds,
    identify,
)

CAPTURE: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""OpenTelemetry's own opt-in for contents."""
CLOSING_SECONDS: Final = 3.0
"""The SDK tries for 10 seconds each, while whoever stops the gateway waits."""
_CAPTURES: Final = frozenset({"true", "span_only", "span_and_event"})
# The bounds that the conventions name.
_SECONDS: Final = tuple(0.01 * 2**step for step in range(14))
_TOKENS: Final = tuple(4.0**step for step in range(14))
_METRICS: Final[Mapping[str, tuple[str, str, tuple[float, ...]]]] = {
    "gen_ai.client.operation.duration": ("s", "Of a whole request.", _SECONDS),
    "gen_ai.client.operation.time_to_first_chunk": (
        "s",
        "From a streamed request to the engine's first word.",
        _SECONDS,
    ),
    "gen_ai.client.token.usage": ("{token}", "Tokens of prompts and of answers.", _TOKENS),
}
"""Name → unit, what it tells, bounds."""


class OpenTelemetry:
    """Tells each request to these providers."""

    def __init__(self, tracers: TracerProvider, meters: MeterProvider, *, contents: bool) -> None:
        """`contents`: whether spans hold what was said."""
        self._tracers = tracers
        self._meters = meters
        self._contents = contents
        self._tracer = tracers.get_tracer("toolgate", __version__)
        meter = meters.get_meter("toolgate", __version__)
        self._histograms = {
            name: meter.create_histogram(
                name, unit, text, explicit_bucket_boundaries_advisory=bounds
            )
            for name, (unit, text, bounds) in _METRICS.items()
        }

    def end(self, take: Take, headers: Mapping[str, str]) -> None:
        """One span, as long as the request was, and what is measured of it."""
        seconds = time.perf_counter() - take.began
        self._trace(take, headers, seconds)
        self._measure(take, seconds)

    def _trace(self, take: Take, headers: Mapping[str, str], seconds: float) -> None:
        ended = time.time_ns()
        span = self._tracer.start_span(
            f"{OPERATION} {take.record.model}".rstrip(),
            context=TraceContextTextMapPropagator().extract(headers),
            kind=SpanKind.CLIENT,
            attributes=describe(take),
            start_time=ended - int(seconds * 1e9),
        )
        if self._contents and span.is_recording():
            span.set_attributes(contents_of(take))
        if error_of(take):
            span.set_status(Status(StatusCode.ERROR))
        span.end(ended)

    def _measure(self, take: Take, seconds: float) -> None:
        labels = identify(take)
        self._record("gen_ai.client.operation.duration", seconds, labels)
        if take.record.resend == "joined":
            return  # its words and its tokens were the first copy's
        first = first_seconds(take)
        if take.stream and first is not None:
            self._record("gen_ai.client.operation.time_to_first_chunk", first, labels)
        if take.usage is not None:
            told = {"input": take.usage.prompt_tokens, "output": take.usage.completion_tokens}
            for kind, tokens in told.items():
                typed = labels | {"gen_ai.token.type": kind}
                self._record("gen_ai.client.token.usage", tokens, typed)

    def _record(self, name: str, amount: float, labels: dict[str, Any]) -> None:
        self._histograms[name].record(amount, labels)

    def close(self) -> None:
        """Sends what waits, and gives up on a collector that does not answer."""
        ways = (self._tracers.shutdown, self._meters.shutdown)
        threads = [Thread(target=shut_down, daemon=True) for shut_down in ways]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + CLOSING_SECONDS
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))


def open_otel(environment: Mapping[str, str]) -> OpenTelemetry:
    """Sends by OTLP over HTTP to where `OTEL_EXPORTER_OTLP_ENDPOINT` says."""
    named = "service.name=" in environment.get("OTEL_RESOURCE_ATTRIBUTES", "")
    named |= "OTEL_SERVICE_NAME" in environment
    resource = Resource.create({} if named else {"service.name": "toolgate"})
    resource = resource.merge(Resource({"service.version": __version__}))
    tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    reader = PeriodicExportingMetricReader(OTLPMetricExporter())
    meters = MeterProvider(resource=resource, metric_readers=[reader], shutdown_on_exit=False)
    return OpenTelemetry(
        tracers, meters, contents=environment.get(CAPTURE, "").lower() in _CAPTURES
    )
