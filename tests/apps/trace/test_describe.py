"""A recording in words."""

import pytest
from msgspec.structs import replace

from tests.engines.traces.recordings import make_recording, make_trace
from toolgate.apps.trace.describe import describe, describe_row
from toolgate.core.events import Anomaly, AnomalyKind
from toolgate.engines.traces.row import summarize
from toolgate.pipeline.call_report import CallReport, Verdict
from toolgate.pipeline.enforcer import Dropped
from toolgate.pipeline.enforcer.steering_report import SteeringReport
from toolgate.pipeline.repair import Repair, RepairKind
from toolgate.pipeline.tier import Tier


def test_a_row_is_one_line():
    line = describe_row(summarize(make_recording()))
    assert "req_1  kimi  tool_calls  3.0s  look  cut_call,call_loop  Where is Ann?" in line
    assert describe_row(summarize(make_recording(traces=(), anomalies=(), findings=()))).endswith(
        "-"
    )


def test_the_whole():
    said = describe(make_recording())
    assert "POST /v1/chat/completions  req_1" in said
    assert "⟦<|im_user|>⟧user⟦<|im_middle|>⟧Where is  Ann?" in said
    assert "  call: look: valid" in said and "  finish: tool_calls" in said
    assert "finding: call_loop: It calls and calls." in said


def test_what_was_odd():
    trace = make_trace()
    odd = replace(
        trace,
        repairs=(Repair(RepairKind.NULL_CONTENT, "messages[0]"),),
        calls=(
            CallReport(
                name="look",
                declared=True,
                verdict=Verdict.HEALED,
                dropped=(Dropped("#", "multipleOf"),),
            ),
        ),
        steering=SteeringReport(steers=2, prevented=["lokk:0"]),
        message=replace(trace.message, anomalies=(Anomaly(AnomalyKind.CUT_CALL, detail="look"),)),
    )
    said = describe(make_recording(traces=(odd,), error="It died.", status=503))
    for line in (
        "error: It died.",
        "  repair: null_content at messages[0]",
        "  call: look: healed (not held: multipleOf)",
        "  steering: 2 corrections",
        "  prevented: lokk:0",
        "  anomaly: cut_call look",
    ):
        assert line in said


@pytest.mark.parametrize(
    ("tier", "told"),
    [
        (Tier.GRAMMAR, "tier grammar, steering under it"),
        (Tier.STEERING, "tier steering"),
    ],
)
def test_a_net_under_a_grammar_is_told(tier: Tier, told: str):
    trace = replace(make_trace(), tier=tier, steering=SteeringReport())
    assert f"turn t: kimi_k2, {told}\n" in describe(make_recording(traces=(trace,)))


def test_a_model_cannot_command_a_terminal():
    hostile = replace(make_trace(), output="\x1b[2J\x07 gone\n")
    assert "\\x1b[2J\\x07 gone\n" in describe(make_recording(traces=(hostile,)))
