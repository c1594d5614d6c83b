"""What became of each call, by the events that told it."""

import pytest

from toolgate.core.chunk import Chunk
from toolgate.core.conversation import Conversation, Message, ToolSpec
from toolgate.core.events import Anomaly, AnomalyKind, Event, ToolCallEnd, ToolCallStart
from toolgate.dialects import get_dialect
from toolgate.pipeline.call_report import Verdict, report_calls
from toolgate.pipeline.enforcer import Dropped
from toolgate.pipeline.tier import Tier
from toolgate.pipeline.turn import Turn

SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer", "multipleOf": 7, "minimum": 3}},
    "required": ["a"],
}
TOOLS = (ToolSpec("f", parameters=SCHEMA),)
BEGIN, ARGUMENTS, END = (
    "<|tool_call_begin|>",
    "<|tool_call_argument_begin|>",
    "<|tool_call_end|>",
)


@pytest.mark.parametrize(
    ("name", "arguments", "verdict"),
    [
        ("f", '{"a": 7}' + END, Verdict.VALID),
        ("f", '{"a": 7' + END, Verdict.HEALED),
        ("f", '{"a": "x"}' + END, Verdict.SCHEMA_INVALID),
        ("f", '{"a": "x"' + END, Verdict.SCHEMA_INVALID),
        ("f", "nonsense" + END, Verdict.MALFORMED),
        ("g", '{"a": 7}' + END, Verdict.UNDECLARED),
        ("g", "nonsense" + END, Verdict.MALFORMED),
        ("f", '{"a": ', Verdict.MALFORMED),
    ],
)
def test_each_call_has_its_verdict(name, arguments, verdict):
    asked = Conversation(messages=(Message(role="user", content="Hi"),), tools=TOOLS)
    turn = Turn(asked, get_dialect("kimi_k2"))
    fine = f'{BEGIN}functions.f:0{ARGUMENTS}{{"a": 14}}{END}'
    turn.receive(Chunk(text=f"<|tool_calls_section_begin|>{fine}{BEGIN}functions.{name}:1"))
    turn.receive(Chunk(text=f"{ARGUMENTS}{arguments}", finish_reason="length"))
    turn.finish()
    first, second = turn.report_calls()
    assert (first.name, first.verdict, first.declared) == ("f", Verdict.VALID, True)
    assert (second.name, second.verdict, second.declared) == (name, verdict, name == "f")


def test_anomalies_outside_of_calls_are_no_faults_of_theirs():
    odd = Anomaly(AnomalyKind.CUT_CALL)
    events: list[Event] = [odd, ToolCallStart(0, "c", "f", ""), ToolCallEnd(0), odd, ToolCallEnd(0)]
    assert [call.verdict for call in report_calls(events, TOOLS)] == [Verdict.VALID]


@pytest.mark.parametrize(
    ("tier", "grammar", "has_net", "dropped"),
    [
        (Tier.GRAMMAR, "gbnf", False, ("multipleOf",)),
        (Tier.GRAMMAR, "gbnf", True, ()),
        (Tier.STEERING, "none", True, ()),
        (Tier.GRAMMAR, "none", False, ()),
        (Tier.UNHELD, "gbnf", False, ()),
    ],
)
def test_keywords_that_were_not_held_are_named(tier, grammar, has_net, dropped):
    events: list[Event] = [
        ToolCallStart(0, "c", "f", ""),
        ToolCallEnd(0),
        ToolCallStart(1, "d", "g", ""),
    ]
    known, unknown = report_calls(events, TOOLS, tier=tier, grammar=grammar, has_net=has_net)
    assert tuple(one.keyword for one in known.dropped) == dropped
    assert all(isinstance(one, Dropped) for one in known.dropped)
    assert (known.tier, unknown.dropped) == (tier, ())
