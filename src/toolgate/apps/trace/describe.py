"""A recording in words, for a terminal."""

from collections.abc import Iterator
from datetime import datetime

from toolgate.core.prompt import Special
from toolgate.engines.traces.row import Row
from toolgate.pipeline.tier import Tier
from toolgate.pipeline.trace import Recording, Trace


def describe_row(row: Row) -> str:
    """One line: when, which, how it ended, what was odd."""
    odd = [*row.anomalies, *row.findings]
    parts = [
        f"{datetime.fromtimestamp(row.started):%Y-%m-%d %H:%M:%S}",
        row.id,
        row.model or "-",
        row.outcome,
        f"{row.seconds:.1f}s",
        ",".join(row.tools) or "-",
        ",".join(odd) or "-",
        row.title,
    ]
    return "  ".join(map(_printable, parts)).rstrip()


def describe(recording: Recording) -> str:
    """The whole, from the request to the answer; special tokens of the prompt stand in ⟦⟧."""
    return "\n".join(_lines(recording))


def _lines(recording: Recording) -> Iterator[str]:
    yield f"{recording.method} {recording.path}  {recording.id}"
    yield f"client: {recording.client}  asked for: {recording.asked_model or '-'}"
    yield f"model: {recording.model or '-'}  engine: {recording.engine or '-'}"
    yield f"status: {recording.status}  after {recording.seconds:.2f} s"
    if recording.error:
        yield f"error: {recording.error}"
    for finding in recording.findings:
        yield f"finding: {finding.kind}: {finding.sentence}"
    for trace in recording.traces:
        yield from map(_printable, _turn_lines(trace))


def _turn_lines(trace: Trace) -> Iterator[str]:
    yield ""
    net = ", steering under it" if trace.tier is Tier.GRAMMAR and trace.steering else ""
    yield f"turn {trace.turn_id}: {trace.dialect}, tier {trace.tier or '-'}{net}"
    for repair in trace.repairs:
        yield f"  repair: {repair.kind} at {repair.where}"
    prompt = "".join(
        f"⟦{one.text}⟧" if isinstance(one, Special) else one.text for one in trace.prompt.segments
    )
    yield f"  prompt: {prompt}"
    yield f"  output: {trace.output}"
    for call in trace.calls:
        dropped = f" (not held: {', '.join(one.keyword for one in call.dropped)})"
        yield f"  call: {call.name}: {call.verdict}{dropped if call.dropped else ''}"
    if trace.steering:
        yield f"  steering: {trace.steering.steers} corrections"
        yield from (f"  prevented: {text}" for text in trace.steering.prevented)
    for anomaly in trace.message.anomalies:
        yield f"  anomaly: {anomaly.kind} {anomaly.detail}".rstrip()
    yield f"  finish: {trace.message.finish_reason}"


def _printable(text: str) -> str:
    """What a model wrote may hold a terminal's own commands."""
    return "".join(one if one.isprintable() or one == "\n" else repr(one)[1:-1] for one in text)
