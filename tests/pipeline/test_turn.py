"""One request and its answer, without any engine: prompts, events, remarks, forced calls."""

from typing import Any

import pytest
from msgspec.structs import replace

from toolgate.core.chunk import Chunk, Usage
from toolgate.core.conversation import Conversation, Message, Options, ToolChoice, ToolSpec
from toolgate.core.events import Anomaly, AnomalyKind, Event, Finish, ToolCallStart
from toolgate.core.prompt import Prompt
from toolgate.dialects import get_dialect
from toolgate.errors import InvalidRequest
from toolgate.pipeline.enforcer import AUTO
from toolgate.pipeline.enforcer.steering_report import SteeringReport
from toolgate.pipeline.turn import Turn

KIMI = get_dialect("kimi_k2")
WEATHER = ToolSpec(
    "get_weather",
    "Weather of a city",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
ASK = Conversation(messages=(Message(role="user", content="Weather in Oslo?"),), tools=(WEATHER,))
CALL = (
    "<|tool_call_begin|>functions.get_weather:{}<|tool_call_argument_begin|>"
    '{{"city": "{}"}}<|tool_call_end|>'
)
SECTION = "<|tool_calls_section_begin|>{}<|tool_calls_section_end|>"


def turn_of(conversation: Conversation = ASK, **options: Any) -> Turn:
    changed = replace(conversation, options=Options(**options)) if options else conversation
    return Turn(changed, KIMI, profile="k2-0905", turn_id="t")


def play(turn: Turn, *texts: str, reason: str = "stop") -> list[Event]:
    events = [event for text in texts for event in turn.receive(Chunk(text=text))]
    turn.receive(Chunk(finish_reason=reason, usage=Usage(prompt_tokens=3, completion_tokens=5)))
    return events + turn.finish()


def kinds(turn: Turn) -> list[AnomalyKind]:
    return [anomaly.kind for anomaly in turn.message.anomalies]


def test_the_prompt_ends_in_the_assistants_header():
    assert str(turn_of().prompt).endswith("<|im_assistant|>assistant<|im_middle|>")


def test_a_call_comes_out_whole():
    turn = turn_of()
    events = play(turn, "On it.", SECTION.format(CALL.format(0, "Oslo")))
    assert turn.message.content == "On it."
    assert [(call.name, call.arguments) for call in turn.message.tool_calls] == [
        ("get_weather", '{"city": "Oslo"}')
    ]
    assert events[-1] == Finish("tool_calls") and turn.message.finish_reason == "tool_calls"
    assert turn.usage == Usage(prompt_tokens=3, completion_tokens=5)
    assert turn.message.anomalies == ()


def test_ids_differ_between_turns_of_the_same_output():
    ids = set()
    for turn_id in ("a", "b"):
        turn = Turn(ASK, KIMI, turn_id=turn_id)
        play(turn, SECTION.format(CALL.format(0, "Oslo") + CALL.format(0, "Oslo")))
        ids |= {call.id for call in turn.message.tool_calls}
    assert len(ids) == 4


def test_another_answer_to_the_same_prompt_begins_anew():
    rendered: list[Conversation] = []

    def render(conversation: Conversation, profile: str | None) -> Prompt:
        rendered.append(conversation)
        return KIMI.render(conversation, profile)

    first = Turn(ASK, replace(KIMI, render=render), turn_id="a")
    play(first, "<think>Hm.</think>Hello", reason="length")
    second = first.again("b", Options(temperature=0.5))
    assert second.prompt is first.prompt
    assert len(rendered) == 1
    assert (second.options, first.options) == (Options(temperature=0.5), Options())
    assert (second.turn_id, first.turn_id) == ("b", "a")
    assert (second.output, second.usage, second.token_count, second.done) == ("", None, 0, False)
    play(second, SECTION.format(CALL.format(0, "Oslo")))
    assert (second.message.content, second.message.reasoning) == ("", "")
    assert second.message.finish_reason == "tool_calls"
    assert (first.message.content, first.message.finish_reason) == ("Hello", "length")


def test_f9_arguments_that_break_the_schema_are_remarked_and_passed_on():
    turn = turn_of()
    play(turn, SECTION.format(CALL.format(0, "Oslo").replace("city", "town")))
    assert kinds(turn) == [AnomalyKind.SCHEMA_VIOLATION]
    assert "city" in turn.message.anomalies[0].detail
    assert turn.message.tool_calls[0].arguments == '{"town": "Oslo"}'


def test_a_cut_call_is_not_checked_against_its_schema():
    turn = turn_of()
    play(turn, SECTION.format(CALL.format(0, "Oslo")).partition("lo")[0], reason="length")
    assert turn.message.finish_reason == "length"
    assert kinds(turn) == [AnomalyKind.CUT_CALL]
    assert not turn.message.tool_calls[0].complete


def test_tokens_of_reasoning_are_counted_with_its_markers():
    turn = turn_of()
    ids = {spelling: token_id for token_id, spelling in KIMI.token_ids.items()}
    turn.receive(Chunk(text="Hm", token_ids=(1,)))
    turn.receive(Chunk(text="<think>", token_ids=(ids["<think>"],)))
    turn.receive(Chunk(text="I look.", token_ids=(2, 3)))
    turn.receive(Chunk(text="</think>", token_ids=(ids["</think>"],)))
    turn.receive(Chunk(text="Yes."))
    assert (turn.token_count, turn.reasoning_count) == (6, 4)
    assert turn.message.reasoning == "I look."


@pytest.mark.parametrize(
    ("said", "end"),
    [
        ("Sunny.", Finish("stop", "END")),
        (SECTION.format(CALL.format(0, "Oslo")), Finish("tool_calls")),
    ],
)
def test_the_stop_string_that_ended_the_answer_is_told_unless_it_called(said, end):
    turn = turn_of()
    turn.receive(Chunk(text=said))
    turn.receive(Chunk(finish_reason="stop", stop_string="END"))
    assert turn.finish()[-1] == end


@pytest.mark.parametrize(("text", "is_empty"), [("", True), (" \n", True), ("ok", False)])
def test_a_turn_that_says_nothing_is_remarked(text: str, is_empty: bool):
    turn = turn_of()
    play(turn, text)
    assert (AnomalyKind.EMPTY_TURN in kinds(turn)) is is_empty


def test_a_call_that_steering_completed_is_remarked_on():
    for completed in (0, 1):
        turn = turn_of()
        turn.steering = SteeringReport(steers=3, completed=completed)
        turn.receive(Chunk(text="Hello"))
        turn.finish()
        assert (AnomalyKind.COMPLETED_CALL in kinds(turn)) is bool(completed)


def test_parallel_calls_forbidden_stops_after_the_first():
    turn = turn_of(parallel_tool_calls=False)
    first, second = CALL.format(0, "Oslo"), CALL.format(1, "Rome")
    events = turn.receive(Chunk(text=SECTION.format(first + second)))
    assert turn.done
    assert turn.receive(Chunk(text="more")) == []
    assert turn.token_count == 1
    events += turn.finish()
    assert [event for event in events if isinstance(event, ToolCallStart)] == events[:1]
    assert turn.message.finish_reason == "tool_calls"
    assert len(turn.message.tool_calls) == 1


@pytest.mark.parametrize("engine_reason", ["stop", "length"])
def test_parallel_calls_forbidden_and_the_engine_stops_within_the_first(engine_reason):
    turn = turn_of(parallel_tool_calls=False)
    cut = SECTION.format(CALL.format(0, "Oslo")).partition("<|tool_call_end|>")[0]
    events = turn.receive(Chunk(text=cut, finish_reason=engine_reason)) + turn.finish()
    assert events[-1] == Finish("tool_calls" if engine_reason == "stop" else "length")
    assert len(turn.message.tool_calls) == 1


def test_f8_a_named_choice_begins_the_call_in_the_prompt():
    asked = replace(ASK, tool_choice=ToolChoice("named", "get_weather"))
    turn = turn_of(asked)
    assert str(turn.prompt).endswith(
        "<|im_middle|><|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0"
        "<|tool_call_argument_begin|>"
    )
    play(turn, '{"city": "Oslo"}<|tool_call_end|><|tool_calls_section_end|>')
    assert turn.message.tool_calls[0].native_id == "functions.get_weather:0"
    assert turn.message.tool_calls[0].arguments == '{"city": "Oslo"}'
    assert turn.message.finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("profile", "thought"),
    [("k2-0905", ""), ("k2-thinking", "<think></think>"), ("k2.5", "<think></think>")],
)
def test_required_begins_a_call_and_leaves_the_name_to_the_model(profile: str, thought: str):
    asked = replace(ASK, tool_choice=ToolChoice("required"))
    turn = Turn(asked, KIMI, profile=profile)
    begun = "<|im_middle|>" + thought + "<|tool_calls_section_begin|><|tool_call_begin|>functions."
    assert str(turn.prompt).endswith(begun)
    play(turn, 'get_weather:0<|tool_call_argument_begin|>{"city": "Oslo"}<|tool_call_end|>')
    assert [call.name for call in turn.message.tool_calls] == ["get_weather"]
    assert turn.message.content == turn.message.reasoning == ""


def test_a_dialect_that_cannot_force_a_call_says_so():
    asked = replace(ASK, tool_choice=ToolChoice("required"))
    with pytest.raises(InvalidRequest, match="use `auto`"):
        Turn(asked, replace(KIMI, force_call=None))


def test_none_lets_no_call_through():
    turn = turn_of(replace(ASK, tool_choice=ToolChoice("none")))
    events = play(turn, "Sure.", SECTION.format(CALL.format(0, "Oslo")))
    assert turn.message.content == "Sure." and turn.message.tool_calls == ()
    assert turn.message.finish_reason == "stop"
    refused = [event for event in events if isinstance(event, Anomaly)]
    assert [anomaly.kind for anomaly in refused] == [AnomalyKind.CALL_REFUSED]
    assert '{"city": "Oslo"}' in refused[0].raw


def test_log_probabilities_are_taken_once():
    turn = turn_of()
    turn.receive(Chunk(text="a", logprobs=({"token": "a", "logprob": -0.5},)))
    assert [entry["token"] for entry in turn.take_logprobs()] == ["a"]
    assert turn.take_logprobs() == []


def test_no_marker_stands_among_the_log_probabilities():
    marker, word = ({"token": text, "logprob": -0.5} for text in ("<|im_end|>", "a"))
    turn = turn_of()
    turn.receive(Chunk(text="a", logprobs=(marker, word | {"top_logprobs": [marker, word]})))
    assert turn.take_logprobs() == [word | {"top_logprobs": [word]}]


def test_a_tool_that_a_message_adds_is_declared_too_but_not_in_the_head():
    added = Message(role="tool", content="Found.", tools=(WEATHER,))
    turn = turn_of(Conversation(messages=(*ASK.messages, added)))
    play(turn, SECTION.format(CALL.format(0, "Oslo").replace("city", "town")))
    assert "tool_declare" not in str(turn.prompt)
    assert kinds(turn) == [AnomalyKind.SCHEMA_VIOLATION]


def test_token_ids_tell_a_marker_from_its_spelling():
    spelled = CALL.format(0, "Oslo")
    turn = turn_of()
    turn.receive(Chunk(text=spelled, token_ids=tuple(range(9))))
    assert turn.finish() and turn.message.content == spelled


def test_the_parser_starts_where_the_prompt_ended():
    turn = Turn(ASK, KIMI, profile="k2.5")
    play(turn, "I look.</think>Hi")
    assert (turn.message.reasoning, turn.message.content) == ("I look.", "Hi")


def test_the_trace_tells_everything():
    turn = turn_of()
    play(turn, "Hi")
    trace = turn.trace()
    assert trace.output == turn.output == "Hi"
    assert trace.prompt == turn.prompt and trace.message == turn.message
    assert (trace.dialect, trace.profile, trace.turn_id) == ("kimi_k2", "k2-0905", "t")


def test_where_calls_are_forbidden_their_markers_are_too():
    """Else the model begins one all the same, and says nothing else (vllm#42747)."""
    forbidden = replace(ASK, tool_choice=ToolChoice("none"), options=Options(logit_bias={"5": 1.0}))
    turn = Turn(forbidden, KIMI, marker_ids={7: "<|tool_call_begin|>", 9: "<|im_end|>"})
    assert turn.options.logit_bias == {"5": 1.0, "7": -100.0}
    assert {"163595", "163597"} == set(Turn(forbidden, KIMI).options.logit_bias or {}) - {"5"}
    assert turn_of().options.logit_bias is None


def test_the_assistants_turn_follows_whatever_the_template_is_told():
    turn = turn_of(template={"add_generation_prompt": False, "thinking": True})
    assert str(turn.prompt).endswith("<|im_assistant|>assistant<|im_middle|>")
    assert turn.options.template == {"thinking": True}


def test_log_probabilities_tell_nothing_of_a_call():
    turn = turn_of()
    for text in ("Hi", *SECTION.format(CALL.format(0, "Oslo")).replace("<|", " <|").split(" ")):
        turn.receive(Chunk(text=text, logprobs=({"token": text, "logprob": -1.0},)))
    assert [entry["token"] for entry in turn.take_logprobs()] == ["Hi"]


@pytest.mark.parametrize("choice", [ToolChoice("required"), ToolChoice("named", "get_weather")])
def test_a_held_turn_is_not_forced_by_its_prompt(choice):
    asked = replace(ASK, tool_choice=choice)
    held, free = Turn(asked, KIMI, enforcement=AUTO), Turn(asked, KIMI)
    assert held.constraint is not None and held.constraint.required
    assert free.constraint is None
    assert str(free.prompt).startswith(str(held.prompt)) and held.prompt != free.prompt


def test_where_calls_are_forbidden_nothing_is_held():
    turn = Turn(replace(ASK, tool_choice=ToolChoice("none")), KIMI, enforcement=AUTO)
    assert turn.constraint is None


def test_a_turn_that_is_asked_again_goes_on_from_the_prompt():
    turn = turn_of()
    wrong = Message(role="assistant", content="Hm.")
    error = Message(role="user", content="No.")
    again = turn.again("u", Options(seed=1), (wrong, error))
    head = str(turn.prompt).removesuffix("<|im_assistant|>assistant<|im_middle|>")
    assert str(again.prompt).startswith(f"{head}<|im_assistant|>assistant<|im_middle|>Hm.")
    assert str(again.prompt).endswith("No.<|im_end|><|im_assistant|>assistant<|im_middle|>")
    assert (again.retries, turn.retries, again.options.seed) == (1, 0, 1)
    assert again.trace().retries == 1
