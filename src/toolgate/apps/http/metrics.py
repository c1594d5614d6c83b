"""What Prometheus reads: requests, calls, what was mended or prevented, times, and the servers.

Every name that it tells is in the tables below, and in docs/metrics.md.
"""

import os
from collections import Counter as Tallied
from collections.abc import Mapping, Sequence
from typing import Final

import prometheus_client as prometheus
from prometheus_client.multiprocess import MultiProcessCollector

from toolgate.apps.http.access_log import RequestRecord
from toolgate.apps.serving.tally import SEVERAL, Tally
from toolgate.engines.pool.replica import ServerState
from toolgate.pipeline.finding import FindingKind

# Any path can be asked for, and clients invent field names; each label costs memory for good.
PATHS: Final = frozenset(
    (
        *("/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/models"),
        *("/v1/messages", "/v1/messages/count_tokens", "/health", "/metrics"),
    )
)
SHARED_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Prometheus' own variable: where the workers of one gateway keep their counters."""
MOST_FIELDS: Final = 200
MOST_TOOLS: Final = 200
"""Of one gateway, by name; agents bring some 25, each of them the same ones every time."""
LONGEST_FIELD: Final = 64
OTHER: Final = "other"

COUNTERS: Final[Mapping[str, tuple[str, str]]] = {
    "requests": ("Requests, by path and status.", "path status"),
    "repairs": ("Changes made to requests.", "kind"),
    "anomalies": ("Deviations of the model.", "kind"),
    "findings": ("Calls and results lost by clients.", "kind"),
    "resends": ("Copies of requests under way.", "how"),
    "unknown_fields": ("Request fields nobody reads.", "field"),
    "calls": ("Calls that a model made, by what they came to.", "model tool verdict tier"),
    "prevented": ("Wrong calls that no client got to see.", "model tool how"),
    "retries": ("Times that a model was asked once more.", "model why"),
    "empty_turns": ("Turns that ended without a word or a call.", "model"),
    "leaked_markers": ("Special tokens in what clients got; always 0.", "model"),
    "lost_results": ("Calls whose result the client did not bring back.", "model"),
    "steering_requests": ("Requests that steering took beyond the first.", "model"),
    "thrown_away_tokens": ("Tokens generated for nothing by steering.", "model"),
    "prompt_tokens": ("Tokens of prompts.", "model"),
    "cached_prompt_tokens": ("Those that the engine had in its prefix cache.", "model"),
    "completion_tokens": ("Tokens of answers.", "model"),
    "model_changes": ("Times that an engine was found to run another model.", "model"),
    "traces": ("Recordings of requests, by what became of them.", "outcome"),
}
HISTOGRAMS: Final[Mapping[str, tuple[str, str, Sequence[float]]]] = {
    "first_token_seconds": (
        "From a request to the engine's first word.",
        "model",
        (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300),
    ),
    "token_gap_seconds": (
        "Between neighbouring chunks of an answer: their mean, and the longest.",
        "model which",
        (0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1, 2.5, 10),
    ),
    "request_seconds": (
        "Of a whole request.",
        "path",
        (0.01, 0.05, 0.25, 1, 2.5, 5, 10, 30, 60, 120, 300, 600),
    ),
}
GAUGES: Final[Mapping[str, tuple[str, str, str]]] = {
    "server_state": (
        "1 for the state that an inference server is in.",
        "model server state",
        "livemostrecent",
    ),
    "server_in_flight": ("Requests that a server is at work on.", "model server", "livesum"),
    "queue_waiting": ("Requests that no server has room for.", "model", "livesum"),
}
STATES: Final = ("closed", "open", "half_open")
_LOST: Final = frozenset({FindingKind.RESULT_MISSING, FindingKind.CALL_MISSING})


class Metrics:
    """What one gateway has counted."""

    def __init__(self) -> None:
        self._labels: dict[str, set[str]] = {}
        self.registry = registry = prometheus.CollectorRegistry()
        """Of this process."""
        self._counters = {
            name: prometheus.Counter(f"toolgate_{name}", text, labels.split(), registry=registry)
            for name, (text, labels) in COUNTERS.items()
        }
        self._histograms = {
            name: prometheus.Histogram(
                f"toolgate_{name}", text, labels.split(), buckets=buckets, registry=registry
            )
            for name, (text, labels, buckets) in HISTOGRAMS.items()
        }
        self._gauges = {
            name: prometheus.Gauge(
                f"toolgate_{name}",
                text,
                labels.split(),
                registry=registry,
                multiprocess_mode=mode,  # type: ignore[arg-type]
            )
            for name, (text, labels, mode) in GAUGES.items()
        }

    def observe(self, record: RequestRecord, seconds: float = 0.0) -> None:
        """Counts one finished request."""
        path = record.path if record.path in PATHS else OTHER
        self._add("requests", path, str(record.status))
        self._histograms["request_seconds"].labels(path).observe(seconds)
        if record.resend:
            self._add("resends", record.resend)
        for kind in record.repairs:
            self._add("repairs", kind)
        for kind in record.anomalies:
            self._add("anomalies", kind)
        for finding in record.findings:
            self._add("findings", finding.kind.value)
        for field in record.unknown_fields:
            self._add("unknown_fields", self._bounded("field", field, MOST_FIELDS))
        if record.model:
            lost = sum(finding.kind in _LOST for finding in record.findings)
            self._add("lost_results", record.model, amount=lost)
        if record.tally is not None:
            self._observe_answer(record.tally)

    def count_trace(self, outcome: str, amount: int = 1) -> None:
        """Recordings that were `stored`, `dropped` or `failed`."""
        self._add("traces", outcome, amount=amount)

    def count_model_change(self, model: str) -> None:
        """`model` is what was served until then."""
        self._add("model_changes", model)

    def look_at(self, model: str, servers: Sequence[ServerState], waiting: int) -> None:
        """How a model's servers are now."""
        self._gauges["queue_waiting"].labels(model).set(waiting)
        for one in servers:
            for state in STATES:
                gauge = self._gauges["server_state"].labels(model, one.server, state)
                gauge.set(state == one.state)
            if one.in_flight is not None:
                in_flight = self._gauges["server_in_flight"].labels(model, one.server)
                in_flight.set(one.in_flight)

    def render(self) -> bytes:
        """The page that Prometheus reads, of all processes that keep their counters together."""
        if SHARED_FOLDER not in os.environ:
            return prometheus.generate_latest(self.registry)
        together = prometheus.CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return prometheus.generate_latest(together)

    def _observe_answer(self, tally: Tally) -> None:
        model = tally.model
        for call in tally.calls:
            tool = self._tool(call.name) if call.declared else OTHER
            self._add("calls", model, tool, call.verdict.value, call.tier or "none")
        declared = {call.name for call in tally.calls if call.declared} | {SEVERAL}
        for (name, how), amount in Tallied(tally.prevented).items():
            tool = self._tool(name) if name in declared else OTHER
            self._add("prevented", model, tool, how, amount=amount)
        for why in tally.retries:
            self._add("retries", model, why)
        for counter, amount in _amounts(tally).items():
            self._add(counter, model, amount=amount)
        if tally.first_seconds is not None:
            self._histograms["first_token_seconds"].labels(model).observe(tally.first_seconds)
        # one observation takes some microseconds, as much as a tenth of a streamed chunk
        if tally.gaps:
            gaps = self._histograms["token_gap_seconds"]
            gaps.labels(model, "mean").observe(sum(tally.gaps) / len(tally.gaps))
            gaps.labels(model, "longest").observe(max(tally.gaps))

    def _add(self, counter: str, *labels: str, amount: int = 1) -> None:
        """Also 0, so that what has not happened yet can be seen not to have happened."""
        self._counters[counter].labels(*labels).inc(amount)

    def _tool(self, name: str) -> str:
        return self._bounded("tool", name, MOST_TOOLS)

    def _bounded(self, label: str, value: str, most: int) -> str:
        known = self._labels.setdefault(label, set())
        if len(value) > LONGEST_FIELD or (value not in known and len(known) == most):
            return OTHER
        known.add(value)
        return value


def _amounts(tally: Tally) -> Mapping[str, int]:
    """Those that are told by model alone."""
    return {
        "empty_turns": tally.empty_turns,
        "leaked_markers": tally.leaked,
        "steering_requests": tally.steering_requests,
        "thrown_away_tokens": tally.thrown_away,
        "prompt_tokens": tally.prompt_tokens,
        "cached_prompt_tokens": tally.cached_tokens,
        "completion_tokens": tally.completion_tokens,
    }
