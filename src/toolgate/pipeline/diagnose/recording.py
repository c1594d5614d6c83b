"""What failed in a request that toolgate recorded, by what it noted at the time.

Nothing is judged anew: of most recordings the texts were masked. (`toolgate trace replay` reads
those anew that are whole.)
"""

from collections.abc import Iterator, Mapping
from typing import Final

from toolgate.core.events import AnomalyKind
from toolgate.pipeline.call_report import Verdict
from toolgate.pipeline.diagnose.failure import Failure, FailureKind
from toolgate.pipeline.diagnose.output import name_anomaly
from toolgate.pipeline.finding import FindingKind
from toolgate.pipeline.trace import Recording, Trace

CLIENT_GONE: Final = 499
_REFUSED: Final = 400
_VERDICTS: Final[Mapping[Verdict, FailureKind]] = {
    Verdict.MALFORMED: FailureKind.ARGUMENTS_NOT_JSON,
    Verdict.UNDECLARED: FailureKind.UNDECLARED_TOOL,
    Verdict.SCHEMA_INVALID: FailureKind.SCHEMA_VIOLATION,
}
_TOLD: Final = frozenset(
    {
        AnomalyKind.INVALID_ARGUMENTS,
        AnomalyKind.UNDECLARED_TOOL,
        AnomalyKind.SCHEMA_VIOLATION,
    }
)
"""What the calls' verdicts tell, with their names."""
_FINDINGS: Final[Mapping[FindingKind, FailureKind]] = {
    FindingKind.RESULT_MISSING: FailureKind.RESULT_MISSING,
    FindingKind.CALL_MISSING: FailureKind.CALL_MISSING,
    FindingKind.CALL_LOOP: FailureKind.CALL_LOOP,
}


def judge_recording(recording: Recording) -> Iterator[Failure]:
    """All that was noted of it. A client that left is no failure."""
    if recording.error or (recording.status >= _REFUSED and recording.status != CLIENT_GONE):
        yield Failure(FailureKind.FAILED, f"{recording.status} {recording.error:.180}".rstrip())
    for finding in recording.findings:
        if kind := _FINDINGS.get(finding.kind):
            yield Failure(kind, finding.sentence)
    for trace in recording.traces:
        yield from _judge_turn(trace)


def _judge_turn(trace: Trace) -> Iterator[Failure]:
    is_cut = trace.message.finish_reason == "length"
    for call in trace.calls:
        kind = _VERDICTS.get(call.verdict)
        if kind and not (is_cut and call.verdict is Verdict.MALFORMED):
            yield Failure(kind, f"{call.name}: {call.verdict.value}", call.name)
    if is_cut:
        yield Failure(FailureKind.TRUNCATED, "at the token limit")
    for anomaly in trace.message.anomalies:
        if anomaly.kind not in _TOLD and not (is_cut and anomaly.kind is AnomalyKind.CUT_CALL):
            yield name_anomaly(anomaly)
