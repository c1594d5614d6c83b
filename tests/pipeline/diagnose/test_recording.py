"""What toolgate noted in a recording is told in the same classes."""

from msgspec.structs import replace

from tests.engines.traces.recordings import CALL, make_recording, make_trace
from toolgate.pipeline.call_report import CallReport, Verdict
from toolgate.pipeline.diagnose.failure import FailureKind as Kind
from toolgate.pipeline.diagnose.recording import judge_recording
from toolgate.pipeline.finding import Finding, FindingKind
from toolgate.pipeline.trace import Recording, Trace


def kinds(recording: Recording) -> list[Kind]:
    return [one.kind for one in judge_recording(recording)]


def turn(raw: str) -> list[Kind]:
    return kinds(make_recording(findings=(), traces=(make_trace(raw),)))


def verdict(trace: Trace, name: str, of: Verdict) -> Trace:
    return replace(trace, calls=(CallReport(name=name, declared=True, verdict=of),))


def test_a_good_turn_has_nothing():
    assert turn(CALL) == turn("It rains.") == []


def test_calls_by_their_verdicts():
    assert turn(CALL.replace("look:0", "other:0")) == [Kind.UNDECLARED_TOOL]
    assert turn(CALL.replace('"Secret 42"', "3")) == [Kind.SCHEMA_VIOLATION]
    broken = verdict(make_trace("Hi"), "look", Verdict.MALFORMED)
    (failure,) = judge_recording(make_recording(findings=(), traces=(broken,)))
    assert (failure.kind, failure.about) == (Kind.ARGUMENTS_NOT_JSON, "look")
    assert turn("") == [Kind.EMPTY_TURN]
    assert turn(CALL.removesuffix("<|tool_calls_section_end|>")) == [Kind.DEVIATION]


def test_a_cut_answer_is_told_once():
    trace = make_trace(CALL[:-70])
    message = replace(trace.message, finish_reason="length")
    assert trace.message.anomalies
    found = kinds(make_recording(findings=(), traces=(replace(trace, message=message),)))
    assert found.count(Kind.TRUNCATED) == 1 and Kind.ARGUMENTS_NOT_JSON not in found


def test_errors_and_clients_that_left():
    assert kinds(Recording(id="r", started=0, status=502)) == [Kind.FAILED]
    assert kinds(Recording(id="r", started=0, status=200, error="broke")) == [Kind.FAILED]
    assert kinds(Recording(id="r", started=0, status=499)) == []


def test_findings():
    told = tuple(Finding(kind, "So it is.") for kind in FindingKind)
    assert kinds(Recording(id="r", started=0, findings=told)) == [
        Kind.RESULT_MISSING,
        Kind.CALL_MISSING,
        Kind.CALL_LOOP,
    ]
