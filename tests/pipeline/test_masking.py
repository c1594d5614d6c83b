"""What is masked holds nothing of what was said, and still adds up."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgate.core.chunk import CallDelta, Chunk
from toolgate.core.conversation import (
    Conversation,
    MediaPart,
    Message,
    Options,
    TextPart,
    ToolCall,
    ToolChoice,
    ToolSpec,
)
from toolgate.core.events import Finish
from toolgate.dialects import get_dialect
from toolgate.pipeline.enforcer.steering_report import SteeringReport
from toolgate.pipeline.finding import Finding, FindingKind
from toolgate.pipeline.masking import Contents, mask_findings, mask_trace
from toolgate.pipeline.notes import Notes
from toolgate.pipeline.packed import pack_trace, unpack_trace
from toolgate.pipeline.parse import parse
from toolgate.pipeline.repair import Repair, RepairKind
from toolgate.pipeline.tier import Tier
from toolgate.pipeline.trace import Heard, Sent, Trace
from toolgate.pipeline.turn import Turn

KIMI = get_dialect("kimi_k2")
SECRETS = ("ann", "4711", "blackmail", "zebra", "krypton", "pelican", "quartz", "walrus")
SCHEMA = {
    "type": "object",
    "properties": {
        "zebra": {"type": "string", "description": "krypton", "enum": ["walrus", 4711]},
        "size": {"type": "integer", "multipleOf": 7, "minimum": 3, "default": {"x": ["ann", True]}},
    },
}
CONVERSATION = Conversation(
    messages=(
        Message(role="system", content="blackmail"),
        Message(role="user", content=(TextPart("Where is ann?"), MediaPart("image", "pelican"))),
        Message(
            role="assistant",
            content=None,
            tool_calls=(
                ToolCall("quartz", "look", '{"at": "walrus"}', native_id="functions.look:0"),
            ),
            reasoning_content="pelican",
            reasoning=None,
        ),
        Message(role="tool", content="4711", tool_call_id="quartz", name="look"),
        Message(role="walrus", content="", tools=(ToolSpec("late", "krypton"),)),
    ),
    tools=(ToolSpec("look", "Looks for krypton.", SCHEMA, True), ToolSpec("any", parameters=True)),
    tool_choice=ToolChoice("auto", "look"),
    options=Options(temperature=0.5, stop=("zebra",), template={"x": "quartz"}),
)
SAID = (
    "<think>Is it ann\\u0041 or \\n 4711?</think>It is pelican."
    "<|tool_calls_section_begin|><|tool_call_begin|>functions.look:1"
    '<|tool_call_argument_begin|>{"zebra": "blackmail", "size": 4711}<|tool_call_end|>'
    "<|tool_call_begin|>functions.walrus:2<|tool_call_argument_begin|>{krypton<|tool_call_end|>"
    "<|tool_calls_section_end|>"
)
MARKERS = {163600: "<|tool_call_begin|>"}


def make_trace(said: str = SAID, conversation: Conversation = CONVERSATION) -> Trace:
    repairs = (Repair(RepairKind.NULL_CONTENT, "messages[2]", "walrus"),)
    fallback = Finding(FindingKind.FALLBACK_MODEL, "It is down.", ("ann",))
    lost = Finding(FindingKind.RESULT_MISSING, "One is lost.", ("messages[1]",))
    notes = Notes(repairs, (fallback, lost))
    turn = Turn(conversation, KIMI, profile="k2-thinking", notes=notes)
    turn.tier = Tier.GRAMMAR
    turn.steering = SteeringReport(steers=1, prevented=["ann zebra"])
    heard = []
    for start in range(0, len(said), 7):
        chunk = Chunk(text=said[start : start + 7])
        events = tuple(turn.receive(chunk))
        call = CallDelta(id="c", name="walrus", arguments="krypton")
        heard.append(Heard(0.5, text=chunk.text, calls=(call,), events=events))
    heard.append(Heard(0.6, token_ids=(5, 163600), events=tuple(turn.finish())))
    heard.append(Heard(0.7, events=(Finish("stop", "zebra"),)))
    body = {"temperature": 0.5, "stream": True, "messages": ["ann"], "grammar": "walrus"}
    sent = [Sent(0.1, "/completion", body, (1, 163600, 2)), Sent(0.2, "/chat", body)]
    return turn.trace(sent=sent, heard=heard, grammar="gbnf")


def mask(trace: Trace, contents: Contents) -> Trace:
    masked = mask_trace(pack_trace(trace), contents, special=KIMI.special, marker_ids=MARKERS)
    return unpack_trace(masked)


def test_on_keeps_everything():
    assert mask(make_trace(), "on") == make_trace()


@pytest.mark.parametrize("contents", ["off", "redacted"])
def test_nothing_that_was_said_is_left(contents):
    before = msgspec.json.encode(make_trace()).decode()
    assert all(secret in before for secret in SECRETS)
    after = msgspec.json.encode(mask(make_trace(), contents)).decode()
    kept = {"zebra"} if contents == "redacted" else set()  # the names of a schema's properties
    assert {secret for secret in SECRETS if secret in after} == kept


@pytest.mark.parametrize("contents", ["off", "redacted"])
def test_how_it_was_said_is_left(contents):
    before, after = make_trace(), mask(make_trace(), contents)
    assert len(after.output) == len(before.output)
    assert [len(one.text) for one in after.heard] == [len(one.text) for one in before.heard]
    assert "".join(one.text for one in after.heard) == after.output
    assert after.output.count("<|tool_call_begin|>") == 2
    assert len(str(after.prompt)) == len(str(before.prompt))
    assert after.message.tool_calls[0].name == "look"
    assert [call.verdict for call in after.calls] == [call.verdict for call in before.calls]
    assert after.sent[0].prompt_ids == (-1, 163600, -1) and after.sent[1].prompt_ids is None
    assert after.sent[0].body == {"temperature": 0.5, "stream": True}
    assert after.heard[-2].token_ids == (-1, 163600)
    call, result = after.conversation.messages[2].tool_calls[0], after.conversation.messages[3]
    assert call.id == result.tool_call_id == "call0"
    assert after.conversation.options.temperature == 0.5


def test_off_leaves_no_more_than_lengths():
    after = mask(make_trace(), "off")
    assert after.message.content == "·" * len("It is pelican.")
    assert after.conversation.tools == (ToolSpec("look", strict=True), ToolSpec("any"))


def test_redacted_leaves_what_holds_a_text_together():
    after = mask(make_trace(), "redacted")
    assert after.message.content == "Xx xx xxxxxxx.".lower()
    assert "functions.look:1" in after.output and "functions.xxxxxx:1" in after.output
    assert '{"xxxxx": "xxxxxxxxx", "xxxx": 1111}' in after.output
    assert after.message.reasoning == "xx xx xxx\\u0078 xx \\n 1111?"
    size = after.conversation.tools[0].parameters["properties"]["size"]  # type: ignore[index]
    assert size == {
        "type": "integer",
        "multipleOf": 7,
        "minimum": 3,
        "default": {"x": ["xxx", True]},
    }
    (look, _), schema = after.conversation.tools, after.conversation.tools[0].parameters
    assert look.description == "xxxxx xxx xxxxxxx."
    assert isinstance(schema, dict)
    assert schema["properties"]["zebra"] == {
        "type": "string",
        "description": "xxxxxxx",
        "enum": ["xxxxxx", 1],
    }


def test_a_conversation_without_tools_and_text():
    bare = Conversation(messages=(Message(role="user", content="ann"),))
    trace = mask(make_trace("ann", bare), "redacted")
    assert trace.message.content == "xxx"
    masked = mask_trace(pack_trace(trace), "off", special=frozenset(), marker_ids={})
    assert masked.trace.message.content == "···"


def test_why_a_server_failed_is_for_those_who_may_read_all():
    findings = make_trace().findings
    assert mask_findings(findings, "on") == findings
    assert [one.evidence for one in mask_findings(findings, "off")] == [(), ("messages[1]",)]


VALUES: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(VALUES, st.booleans())
def test_json_is_still_json(value, is_ascii):
    text = json.dumps({"a": value}, ensure_ascii=is_ascii)
    said = f"<|tool_call_begin|>functions.look:0<|tool_call_argument_begin|>{text}<|tool_call_end|>"
    masked = mask(make_trace(said), "redacted").output
    (before,), (after,) = parse(said).tool_calls, parse(masked).tool_calls
    if before.complete and before.arguments == text:
        json.loads(after.arguments)
        assert len(after.arguments) == len(text)
