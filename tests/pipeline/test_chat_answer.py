"""What an upstream tells as text, as reasoning and as calls becomes one message."""

import pytest

from toolgate.core.assemble import AssembledMessage, assemble
from toolgate.core.chunk import CallDelta, Chunk
from toolgate.core.conversation import ToolChoice, ToolSpec
from toolgate.core.dialect import State
from toolgate.core.events import AnomalyKind
from toolgate.dialects import get_dialect
from toolgate.pipeline.chat_answer import ChatAnswer

LOOK = ToolSpec("look", "", {"type": "object", "properties": {"city": {"type": "string"}}})
WRITTEN = (
    "<|tool_calls_section_begin|><|tool_call_begin|>functions.look:0<|tool_call_argument_begin|>"
    '{"city": "Oslo"}<|tool_call_end|><|tool_calls_section_end|>'
)
TOLD = Chunk(calls=(CallDelta(index=0, id="x", name="look", arguments='{"city": "Oslo"}'),))
HALF = Chunk(calls=(CallDelta(index=0, id="x", name="look", arguments='{"city": "Os'),))


def answer_of(dialect: str = "kimi_k2", choice: str = "auto") -> ChatAnswer:
    mode = ToolChoice("none") if choice == "none" else ToolChoice()
    return ChatAnswer(get_dialect(dialect), tools=[LOOK], tool_choice=mode, turn_id="t")


def read(*chunks: Chunk, reason: str | None = "stop", **settings: str) -> AssembledMessage:
    answer = answer_of(**settings)
    events = [event for chunk in chunks for event in answer.feed(chunk)]
    return assemble(events + answer.finish(reason))


def kinds(message: AssembledMessage) -> list[AnomalyKind]:
    return [anomaly.kind for anomaly in message.anomalies]


@pytest.mark.parametrize("dialect", ["kimi_k2", "kimi_k3"])
def test_reasoning_text_and_calls(dialect):
    thought, more, said = Chunk(reasoning="Hm, "), Chunk(reasoning="so."), Chunk(text="On it.")
    message = read(thought, more, said, TOLD, reason="tool_calls", dialect=dialect)
    assert (message.reasoning, message.content) == ("Hm, so.", "On it.")
    assert [(call.name, call.arguments) for call in message.tool_calls] == [
        ("look", '{"city": "Oslo"}')
    ]
    assert (message.finish_reason, message.anomalies) == ("tool_calls", ())


def test_reasoning_alone_and_reasoning_before_a_call_are_closed():
    assert kinds(read(Chunk(reasoning="Hm."))) == []
    assert kinds(read(Chunk(reasoning="Hm."), TOLD)) == []


def test_reasoning_that_the_upstream_left_in_the_text():
    message = read(Chunk(text="<think>Hm.</think>Hi."))
    assert (message.reasoning, message.content) == ("Hm.", "Hi.")


def test_reasoning_that_ended_by_itself():
    message = read(Chunk(reasoning="Hm.</think>"), Chunk(text="Hi."))
    assert (message.reasoning, message.content, message.anomalies) == ("Hm.", "Hi.", ())


def test_reasoning_inside_reasoning_that_the_model_wrote():
    message = read(Chunk(text="<think>a"), Chunk(reasoning="b"), Chunk(text="c</think>d"))
    assert (message.reasoning, message.content) == ("abc", "d")


@pytest.mark.parametrize("place", ["text", "reasoning"])
def test_a_call_that_the_upstream_left_as_it_was_written(place):
    raw = Chunk(text=WRITTEN) if place == "text" else Chunk(reasoning=WRITTEN)
    message = read(raw)
    assert [call.name for call in message.tool_calls] == ["look"]
    assert (message.content, message.reasoning, message.finish_reason) == ("", "", "tool_calls")


@pytest.mark.parametrize("steps", [(Chunk(text=WRITTEN), TOLD), (TOLD, Chunk(text=WRITTEN))])
def test_a_call_told_and_written_is_one(steps):
    message = read(*steps)
    assert len(message.tool_calls) == 1
    assert kinds(message) == [AnomalyKind.CALL_TOLD_TWICE]
    assert message.finish_reason == "tool_calls"


@pytest.mark.parametrize("reason", ["length", None])
def test_a_cut_call_stays_cut(reason):
    message = read(HALF, reason=reason)
    assert message.finish_reason == "length"
    assert [call.complete for call in message.tool_calls] == [False]


def test_a_stop_in_the_middle_of_a_string_is_a_cut():
    message = read(HALF, reason="stop")
    assert message.finish_reason == "length"
    assert not message.tool_calls[0].complete


def test_forbidden_calls_are_refused():
    message = read(Chunk(text="No."), TOLD, reason="tool_calls", choice="none")
    assert (message.tool_calls, message.finish_reason) == ((), "stop")
    assert kinds(message) == [AnomalyKind.CALL_REFUSED]


def test_text_after_a_call_comes_after_it():
    answer = answer_of()
    answer.feed(TOLD)
    assert answer.state is State.TEXT
    message = read(TOLD, Chunk(text="Done."))
    assert message.content == "Done."


def test_reasoning_of_a_family_that_marks_none():
    chunks = [Chunk(reasoning="Hm, "), Chunk(reasoning="yes."), Chunk(text="It rains.")]
    message = read(*chunks, dialect="llama3")
    assert (message.reasoning, message.content) == ("Hm, yes.", "It rains.")
    assert message.anomalies == ()
