"""A recorded turn is read once more, and what differs is told."""

import pytest
from msgspec.structs import replace

from toolgate.core.assemble import AssembledMessage
from toolgate.core.chunk import CallDelta, Chunk
from toolgate.core.conversation import Conversation, Message, ToolChoice, ToolSpec
from toolgate.core.events import Anomaly, AnomalyKind
from toolgate.dialects import get_dialect
from toolgate.pipeline.chat_turn import ChatTurn
from toolgate.pipeline.masking import mask_trace
from toolgate.pipeline.packed import pack_trace, unpack_trace
from toolgate.pipeline.replayed import Difference, Replayed, compare
from toolgate.pipeline.trace import Heard, Trace, decode_trace, encode_trace
from toolgate.pipeline.turn import Turn

KIMI = get_dialect("kimi_k2")
TOOLS = (ToolSpec("look", parameters={"type": "object", "properties": {"at": {"enum": ["Rome"]}}}),)
BEGIN, ARGUMENTS = "<|tool_call_begin|>", "<|tool_call_argument_begin|>"
CALL = f'{BEGIN}functions.look:0{ARGUMENTS}{{"at": "Rome"}}<|tool_call_end|>'
MARKERS = {901: BEGIN, 902: ARGUMENTS, 903: "<|tool_call_end|>"}


def record(turn: Turn, *chunks: Chunk) -> Trace:
    heard = []
    for chunk in chunks:
        events = tuple(turn.receive(chunk))
        heard.append(
            Heard(
                0.0,
                text=chunk.text,
                reasoning=chunk.reasoning,
                calls=chunk.calls,
                token_ids=chunk.token_ids,
                finish_reason=chunk.finish_reason,
                events=events,
            )
        )
    heard.append(Heard(0.0, events=tuple(turn.finish())))
    return decode_trace(encode_trace(turn.trace(heard=heard)))


def asked(**more: object) -> Conversation:
    message = Message(role="user", content="Hi")
    return Conversation(messages=(message,), tools=TOOLS, **more)  # type: ignore[arg-type]


TRACES = {
    "text": record(Turn(asked(), KIMI), Chunk(text=f"Well. {CALL}", finish_reason="stop")),
    "cut": record(Turn(asked(), KIMI), Chunk(text=CALL[:70], finish_reason="length")),
    "forced": record(
        Turn(asked(tool_choice=ToolChoice("required")), KIMI, profile="k2-0905"),
        Chunk(text=f'look:0{ARGUMENTS}{{"at": "Rome"}}', finish_reason="stop"),
    ),
    "ids": record(
        Turn(asked(), KIMI, marker_ids=MARKERS),
        Chunk(text=f"It writes {BEGIN}.", token_ids=(1, 2, 3)),
        Chunk(text=BEGIN, token_ids=(901,)),
        Chunk(text="functions.look:0", token_ids=(4,)),
        Chunk(text=f"{ARGUMENTS}{{}}", token_ids=(902, 5)),
        Chunk(text="<|tool_call_end|>", token_ids=(903,), finish_reason="stop"),
    ),
    "told": record(
        ChatTurn(asked(), KIMI),
        Chunk(reasoning="Hm."),
        Chunk(
            calls=(CallDelta(index=0, id="a", name="look", arguments='{"at": "Rome"}'),),
            finish_reason="tool_calls",
        ),
    ),
    "empty": record(Turn(asked(), KIMI), Chunk(finish_reason="stop")),
}


@pytest.mark.parametrize("name", TRACES)
def test_the_same_parser_reads_the_same(name):
    trace = TRACES[name]
    now = Replayed(trace, KIMI)
    assert compare(trace.message, now.message, masked=False) == []
    assert now.message == trace.message
    assert now.prompt == trace.prompt


def test_these_traces_are_of_different_kinds():
    assert [len(trace.message.tool_calls) for trace in TRACES.values()] == [1, 1, 1, 1, 1, 0]
    assert TRACES["ids"].message.content == f"It writes {BEGIN}."
    assert TRACES["ids"].marker_ids == MARKERS


def test_what_differs_is_told():
    trace = TRACES["text"]
    (call,) = trace.message.tool_calls
    then = replace(
        trace.message,
        content="Well",
        tool_calls=(replace(call, arguments="{}"), call),
        anomalies=(Anomaly(AnomalyKind.CUT_CALL),),
    )
    assert compare(then, Replayed(trace, KIMI).message, masked=False) == [
        Difference("content", "Well", "Well. "),
        Difference("call 0, arguments", "{}", '{"at": "Rome"}'),
        Difference("call 1", "look", ""),
        Difference("call 1, arguments", '{"at": "Rome"}', ""),
        Difference("call 1, complete", "True", ""),
        Difference("anomalies", "cut_call", "call_without_section"),
    ]


@pytest.mark.parametrize("name", ["text", "cut", "ids"])
def test_a_redacted_trace_is_read_the_same_way(name):
    trace = TRACES[name]
    packed = mask_trace(pack_trace(trace), "redacted", special=KIMI.special, marker_ids=MARKERS)
    masked = decode_trace(encode_trace(unpack_trace(packed)))
    assert compare(masked.message, Replayed(masked, KIMI).message, masked=True) == []


def test_a_schema_cannot_judge_what_was_masked():
    violation = AssembledMessage(anomalies=(Anomaly(AnomalyKind.SCHEMA_VIOLATION),))
    assert compare(violation, AssembledMessage(), masked=True) == []
    assert len(compare(violation, AssembledMessage(), masked=False)) == 1
